"""Sending lines to `POST /v1/batch` until every one has met its fate; sending one again is always safe."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import httpx

from service.cli.ending import Failure
from service.cli.sheet import Line
from service.domain.errors import Fault

AT_ONCE = 200  # lines of one request: a few seconds of work, so an interruption costs little
ATTEMPTS = 6
LONGEST_WAIT = 30.0  # seconds between two attempts
SOMEWHERE = "invalid"  # the code of a problem whose places say what is wrong
RETRYABLE = frozenset({408, 429, 503})
REFUSALS = {
    401: "the service does not know the key in EVENKEEL_API_KEY",
    403: "the key in EVENKEEL_API_KEY may not write ratings",
    404: "what answers at the address of --url is not Evenkeel",
}
PATIENCE = httpx.Timeout(120.0, connect=10.0)


class NotNow(Exception):
    """The service could not take a request now; `wait` is how long it asks us to stay away, if it says so."""

    def __init__(self, wait: float | None = None) -> None:
        super().__init__()
        self.wait = wait


@dataclass(slots=True)
class Tally:
    """What became of all lines so far; `refused` is line of the file → why."""

    created: int = 0
    same: int = 0
    changed: int = 0
    refused: dict[int, tuple[Fault, ...]] = field(default_factory=dict)

    def add(self, end: Mapping[str, Any]) -> None:
        self.created += int(end["created"])
        self.same += int(end["same"])
        self.changed += int(end["changed"])


def in_batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield the lines in groups of one request each."""
    rest = iter(lines)
    while batch := list(islice(rest, AT_ONCE)):
        yield batch


def send(client: httpx.Client, path: str, lines: Sequence[Line], tally: Tally) -> None:
    """Send lines and count their fates; what the service cannot take now is sent again, after a wait.

    Raises Failure when it takes none of them in the end, or is not the service.
    """
    for attempt in range(ATTEMPTS):
        try:
            lines = _once(client, path, lines, tally)
            wait = None
        except NotNow as trouble:
            wait = trouble.wait
        if not lines:
            return
        if attempt + 1 < ATTEMPTS:
            time.sleep(min(2.0**attempt if wait is None else wait, LONGEST_WAIT))
    raise Failure("the service cannot take more now; run the same command again later, it goes on where it stopped")


def _once(client: httpx.Client, path: str, lines: Sequence[Line], tally: Tally) -> list[Line]:
    """Send lines once, count what was decided, return the lines that were not."""
    if not lines:
        return []
    answers = _answers(_post(client, path, lines))
    waiting: list[Line] = []
    for answer in answers[:-1]:
        line = lines[int(answer["line"]) - 1]
        if answer["status"] in RETRYABLE:
            waiting.append(line)
        elif answer["status"] in (401, 403):
            raise Failure(_refusal(answer["status"]))
        elif answer["status"] >= 400:
            tally.refused[line.number] = _faults(answer["problem"])
    tally.add(answers[-1])
    return waiting


def _post(client: httpx.Client, path: str, lines: Sequence[Line]) -> str:
    """Return the text of a whole answer; NotNow when there was none that can be trusted."""
    content = "".join(json.dumps(line.body) + "\n" for line in lines)
    try:
        response = client.post(path, content=content, headers={"Content-Type": "application/x-ndjson"})
    except httpx.ConnectError:
        raise Failure("nothing answers at the address of --url") from None
    except httpx.TransportError:
        raise NotNow from None
    if response.status_code in RETRYABLE:
        raise NotNow(_retry_after(response))
    if response.status_code != 200:
        raise Failure(_refusal(response.status_code))
    return response.text


def _answers(text: str) -> list[dict[str, Any]]:
    """Return the answers of a batch, the closing one last; NotNow when the answer broke off before it."""
    try:
        answers: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines() if line]
        complete = bool(answers) and answers[-1].get("end") is True
    except (ValueError, AttributeError):
        complete = False
    if not complete:
        raise NotNow
    return answers


def _faults(problem: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return why a line was refused: the refusal as a whole, unless it says no more than its places do; each place."""
    places = list(problem.get("errors") or ())
    if not places or problem.get("code") != SOMEWHERE:
        places.insert(0, {"code": problem.get("code"), "detail": problem.get("detail")})
    return tuple(
        Fault(str(place.get("pointer") or ""), str(place.get("code") or "refused"), str(place.get("detail") or ""))
        for place in places
    )


def _refusal(status: int) -> str:
    """Return one line about a refusal that every further line would meet too."""
    return REFUSALS.get(status, f"the service refused the whole batch with status {status}")


def _retry_after(response: httpx.Response) -> float | None:
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isascii() and seconds.isdigit() else None
