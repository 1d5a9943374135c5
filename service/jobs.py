"""Beginning and cancelling jobs, each in one transaction; asking for the same again takes up what was interrupted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import jobs, queries, stores
from service.db.engine import Db, transaction
from service.db.identity import OPERATOR
from service.domain.commands import Refusal
from service.domain.job import Job, JobKind, JobState, Progress, state_of

KEPT = timedelta(days=30)  # at the least, after a job is over; it goes when another begins
MOST = 16  # jobs of an organization that are not over; more are a client gone wild


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of asking: the job as it stands now, and whether it is new; or why it was refused."""

    job: Job | None
    progress: Progress | None = None
    new: bool = False
    refusal: Refusal | None = None


async def begin(engine: AsyncEngine, organization_id: UUID, key_id: str, job: Job) -> Asked:
    """Store a job for workers to find; of one that is known, let those cases be tried again that failed."""
    async with transaction(engine, organization_id) as db:
        if not await _may(db, key_id, job.created_at):
            return Asked(None, refusal=Refusal("key-revoked"))
        known = await jobs.lock_job(db, job.kind, job.id)
        if known is None and len(await jobs.open_jobs(db)) >= MOST:
            return Asked(None, refusal=Refusal("too-many-jobs"))
        if known is None and await jobs.write_job(db, job):
            await jobs.forget(db, job.created_at - KEPT)
            await stores.write_audit(db, job.created_at, [(key_id, f"{job.kind}.begin", f"{job.kind}/{job.id}", None)])
            return await _asked(db, job.kind, job.id, new=True)
        found = await _asked(db, job.kind, job.id)
        if found.job is None or found.job.asked != job.asked:
            return Asked(None, refusal=Refusal("job-differs"))
        if found.progress is not None and state_of(found.job, found.progress) is JobState.failed:
            await jobs.try_again(db, job.kind, job.id)
            return await _asked(db, job.kind, job.id)
        return found


async def cancel(
    engine: AsyncEngine, organization_id: UUID, key_id: str, kind: JobKind, job_id: str, at: datetime
) -> Asked:
    """Let a job end where it is; one that is over, or was cancelled before, stays as it is."""
    async with transaction(engine, organization_id) as db:
        if not await _may(db, key_id, at):
            return Asked(None, refusal=Refusal("key-revoked"))
        if await jobs.lock_job(db, kind, job_id) is None:
            return Asked(None, refusal=Refusal("not-found"))
        found = await _asked(db, kind, job_id)
        if found.job is not None and found.progress is not None:
            if state_of(found.job, found.progress) in (JobState.waiting, JobState.running):
                await jobs.cancel_job(db, kind, job_id, at)
                await stores.write_audit(db, at, [(key_id, f"{kind}.cancel", f"{kind}/{job_id}", None)])
        return await _asked(db, kind, job_id)


async def _may(db: Db, key_id: str, at: datetime) -> bool:
    """Tell whether a key is still valid; somebody at the command line needs none."""
    if key_id == OPERATOR:
        return True
    _, keys, _ = await queries.touched_sessions(db, [], [key_id], at)
    return key_id in keys


async def _asked(db: Db, kind: JobKind, job_id: str, new: bool = False) -> Asked:
    found = await jobs.job_by_id(db, kind, job_id)
    return Asked(*found, new=new) if found is not None else Asked(None)
