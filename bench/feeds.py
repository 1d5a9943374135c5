"""The feed and the stream: a page of changes, the answer that nothing is new, and events to many listeners."""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import httpx

from bench.clocks import process_seconds
from bench.load import Load, Seen
from bench.measures import MANY, Stage
from bench.rows import Row, alternate, ratio, row_of, with_ratio
from bench.stage import PATIENCE, Server, load, serving, settings_of

DELIVERIES = 30_000  # of one measurement: events × listeners
PER_SECOND = {100: 50.0, 1000: 10.0}  # events, by how many listen
NOOP, EVENT = "/v1/alerts", "event.json"

Publish = Callable[[int], None]


def feeds(stage: Stage) -> list[Row]:
    """Compare a page of changes, and the answer that there are none, with a no-op that answers the same bytes."""
    headers = {"Authorization": f"Bearer {stage.token}"}
    with httpx.Client(base_url=stage.server.address, headers=headers, trust_env=False) as client:
        page = client.get("/v1/changes?limit=50")
        cursor = page.json()["cursor"]
        while (more := client.get("/v1/changes", params={"limit": 200, "after": cursor})).json()["items"]:
            cursor = more.json()["cursor"]
    files = [stage.folder / "changes.json", stage.folder / "none.json"]
    for file, answered in zip(files, (page, more), strict=True):
        file.write_bytes(answered.content)
    paths = {"a page of 50": "/v1/changes?limit=50", "nothing new": f"/v1/changes?after={cursor}"}
    rows = []
    for (what, path), file in zip(paths.items(), files, strict=True):
        with serving("bench.noop", str(file), str(file)) as noop:
            ours, other = partial(_asked, stage, stage.server, path), partial(_asked, stage, noop, NOOP)
            found = alternate(stage.size.rounds, {"ours": ours, "noop": other})
        against = row_of("no-op that answers the same bytes", found["noop"], note="GET ÷ this")
        rates = [[seen.rate for seen in found[name]] for name in ("ours", "noop")]
        rows += [row_of(f"GET /v1/changes, {what}, 16 clients", found["ours"]), with_ratio(against, ratio(*rates))]
    return rows


def _asked(stage: Stage, server: Server, path: str) -> Seen:
    what = Load(server.port, MANY, stage.size.seconds, stage.size.warm, stage.token, path)
    return load(what, server, stage.data_dir)


@dataclass(frozen=True, slots=True)
class Heard:
    """What events to many listeners cost: microseconds of the server each, KiB a listener, milliseconds on the way."""

    cpu: float
    memory: float
    p50: float
    p99: float


def streams(stage: Stage) -> list[Row]:
    """Compare the processor time of an event to one of many listeners with the framework's own stream."""
    rows = []
    numbers = itertools.count()
    for listeners in PER_SECOND:
        events = max(5, DELIVERIES // listeners // (1 if stage.size.rounds > 1 else 10))
        rounds = range(stage.size.rounds)
        pairs = [(_ours(stage, listeners, events, numbers), _framework(stage, listeners, events)) for _ in rounds]
        ours, theirs = ([pair[which] for pair in pairs] for which in (0, 1))
        against = _row("the framework's own, a queue for each", theirs, "; processor time of ours ÷ this")
        rows += [_row(f"an event to one of {listeners} who stream", ours), with_ratio(against, _share(ours, theirs))]
    return rows


def _share(ours: list[Heard], theirs: list[Heard]) -> float:
    return ratio([item.cpu for item in ours], [item.cpu for item in theirs])


def _row(what: str, heard: list[Heard], note: str = "") -> Row:
    return Row(
        what,
        p50=median(item.p50 for item in heard),
        p99=median(item.p99 for item in heard),
        server_cpu=median(item.cpu for item in heard),
        note=f"{median(item.memory for item in heard):.0f} KiB a listener{note}",
    )


def _ours(stage: Stage, listeners: int, events: int, numbers: Iterator[int]) -> Heard:
    """Let alerts open for those who stream them."""
    headers = {"Authorization": f"Bearer {stage.token}"}
    woken = {**settings_of(stage.database), "EVENKEEL_LISTEN_DATABASE_URL": stage.database.address()}
    with (
        serving("service", "serve", "--port", "0", env=woken) as server,
        httpx.Client(base_url=server.address, headers=headers, trust_env=False) as client,
    ):

        def alarm(number: int) -> None:
            client.put(f"/v1/cases/stream-{next(numbers)}/sessions/s1", json=ALARM).raise_for_status()

        def newest() -> str:
            found = client.get("/v1/alerts?limit=1").json()
            data = json.dumps(found["items"][0], separators=(",", ":"))
            (stage.folder / EVENT).write_text(data, encoding="utf-8")
            return f"/v1/changes/stream?after={found['changes_cursor']}"

        alarm(0)
        return _compared(Streamed(server, newest, stage.token, events, PER_SECOND[listeners], alarm), listeners)


def _framework(stage: Stage, listeners: int, events: int) -> Heard:
    with (
        serving("bench.framework_stream", str(stage.folder / EVENT)) as server,
        httpx.Client(base_url=server.address, trust_env=False) as client,
    ):

        def publish(number: int) -> None:
            client.post(f"/publish/{number}").raise_for_status()

        return _compared(Streamed(server, lambda: "/stream", "", events, PER_SECOND[listeners], publish), listeners)


ALARM = {
    "held_at": "2026-06-01T16:00:00Z",
    "status": "held",
    "indicators_observed": True,
    "indicators": {
        "i1": {
            "kind": "hostility",
            "from": "member/ana",
            "toward": "therapist/dr-7",
            "severity": 2,
            "source": "observer/o1",
        }
    },
}


@dataclass(frozen=True, slots=True)
class Streamed:
    """A server, where to listen from now on, and how often something is published."""

    server: Server
    path: Callable[[], str]
    token: str
    events: int
    per_second: float
    publish: Publish


def _compared(streamed: Streamed, listeners: int) -> Heard:
    """Return what each further listener costs: beside one, for whom everything is stored and read as well."""
    alone, together = _heard(streamed, 1), _heard(streamed, listeners)
    more = 1e6 * (together.cpu - alone.cpu) / (streamed.events * (listeners - 1))
    return replace(together, cpu=more, memory=together.memory / listeners)


def _heard(streamed: Streamed, listeners: int) -> Heard:
    """Return what some events to some listeners took: in all, seconds and KiB."""
    server, events = streamed.server, streamed.events
    before = server.memory
    told = {"port": server.port, "path": streamed.path(), "token": streamed.token}
    told |= {"listeners": listeners, "events": events}
    popen = subprocess.Popen(
        [sys.executable, "-m", "bench.listeners"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert popen.stdin is not None
    assert popen.stdout is not None
    try:
        popen.stdin.write(json.dumps(told) + "\n")
        popen.stdin.flush()
        if popen.stdout.readline() != "ready\n":
            raise RuntimeError("the listeners were not let in")
        memory, begun, sent = server.memory, process_seconds(server.popen.pid), []
        start = time.monotonic()
        for number in range(events):
            time.sleep(max(0.0, start + number / streamed.per_second - time.monotonic()))
            sent.append(time.monotonic())
            streamed.publish(number)
        output, _ = popen.communicate(timeout=PATIENCE)
    finally:
        popen.kill()
    ended = process_seconds(server.popen.pid)
    arrived = json.loads(output)
    late = [[1000 * (came[which] - at) for came, at in zip(arrived, sent, strict=True)] for which in (0, 1)]
    taken = float("nan") if begun is None or ended is None else ended - begun
    return Heard(taken, 1024 * (memory - before), median(late[0]), median(late[1]))
