"""Listeners to a stream, in a process of their own: they say when all are there, and when each event arrived.

`python -m bench.listeners` reads what to do as JSON from standard input.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop

MARK = b"event: alert\n"
PATIENCE = 60.0


@dataclass(slots=True)
class Hall:
    """Everybody who listens: how many were let in, and when each event came to each of them."""

    wanted: int
    events: int
    begun: int = 0
    arrivals: list[list[float]] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def let_in(self) -> None:
        self.begun += 1
        if self.begun == self.wanted:
            self.full.set()

    def came(self, number: int) -> None:
        self.arrivals[number].append(time.monotonic())
        if number == self.events - 1 and len(self.arrivals[number]) == self.wanted:
            self.over.set()


class Listener(asyncio.Protocol):
    def __init__(self, request: bytes, hall: Hall) -> None:
        self._request, self._hall = request, hall
        self._tail, self._count, self._begun = b"", 0, False

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._begun and b" 200 " in data[:20]:
            self._begun = True
            self._hall.let_in()
        held = self._tail + data
        for _ in range(held.count(MARK)):
            if self._count < self._hall.events:
                self._hall.came(self._count)
            self._count += 1
        self._tail = held[-(len(MARK) - 1) :]


async def run(port: int, path: str, token: str, listeners: int, events: int) -> list[tuple[float, float]]:
    """Return when each event had come to half of them, and to all but a hundredth; says `ready` once all are there."""
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    hall, loop = Hall(listeners, events, arrivals=[[] for _ in range(events)]), asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Listener(head, hall), "127.0.0.1", port))[0] for _ in range(listeners)
    ]
    async with asyncio.timeout(PATIENCE):
        await hall.full.wait()
        print("ready", flush=True)
        await hall.over.wait()
    for connection in connections:
        connection.abort()
    ordered = [sorted(times) for times in hall.arrivals]
    return [(times[len(times) // 2], times[len(times) * 99 // 100]) for times in ordered]


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(**json.loads(sys.stdin.readline())))))
