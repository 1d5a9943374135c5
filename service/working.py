"""Doing a job chunk by chunk, each in one transaction: whoever is stopped in the middle leaves nothing of it behind."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from service.backtesting import backtest
from service.db import jobs
from service.db.engine import Db, Unavailable, transaction
from service.db.jobs import Chunk, Result
from service.domain.job import JobKind
from service.observing import error_fields
from service.reassessing import reassess

STALLED = "5min"  # without a word from a worker, then its transaction is taken back and its chunk is free again

Doing = Callable[[Db, Chunk, datetime], Awaitable[Result]]

log = structlog.get_logger()


async def _reassess(db: Db, chunk: Chunk, at: datetime) -> Result:
    keep = not chunk.job.asked["dry_run"]
    return await reassess(db, (chunk.first_case_id, chunk.last_case_id), at, keep)


async def _backtest(db: Db, chunk: Chunk, at: datetime) -> Result:
    return await backtest(db, (chunk.first_case_id, chunk.last_case_id), chunk.job.asked, at)


DOING: dict[JobKind, Doing] = {JobKind.reassessment: _reassess, JobKind.backtest: _backtest}


async def do_chunk(engine: AsyncEngine, organization_id: UUID, kind: JobKind, job_id: str) -> bool:
    """Do the next chunk of a job; False if there is none that nobody else is at.

    A chunk that cannot be done is split, and a case that cannot be judged even alone is noted, so that it keeps no
    other waiting.
    """
    at, chunk = datetime.now(UTC), None
    try:
        async with transaction(engine, organization_id) as db:
            await db.driver.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{STALLED}'")
            chunk = await jobs.take_chunk(db, kind, job_id)
            if chunk is not None:
                result = await DOING[kind](db, chunk, at)
                await jobs.close_chunk(db, chunk, at, result)
    except Unavailable:
        raise
    except Exception as error:
        if chunk is None:
            raise
        log.error("chunk_failed", kind=kind.value, **error_fields(error))
        async with transaction(engine, organization_id) as db:
            if chunk.alone:
                await jobs.close_chunk(db, chunk, at, Result(), failed=type(error).__name__)
            else:
                await jobs.split_chunk(db, chunk)
    return chunk is not None


async def do_job(
    engine: AsyncEngine, organization_id: UUID, kind: JobKind, job_id: str, wanted: Callable[[], bool] = lambda: True
) -> None:
    """Do what is left of a job, as long as it is wanted; others may do so at the same time."""
    while wanted() and await do_chunk(engine, organization_id, kind, job_id):
        pass


async def do_all(engine: AsyncEngine, wanted: Callable[[], bool] = lambda: True) -> None:
    """Do the jobs of every organization in turn, of each the oldest first, until nothing is left to do."""
    while wanted() and (waiting := await jobs.organizations_at_work(engine)):
        done = [await _some(engine, organization_id, wanted) for organization_id in waiting]
        if not any(done):
            return  # others are at what is left


TURN = 50  # chunks of one organization, then those of the next


async def _some(engine: AsyncEngine, organization_id: UUID, wanted: Callable[[], bool]) -> bool:
    """Do some chunks of an organization's jobs; False if there was none to be had."""
    async with transaction(engine, organization_id) as db:
        waiting = await jobs.open_jobs(db)
    done = 0
    for kind, job_id in waiting:
        while done < TURN and wanted() and await do_chunk(engine, organization_id, kind, job_id):
            done += 1
    return done > 0
