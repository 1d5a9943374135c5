"""A large body, read whole into a bounded file before anything of it is answered.

Answering while the client still sends would let both wait for each other: most clients read only when all is sent.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO

from starlette.requests import Request

from service.api.errors import Problem

LARGEST = 32 * 1024 * 1024
LONGEST_LINE = 64 * 1024
IN_MEMORY = 1024 * 1024
READ_SECONDS = 300


@contextmanager
def spool(folder: Path) -> Iterator[IO[bytes]]:
    """Yield an empty spool; its file, if it needs one, has no name and is gone with it."""
    with SpooledTemporaryFile(IN_MEMORY, dir=str(folder)) as file:
        yield file


async def fill(file: IO[bytes], request: Request) -> None:
    """Read a body into a spool; raises the 413 of one that is too large and the 408 of one that does not end."""
    size = 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > LARGEST:
                    raise Problem("too-large", f"At most {LARGEST // 1024 // 1024} MiB are taken in.")
                file.write(chunk)
    except TimeoutError:
        raise Problem("request-timeout") from None
    file.seek(0)


def lines(file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Yield the number and bytes of each line; None for one that is too long."""
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield number, None
        else:
            yield number, line
