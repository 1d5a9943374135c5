"""Who waits for changes of alerts, and what wakes them: the database says so, or else is asked again and again."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.changes import Place, newest_place
from service.db.engine import Unavailable, transaction
from service.db.listening import Listening, listen

MOST_WAITING = 2000  # of one process, in all organizations
ASK_ALONE = 1.0  # seconds between two questions where the database cannot say anything by itself
ASK_ANYWAY = 10.0  # … and where it can, since a notice may be lost with a connection


class TooManyWait(Exception):
    """As many wait for changes as one process takes."""


@dataclass(slots=True)
class Bell:
    """What rings for all who wait for one thing; `rung` counts, so that nobody misses what rang before they waited."""

    rung: int = 0
    waiting: set[asyncio.Future[None]] = field(default_factory=set)

    def ring(self) -> None:
        """Wake everybody who waits."""
        self.rung += 1
        woken, self.waiting = self.waiting, set()
        for future in woken:
            if not future.done():
                future.set_result(None)

    def waiter(self) -> asyncio.Future[None]:
        """Return what is done once the bell rings; who does not wait for it any more takes it out."""
        future = asyncio.get_running_loop().create_future()
        self.waiting.add(future)
        return future

    async def after(self, rung: int, until: float | None = None) -> None:
        """Wait until it has rung since it had so often, or until a time of the event loop."""
        if self.rung != rung:
            return
        future = self.waiter()
        try:
            async with asyncio.timeout_at(until):
                await future
        except TimeoutError:
            pass
        finally:
            self.waiting.discard(future)


@dataclass(slots=True)
class Watch:
    """One organization's bell, how many listen to it, and what was last known of its changes."""

    bell: Bell = field(default_factory=Bell)
    listeners: int = 0
    place: Place | None = None


class Waker:
    """What wakes those of one process; `address` is one of the database itself, None where there is none.

    `ended` once nobody shall wait any more, since the process is about to end; `waits` is told how many do.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        address: str | None,
        alone: float = ASK_ALONE,
        anyway: float = ASK_ANYWAY,
        waits: Callable[[int], None] = lambda count: None,
    ) -> None:
        self.ended = False
        self._engine = engine
        self._address = address
        self._seconds = {False: alone, True: anyway}
        self._watches: dict[UUID, Watch] = {}
        self._waiting = 0
        self._waits = waits
        self._wanted = asyncio.Event()
        self._lost = asyncio.Event()
        self._listening: Listening | None = None

    @contextmanager
    def bell(self, organization_id: UUID) -> Iterator[Bell]:
        """Yield what rings when an organization's alerts may have changed; to be had before they are read."""
        if self._waiting >= MOST_WAITING:
            raise TooManyWait
        watch = self._watches.setdefault(organization_id, Watch())
        watch.listeners += 1
        self._count(1)
        self._wanted.set()
        try:
            yield watch.bell
        finally:
            watch.listeners -= 1
            self._count(-1)
            if not watch.listeners:
                del self._watches[organization_id]
            if not self._watches:
                self._wanted.clear()

    def end(self) -> None:
        """Let nobody wait any more."""
        self.ended = True
        self._ring_all()

    async def run(self) -> None:
        """Wake whoever waits, as long as the process lives; without anybody it holds no connection and asks nothing."""
        try:
            while True:
                await self._wanted.wait()
                await self._listen()
                await self._ask()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds[self._listening is not None]):
                        await self._lost.wait()
        finally:
            if self._listening is not None:
                await self._listening.close()

    async def _listen(self) -> None:
        """Have a connection that listens, if one can be had; all look anew, since nobody knows what was not heard."""
        self._lost.clear()
        if self._listening is not None and await self._listening.alive():
            return
        self._listening = None
        if self._address is not None:
            self._lost.clear()
            self._listening = await listen(self._address, self._heard, self._lost.set)
            self._ring_all()

    async def _ask(self) -> None:
        """Ask for the newest change of each organization that somebody waits for."""
        with suppress(Unavailable):
            for organization_id, watch in list(self._watches.items()):
                async with transaction(self._engine, organization_id) as db:
                    place = await newest_place(db)
                if place != watch.place:
                    watch.place = place
                    watch.bell.ring()

    def _count(self, more: int) -> None:
        self._waiting += more
        self._waits(self._waiting)

    def _heard(self, organization_id: UUID) -> None:
        watch = self._watches.get(organization_id)
        if watch is not None:
            watch.bell.ring()

    def _ring_all(self) -> None:
        for watch in self._watches.values():
            watch.bell.ring()
