"""One reading, and one encoding, of what all who stream the same of an organization are sent.

Each of them keeps its own place. Who is slower than what is kept here reads for itself, so nothing piles up for
anybody: the alerts as they stand are what is behind.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from service.api.change_documents import change_event
from service.db.bearers import Bearer, admitted
from service.db.changes import Changes, Place, changes_after, newest_place
from service.db.engine import Unavailable, transaction
from service.db.reads import AlertFilter
from service.languages import Language
from service.observing import error_fields
from service.waking import Bell, Waker

BEAT_SECONDS = 15.0  # between two signs of life: proxies cut what is silent for long, mostly after a minute
AT_ONCE = 100  # changes of one reading
KEPT = 100  # events; who has not taken them by then reads for itself

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is read: an organization's alerts, or those of a caseload, that some filters ask for; told in a language.

    `filters` names them.
    """

    engine: AsyncEngine
    waker: Waker
    clock: Callable[[], datetime]
    organization_id: UUID
    caseload: tuple[str, ...] | None
    wanted: AlertFilter
    filters: str
    language: Language

    @property
    def name(self) -> tuple[Any, ...]:
        """Return what is the same for all who are sent the same."""
        return (self.organization_id, self.caseload, self.filters, self.language)

    async def read(self, place: Place | None, bearers: Collection[Bearer]) -> tuple[Changes | None, set[Bearer]]:
        """Return the next changes after a place, and which of those who were to be sent them may not come in now."""
        async with transaction(self.engine, self.organization_id, caseload=self.caseload) as db:
            found = await changes_after(db, self.wanted, place, AT_ONCE)
            now = self.clock()
            ended = {bearer for bearer in bearers if not await admitted(db, bearer, now)}
        return found, ended

    async def newest(self) -> Place:
        """Return the place of a reader who has seen all."""
        async with transaction(self.engine, self.organization_id, caseload=self.caseload) as db:
            return await newest_place(db)

    def events(self, found: Changes, before: Place) -> list[tuple[int, bytes]]:
        """Return changes, read after a place, as numbered events."""
        now = self.clock()
        return [
            (change.number, change_event(change, self.filters, before, now, self.language)) for change in found.items
        ]


@dataclass(slots=True)
class Broadcast:
    """What is sent: the events after number `floor`, read up to `place`; it rings when there are more, and to beat.

    `listeners` counts those of each key or token, `ended` are those that may not listen any more.
    """

    source: Source
    beat_seconds: float = BEAT_SECONDS
    bell: Bell = field(default_factory=Bell)
    place: Place | None = None
    floor: int = 0
    events: deque[tuple[int, bytes]] = field(default_factory=deque)
    listeners: Counter[Bearer] = field(default_factory=Counter)
    ended: set[Bearer] = field(default_factory=set)
    task: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """Tell whether nothing will come any more."""
        return self.source.waker.ended or self.task is None or self.task.done()

    def covers(self, place: Place) -> bool:
        """Tell whether all that comes after a place is here."""
        return self.place is not None and place.epoch == self.place.epoch and place.number >= self.floor

    def after(self, place: Place) -> tuple[bytes, Place]:
        """Return the events after a place that is covered, and the place after them."""
        assert self.place is not None
        if place.number >= self.place.number:
            return b"", place
        newer = []
        for number, event in reversed(self.events):
            if number <= place.number:
                break
            newer.append(event)
        return b"".join(reversed(newer)), self.place

    async def run(self) -> None:
        """Read whenever something may have changed, as long as anybody listens."""
        clock = asyncio.get_running_loop().time
        beat = clock() + self.beat_seconds
        try:
            with self.source.waker.bell(self.source.organization_id) as bell:
                while not self.source.waker.ended:
                    rung, news = bell.rung, False
                    with suppress(Unavailable):
                        news = await self._read_on()
                    if news or clock() >= beat:
                        beat = clock() + self.beat_seconds
                        self.bell.ring()
                    await bell.after(rung, beat)
        except Exception as error:
            log.error("broadcast", **error_fields(error))
        finally:
            self.bell.ring()

    async def _read_on(self) -> bool:
        """Read up to the newest change; tell whether listeners have to look."""
        before, more = self.place, True
        if before is None:
            self._begin(await self.source.newest())
            return True
        while more:
            assert self.place is not None
            found, self.ended = await self.source.read(self.place, tuple(self.listeners))
            if found is None:  # a restore: all begin anew
                self._begin(await self.source.newest())
                return True
            self._keep(self.source.events(found, self.place), found.place)
            more = found.more
        return bool(self.ended) or self.place != before

    def _begin(self, place: Place) -> None:
        self.events.clear()
        self.place, self.floor = place, place.number

    def _keep(self, events: list[tuple[int, bytes]], place: Place) -> None:
        self.events.extend(events)
        self.place = place
        while len(self.events) > KEPT:
            self.floor, _ = self.events.popleft()


class Broadcasts:
    """Those of one process that somebody listens to."""

    def __init__(self) -> None:
        self._all: dict[tuple[Any, ...], Broadcast] = {}

    @contextmanager
    def joined(self, source: Source, bearer: Bearer) -> Iterator[Broadcast]:
        """Yield the broadcast of a source, while somebody listens."""
        name = source.name
        broadcast = self._all.get(name)
        if broadcast is None or broadcast.over:
            broadcast = self._all[name] = Broadcast(source)
            broadcast.task = asyncio.create_task(broadcast.run())
        broadcast.listeners[bearer] += 1
        try:
            yield broadcast
        finally:
            broadcast.listeners -= Counter((bearer,))
            if not broadcast.listeners and broadcast.task is not None:
                broadcast.task.cancel()
                if self._all.get(name) is broadcast:
                    del self._all[name]
