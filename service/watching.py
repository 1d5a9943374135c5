"""Watching: a clock that notes where a session was planned and none was recorded; any number of workers at once.

A case is looked at under its lock and in one transaction with what is noted and told of it, so whoever is stopped in
the middle leaves nothing behind, and who comes second finds it done.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import looks, queries
from service.db.engine import Db, Unavailable, make_engine, transaction
from service.db.rulebooks import rulebook
from service.domain.commands import NoteOverdue
from service.domain.overdue import Look, Timed, look
from service.observing import error_fields
from service.settings import Settings
from service.writing import apply

LOOK_SECONDS = 30.0
AT_ONCE = 100  # cases in one transaction
TURN = 50  # transactions for one organization, then those of the next
LATER = timedelta(days=1)  # for a case that cannot be looked at
WATCHDOG = "watchdog"  # who writes, in the audit

log = structlog.get_logger()


async def watch(engine: AsyncEngine, now: datetime) -> None:
    """Look at every case that is to be looked at by now, organization by organization."""
    for organization_id in await looks.organizations_to_look_at(engine, now):
        for _ in range(TURN):
            if not await _look_at_some(engine, organization_id, now):
                break


async def _look_at_some(engine: AsyncEngine, organization_id: UUID, now: datetime) -> bool:
    """Look at the cases that wait longest; False if there is none."""
    async with transaction(engine, organization_id) as db:
        case_ids = await looks.cases_to_look_at(db, now, AT_ONCE)
    if case_ids:
        await _look_or_postpone(engine, organization_id, case_ids, now)
    return bool(case_ids)


async def _look_or_postpone(engine: AsyncEngine, organization_id: UUID, case_ids: set[str], now: datetime) -> None:
    """Look at some cases; one that cannot be judged even alone waits, so that it keeps no other waiting."""
    try:
        await _look_at(engine, organization_id, case_ids, now)
    except Unavailable:
        raise
    except Exception as error:
        log.error("look_failed", **error_fields(error))
        if len(case_ids) > 1:
            for case_id in sorted(case_ids):
                await _look_or_postpone(engine, organization_id, {case_id}, now)
        else:
            async with transaction(engine, organization_id) as db:
                await queries.lock_cases(db, case_ids)
                await looks.postpone(db, case_ids, now, now + LATER)


async def _look_at(engine: AsyncEngine, organization_id: UUID, case_ids: Collection[str], now: datetime) -> None:
    """Look at some cases and note what is to be noted; committed when this returns."""
    async with transaction(engine, organization_id) as db:
        found = await _looks(db, case_ids, now)
        commands = [
            NoteOverdue(
                key_id=WATCHDOG,
                received_at=now,
                shown=False,
                case_id=last.record.case_id,
                session_id=last.record.session_id,
                overdue_at=seen.overdue_at,
            )
            for last, seen in found
            if seen.overdue_at != last.record.overdue_at
        ]
        if commands:
            await apply(db, commands)
        again = [(last.record.case_id, seen.again) for last, seen in found if seen.again is not None]
        await looks.looked_at(db, case_ids, now, again)


async def _looks(db: Db, case_ids: Collection[str], now: datetime) -> list[tuple[Timed, Look]]:
    """Lock some cases and look at those that have a course."""
    locked = await queries.lock_cases(db, case_ids)
    book = await rulebook(db)
    ends, outside = await looks.around_the_end(db, locked)
    beside = defaultdict(list)
    for item in outside:
        beside[item.record.case_id].append(item)
    found = []
    for case_id, last in sorted(ends.items()):
        case = locked[case_id][0]
        given = book.history(case.family.program, case.rules_since).at(last.held_at)
        found.append((last, look(last, beside[case_id], case.family, given, now)))
    return found


@dataclass(slots=True)
class Watcher:
    """One worker that watches, by a clock."""

    engine: AsyncEngine
    clock: Callable[[], datetime]

    async def run(self, ended: asyncio.Event) -> None:
        """Look again and again until told to end."""
        while not ended.is_set():
            try:
                await watch(self.engine, self.clock())
            except Unavailable as error:
                log.warning("watchdog_unavailable", error=type(error).__name__)
            except Exception as error:
                log.error("unforeseen", **error_fields(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), LOOK_SECONDS)


@contextlib.asynccontextmanager
async def watching(settings: Settings, clock: Callable[[], datetime]) -> AsyncIterator[None]:
    """Watch until the block ends, with a connection of its own."""
    engine, ended = make_engine(settings, pool_size=1), asyncio.Event()
    task = asyncio.create_task(Watcher(engine, clock).run(ended))
    try:
        yield
    finally:
        ended.set()
        await task
        await engine.dispose()
