"""A connection that hears which organizations' alerts have changed, as soon as that is committed.

What is heard is an id and nothing else; it is a hint to look, and one that is lost does no harm. A pooler that hands
every transaction another connection cannot pass it on, so the address is one of the database itself.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Text, cast, func, select

from service.db.engine import TROUBLE, Db
from service.db.statements import ORGANIZATION, Statement

NOTICE = "evenkeel_changes"  # the channel on which those who wait are told whose alerts have changed
NOTIFIED = func.pg_notify(NOTICE, cast(ORGANIZATION, Text()))
WAKE = Statement(select(NOTIFIED))
SECONDS = 5.0  # to connect, and to answer
ALIVE_SECONDS = 10.0  # between two looks whether a silent connection still is one
BREATH_SECONDS = 0.05  # in which many changes are one


async def wake(db: Db) -> None:
    """Let those who wait look, once it is committed, whether the organization has something for them."""
    await db.fetch(WAKE)


class Listening:
    """One connection that listens; `heard` is called with each organization, `lost` once when it breaks."""

    def __init__(self, connection: asyncpg.Connection, heard: Callable[[UUID], None], lost: Callable[[], None]) -> None:
        self._connection = connection
        self._heard = heard
        self._lost = lost

    async def begin(self) -> None:
        """Listen from now on."""
        self._connection.add_termination_listener(self._broke)
        await self._connection.add_listener(NOTICE, self._notified)

    async def alive(self) -> bool:
        """Tell whether the server still answers; if not, the connection is given up."""
        try:
            await self._connection.execute("SELECT 1", timeout=SECONDS)
        except TROUBLE:
            self._connection.terminate()
            return False
        return True

    async def close(self) -> None:
        """Listen no more."""
        with suppress(*TROUBLE):
            await self._connection.close(timeout=SECONDS)

    def _notified(self, connection: Any, process: int, channel: str, payload: object) -> None:
        with suppress(ValueError):  # somebody else may use the channel
            self._heard(UUID(str(payload)))

    def _broke(self, connection: Any) -> None:
        self._lost()


async def listen(address: str, heard: Callable[[UUID], None], lost: Callable[[], None]) -> Listening | None:
    """Return a connection that listens; None where none can be had."""
    try:
        connection = await asyncpg.connect(address, timeout=SECONDS, command_timeout=SECONDS)
    except TROUBLE:
        return None
    listening = Listening(connection, heard, lost)
    try:
        await listening.begin()
    except BaseException as error:  # a process that ends takes the connection along
        connection.terminate()
        if isinstance(error, TROUBLE):
            return None
        raise
    return listening


async def keep_listening(address: str | None, heard: Callable[[], None]) -> None:
    """Call `heard` whenever alerts of any organization have changed, until cancelled; never where there is no address.

    It is called too when a connection begins or is lost, since nobody knows what was not heard.
    """
    something = asyncio.Event()
    while address is not None:
        listening = await listen(address, lambda _: something.set(), something.set)
        if listening is not None:
            try:
                await _pass_on(listening, something, heard)
            finally:
                await listening.close()
        await asyncio.sleep(SECONDS)


async def _pass_on(listening: Listening, something: asyncio.Event, heard: Callable[[], None]) -> None:
    """Call `heard` as long as the connection lives, no more often than anybody can act on it."""
    while await listening.alive():
        something.clear()
        heard()
        await asyncio.sleep(BREATH_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(ALIVE_SECONDS):
                await something.wait()
