"""A receiver of webhooks that takes everything at once, over connections that stay; in a process of its own.

`python -m bench.receivers COUNT`: as many of them, each at a port of its own.
"""

import asyncio
import sys
from typing import Any

import uvloop

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Receiver(asyncio.Protocol):
    def __init__(self) -> None:
        self._held = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._held[:end]).lower()
            length = 0
            if b"content-length:" in head:
                length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
            if len(self._held) < end + 4 + length:
                return
            del self._held[: end + 4 + length]
            self._transport.write(ANSWER)


async def run(count: int) -> None:
    """Serve until the process is ended; the first line says all ports."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Receiver, "127.0.0.1", 0) for _ in range(count)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    print(" ".join(map(str, ports)), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1])))
