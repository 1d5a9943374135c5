"""The load, in a process of its own: some clients that each send, wait for the answer and send again.

`python -m bench.load` reads what to do as JSON from standard input and writes what it saw to standard output.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import repeat
from math import nan
from typing import Any

import uvloop

from bench.workload import Posts

MOST_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Load:
    """What to do: POST what `posts` tells, or GET `path` again and again."""

    port: int
    clients: int
    seconds: float
    warm: float
    token: str = ""
    path: str = "/v1/ratings"
    posts: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of it: good answers per second, their times in milliseconds, and the share of good answers.

    `answered` counts all, those before the measured time too; the processor times are in microseconds a request.
    """

    rate: float
    p50: float
    p99: float
    good: float
    answered: int = 0
    server_cpu: float = nan
    postgres_cpu: float = nan


@dataclass(slots=True)
class Tally:
    """What is noted while the load runs: the seconds of each good answer, and every status."""

    window: tuple[float, float]
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    answered: int = 0

    def note(self, status: str, sent: float) -> None:
        self.answered += 1
        if sent < self.window[0]:
            return
        self.statuses[status] += 1
        if status[0] == "2":
            self.seconds.append(time.perf_counter() - sent)

    def seen(self) -> Seen:
        ordered = sorted(self.seconds)
        if not ordered:
            raise RuntimeError(f"no good answer: {dict(self.statuses)}")
        return Seen(
            rate=len(ordered) / (self.window[1] - self.window[0]),
            p50=1000 * ordered[len(ordered) // 2],
            p99=1000 * ordered[len(ordered) * 99 // 100],
            good=len(ordered) / self.statuses.total(),
            answered=self.answered,
        )


class Client(asyncio.Protocol):
    """One connection: a request at a time, the next one when the answer is whole."""

    def __init__(self, requests: Iterator[bytes], tally: Tally) -> None:
        self._requests, self._tally = requests, tally
        self._held = bytearray()
        self._wanted = -1
        self._sent = 0.0
        self._transport: asyncio.Transport | None = None
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        now = time.perf_counter()
        if now >= self._tally.window[1]:
            self._transport.close()
            return
        self._sent = now
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        self._held += data
        if self._wanted < 0:
            end = self._held.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._held[:end]).lower()
            self._wanted = end + 4 + int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._held) >= self._wanted:
            self._tally.note(bytes(self._held[9:12]).decode(), self._sent)
            del self._held[: self._wanted]
            self._wanted = -1
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


def requests_of(load: Load, client: int) -> Iterator[bytes]:
    """Yield the whole requests that one client sends."""
    method = "GET" if load.posts is None else "POST"
    head = f"{method} {load.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if load.token:
        head += f"Authorization: Bearer {load.token}\r\n"
    if load.posts is None:
        yield from repeat(f"{head}\r\n".encode())
        return
    head += "Content-Type: application/json\r\nContent-Length: "
    for body in Posts(**load.posts).of(client):
        yield f"{head}{len(body)}\r\n\r\n".encode() + body


async def run(load: Load) -> Seen:
    """Send until the time is over; a connection that the server closes is opened again."""
    begin = time.perf_counter() + load.warm
    tally = Tally((begin, begin + min(load.seconds, MOST_SECONDS)))
    await asyncio.gather(*(_keep_on(load, number, tally) for number in range(load.clients)))
    return tally.seen()


async def _keep_on(load: Load, number: int, tally: Tally) -> None:
    requests, loop = requests_of(load, number), asyncio.get_running_loop()
    while time.perf_counter() < tally.window[1]:
        _, client = await loop.create_connection(lambda: Client(requests, tally), "127.0.0.1", load.port)
        await client.over


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(Load(**json.load(sys.stdin)))))))
