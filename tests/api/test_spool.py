import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import IO, Any

import pytest
from starlette.requests import ClientDisconnect, Request

from service.api import spool as spooling
from service.api.errors import Problem
from service.api.spool import IN_MEMORY, LARGEST, LONGEST_LINE, fill, lines, spool


def request_of(chunks: AsyncIterator[bytes]) -> Request:
    """Return a request whose body comes in chunks; when they end, the client has gone."""

    async def receive() -> dict[str, Any]:
        try:
            chunk = await anext(chunks)
        except StopAsyncIteration:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": chunk != b""}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


async def in_turn(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def spooled(content: bytes) -> IO[bytes]:
    file = tempfile.TemporaryFile()
    file.write(content)
    file.seek(0)
    return file


LONG = b"x" * LONGEST_LINE
TOLD: dict[str, tuple[bytes, list[tuple[int, bytes | None]]]] = {
    "nothing": (b"", []),
    "one without an end": (b"a", [(1, b"a")]),
    "two": (b"a\nb\n", [(1, b"a\n"), (2, b"b\n")]),
    "other ends": (b"a\r\nb\r\n", [(1, b"a\r\n"), (2, b"b\r\n")]),
    "blank ones count": (b"\n \n\ta\n\n", [(1, b"\n"), (2, b" \n"), (3, b"\ta\n"), (4, b"\n")]),
    "as long as may be": (LONG + b"\na", [(1, LONG + b"\n"), (2, b"a")]),
    "as long, at the end": (LONG, [(1, LONG)]),
    "one byte longer": (LONG + b"y\na\n", [(1, None), (2, b"a\n")]),
    "one byte longer, at the end": (b"a\n" + LONG + b"y", [(1, b"a\n"), (2, None)]),
    "many times longer": (LONG * 5 + b"\na\n" + LONG * 3, [(1, None), (2, b"a\n"), (3, None)]),
}


@pytest.mark.parametrize("kind", TOLD)
def test_lines(kind: str) -> None:
    content, expected = TOLD[kind]
    with spooled(content) as file:
        assert list(lines(file)) == expected


@pytest.mark.anyio
async def test_a_body_is_read_whole(tmp_path: Path) -> None:
    with spool(tmp_path) as file:
        await fill(file, request_of(in_turn([b"a\n", b"b", b"c\n", b""])))
        assert list(lines(file)) == [(1, b"a\n"), (2, b"bc\n")]


@pytest.mark.anyio
async def test_a_large_body_lies_on_disk_without_a_name(tmp_path: Path) -> None:
    """A killed process leaves nothing behind, since there is no name under which it could."""
    with spool(tmp_path) as file:
        await fill(file, request_of(in_turn([b"x" * IN_MEMORY, b"y", b""])))
        assert file.fileno() > 0  # it has left memory
        assert list(tmp_path.iterdir()) == []
    assert file.closed


@pytest.mark.anyio
async def test_the_largest_body(tmp_path: Path) -> None:
    half = b"x" * (LARGEST // 2)
    with spool(tmp_path) as file:
        await fill(file, request_of(in_turn([half, half, b""])))
        assert file.seek(0, 2) == LARGEST
    with spool(tmp_path) as file, pytest.raises(Problem) as refused:
        await fill(file, request_of(in_turn([half, half, b"y", b"never read"])))
    assert (refused.value.status_code, refused.value.code) == (413, "too-large")


@pytest.mark.anyio
async def test_a_body_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk comes at once, yet all of it takes too long: only a bound on the whole ends that."""

    async def dripping() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.001)
            yield b"x"

    monkeypatch.setattr(spooling, "READ_SECONDS", 0.05)
    with spool(tmp_path) as file, pytest.raises(Problem) as refused:
        await fill(file, request_of(dripping()))
    assert (refused.value.status_code, refused.value.code) == (408, "request-timeout")


@pytest.mark.anyio
async def test_a_client_that_leaves(tmp_path: Path) -> None:
    with spool(tmp_path) as file, pytest.raises(ClientDisconnect):
        await fill(file, request_of(in_turn([b"a\n", b"b\n"])))
