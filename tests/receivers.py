"""Receivers of messages on real sockets: good ones that remember what they got, and bad ones."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Request:
    """What a receiver was sent."""

    line: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """A receiver that reads each request to its end and answers as told; `reply` may be changed while it runs."""

    reply: Reply
    address: str = ""
    keeps: int = 1  # requests of one connection, then it is closed
    connections: int = 0
    received: list[Request] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self, reply: Reply) -> None:
        """Let those who got nothing but silence have an answer after all."""
        self.reply = reply
        self.released.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            for _ in range(self.keeps):
                await self.answer(reader, writer)
        writer.close()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.received.append(Request(head[0], headers, body))
        self.arrived.set()
        if self.reply is silence:
            await self.released.wait()
        await self.reply(writer)
        await writer.drain()


def status(code: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
    """Return what answers with a status."""
    lines = [
        f"HTTP/1.1 {code} Said",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{k}: {v}" for k, v in (headers or {}).items()),
    ]
    answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return reply


def says(answer: bytes) -> Reply:
    """Return what answers with some bytes as they are."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    return reply


def dripping(answer: bytes, seconds: float = 0.05) -> Reply:
    """Return what answers byte by byte, and so slowly that it takes longer than anybody waits."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        for byte in answer:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(seconds)

    return reply


def endless(head: bytes, part: bytes) -> Reply:
    """Return what never comes to an end."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()

    return reply


async def silence(writer: asyncio.StreamWriter) -> None:
    """Answer nothing, and keep the line open until the other side hangs up."""
    await asyncio.Event().wait()


@asynccontextmanager
async def receiving(
    reply: Reply, tls: ssl.SSLContext | None = None, scheme: str | None = None
) -> AsyncIterator[Receiver]:
    """Yield a receiver on a free port of this machine."""
    receiver = Receiver(reply)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await receiver.serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    receiver.address = f"{scheme or ('https' if tls else 'http')}://127.0.0.1:{port}/evenkeel"
    try:
        yield receiver
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        while tasks:
            await asyncio.wait(tasks)
