"""The other side is a real socket that answers as scripted: a service that is busy, breaks off, or is none."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from service.cli import batches
from service.cli.batches import Tally, in_batches, send
from service.cli.ending import Failure
from service.cli.sheet import Line
from service.domain.errors import Fault

LINES = [Line(number, {"type": "rating", "session_id": f"s{number}"}) for number in (2, 3, 5)]
BUSY = {"status": 503, "problem": {"code": "queue-full"}}
GOOD = {"status": 201, "id": "…", "revision": 1}
WRONG = {
    "status": 422,
    "problem": {"code": "invalid", "errors": [{"pointer": "/answers/goals", "code": "out-of-range", "detail": "No."}]},
}


def end(created: int = 0, same: int = 0, changed: int = 0, refused: int = 0) -> dict[str, Any]:
    return {"end": True, "created": created, "same": same, "changed": changed, "refused": refused}


def ndjson(*answers: dict[str, Any]) -> bytes:
    numbered = [answer if "end" in answer else {"line": at, **answer} for at, answer in enumerate(answers, start=1)]
    return b"".join(json.dumps(answer).encode() + b"\n" for answer in numbered)


@dataclass
class Answer:
    """One scripted answer; `cut` bytes of it are promised and never sent."""

    body: bytes = b""
    status: int = 200
    cut: int = 0
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def answering(*script: Answer) -> Iterator[tuple[httpx.Client, list[list[str]]]]:
    """Yield a client of a server that answers by the script, and the sessions it was sent, request by request."""
    received: list[list[str]] = []
    answers = iter(script)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            assert self.headers["Content-Type"] == "application/x-ndjson"
            received.append([json.loads(line)["session_id"] for line in body.splitlines()])
            answer = next(answers)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body) + answer.cut))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}", trust_env=False) as client:
            yield client, received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "LONGEST_WAIT", 0.0)


def test_counts_what_became_of_each_line() -> None:
    tally = Tally()
    with answering(Answer(ndjson(GOOD, WRONG, {**GOOD, "status": 200}, end(created=1, same=1, refused=1)))) as (
        client,
        _,
    ):
        send(client, "/v1/batch", LINES, tally)
    refused: dict[int, tuple[Fault, ...]] = {
        3: (Fault("/answers/goals", "out-of-range", "No."),)
    }  # by the line of the file, not of the batch
    assert tally == Tally(created=1, same=1, changed=0, refused=refused)


def test_a_refusal_that_says_more_than_its_places_goes_before_them() -> None:
    tally = Tally()
    places = [{"pointer": "/answers/goals", "code": "differs", "detail": "Another value is stored."}]
    problem = {"status": 409, "problem": {"code": "rating-differs", "detail": "Stored.", "errors": places}}
    with answering(Answer(ndjson(problem, end(refused=1)))) as (client, _):
        send(client, "/v1/batch", LINES[:1], tally)
    expected = (Fault("", "rating-differs", "Stored."), Fault("/answers/goals", "differs", "Another value is stored."))
    assert tally.refused == {2: expected}


def test_a_refusal_without_a_place_keeps_its_code() -> None:
    tally = Tally()
    problem = {"status": 409, "problem": {"code": "rating-differs", "detail": "Other facts are stored."}}
    with answering(Answer(ndjson(problem, end(refused=1)))) as (client, _):
        send(client, "/v1/batch", LINES[:1], tally)
    assert tally.refused == {2: (Fault("", "rating-differs", "Other facts are stored."),)}


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(status=503, headers={"Retry-After": "3"}),
        Answer(status=429),
        Answer(status=408),
        Answer(ndjson(GOOD, GOOD)),  # the closing line never came
        Answer(ndjson(GOOD) + b'{"line": 2, "sta'),
        Answer(ndjson(GOOD, GOOD), cut=100),  # the connection broke
        Answer(b"[1]\n"),
        Answer(),
    ],
)
def test_sends_the_whole_batch_again_when_its_fate_is_unknown(trouble: Answer) -> None:
    tally = Tally()
    with answering(trouble, Answer(ndjson(GOOD, GOOD, GOOD, end(created=1, same=2)))) as (client, received):
        send(client, "/v1/batch", LINES, tally)
    assert received == [["s2", "s3", "s5"], ["s2", "s3", "s5"]]
    assert (tally.created, tally.same, tally.refused) == (1, 2, {})


def test_sends_only_those_lines_again_that_the_service_was_too_busy_for() -> None:
    tally = Tally()
    first, second = ndjson(GOOD, BUSY, BUSY, end(created=1, refused=2)), ndjson(GOOD, WRONG, end(created=1, refused=1))
    with answering(Answer(first), Answer(second)) as (client, received):
        send(client, "/v1/batch", LINES, tally)
    assert received == [["s2", "s3", "s5"], ["s3", "s5"]]
    assert (tally.created, list(tally.refused)) == (2, [5])


def test_gives_up_in_the_end() -> None:
    with (
        answering(*[Answer(status=503)] * batches.ATTEMPTS) as (client, received),
        pytest.raises(Failure, match="run the same command again later"),
    ):
        send(client, "/v1/batch", LINES, Tally())
    assert len(received) == batches.ATTEMPTS


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "does not know the key"), (403, "may not write"), (404, "is not Evenkeel"), (413, "status 413")],
)
def test_a_refused_batch_ends_the_import_at_once(status: int, said: str) -> None:
    with answering(Answer(status=status)) as (client, received), pytest.raises(Failure, match=said):
        send(client, "/v1/batch", LINES, Tally())
    assert len(received) == 1


@pytest.mark.parametrize(("status", "said"), [(401, "does not know the key"), (403, "may not write")])
def test_a_line_refused_for_its_key_ends_the_import_too(status: int, said: str) -> None:
    refused = {"status": status, "problem": {"code": "missing-scope"}}
    script = Answer(ndjson(GOOD, refused, refused, end(created=1, refused=2)))
    with answering(script) as (client, received), pytest.raises(Failure, match=said):
        send(client, "/v1/batch", LINES, Tally())
    assert len(received) == 1


def test_says_that_nobody_is_there() -> None:
    with answering() as (client, _):
        address = client.base_url
    with httpx.Client(base_url=address, trust_env=False) as late, pytest.raises(Failure, match="nothing answers"):
        send(late, "/v1/batch", LINES, Tally())


def test_no_lines_are_no_request() -> None:
    with answering() as (client, received):
        send(client, "/v1/batch", [], Tally())
    assert received == []


def test_groups_lines_in_order() -> None:
    many = [Line(number) for number in range(2 * batches.AT_ONCE + 1)]
    groups = list(in_batches(many))
    assert [len(group) for group in groups] == [batches.AT_ONCE, batches.AT_ONCE, 1]
    assert [line for group in groups for line in group] == many
