"""What the commands that do jobs have in common: one job in some processes, a bar while they are at it, a table."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from service.cli.database import engine_of
from service.cli.ending import Failure, Misuse, note
from service.db import jobs
from service.db.engine import Db, transaction
from service.db.identity import OPERATOR, find_organization
from service.domain.difference import Change, added_up
from service.domain.job import Job, JobKind, JobState, Progress, state_of
from service.jobs import Asked, begin
from service.processes import Which, at_work
from service.settings import Settings

LOOK = 0.5  # seconds between two looks at how far it is
CORES = os.cpu_count() or 1

OrganizationName = Annotated[str, typer.Argument(metavar="ORGANIZATION", help="Name or id.")]
Processes = Annotated[int, typer.Option(min=1, max=64, help="How many do it, each with one connection.")]
JobName = Annotated[
    str | None, typer.Option("--id", metavar="ID", help="Of the job, as its answers name it; made up without.")
]

Told = tuple[Job, Progress, list[dict[str, dict[str, int]]]]


async def find(settings: Settings, name: str) -> UUID:
    """Return the id of an organization by its name or id."""
    async with engine_of(settings) as engine:
        return (await find_organization(engine, name)).organization_id


async def done(settings: Settings, organization_id: UUID, job: Job, processes: int) -> Told:
    """Begin a job, or take it up again, do it to its end and return what came of it."""
    which = (organization_id, job.kind, job.id)
    async with engine_of(settings) as engine:
        _accepted(await begin(engine, organization_id, OPERATOR, job))
        with at_work(settings, processes, which) as working:
            await _watch(engine, which, working)
        async with transaction(engine, organization_id) as db:
            job, progress = await _job(db, job.kind, job.id)
            return _ended(job, progress), progress, await jobs.job_counts(db, job.kind, job.id)


async def interrupted(settings: Settings, organization_id: UUID, kind: JobKind, asked: Mapping[str, Any]) -> str:
    """Return the id of the job that was asked for before and is not over; without one, an id for a new job."""
    async with engine_of(settings) as engine, transaction(engine, organization_id) as db:
        for other, job_id in await jobs.open_jobs(db):
            job, _ = await _job(db, other, job_id)
            if job.kind is kind and job.asked == asked:
                note(f"goes on with {job_id}")
                return job_id
    return uuid7().hex


def show(told: Told) -> None:
    """Print what a job found, rule by rule."""
    _, progress, counts = told
    columns = ("before", "after", *(str(change) for change in Change))
    typer.echo(f"{'rule':<28}" + "".join(f"{column:>10}" for column in columns))
    for rule, numbers in added_up(counts).items():
        typer.echo(f"{rule:<28}" + "".join(f"{numbers[column]:>10}" for column in columns))
    typer.echo(f"cases: {progress.cases_done}, member-sessions: {progress.member_sessions}")


def _accepted(asked: Asked) -> None:
    """Raise why a job was refused, if it was."""
    if asked.refusal is not None and asked.refusal.code == "job-differs":
        raise Misuse("another job has this id; --id takes a new one")
    if asked.refusal is not None:
        raise Failure("too many jobs of this organization are not over yet")


async def _watch(engine: AsyncEngine, which: Which, working: Sequence[BaseProcess]) -> None:
    """Show how far a job is until its processes have ended."""
    organization_id, kind, job_id = which
    async with transaction(engine, organization_id) as db:
        _, begun = await _job(db, kind, job_id)
    with typer.progressbar(length=begun.cases, label="cases", file=sys.stderr) as bar:
        while any(process.is_alive() for process in working):
            await asyncio.sleep(LOOK)
            async with transaction(engine, organization_id) as db:
                _, now = await _job(db, kind, job_id)
            bar.update(now.cases_done + now.cases_failed - bar.pos)


async def _job(db: Db, kind: JobKind, job_id: str) -> tuple[Job, Progress]:
    found = await jobs.job_by_id(db, kind, job_id)
    if found is None:
        raise Failure("the job is gone")
    return found


def _ended(job: Job, progress: Progress) -> Job:
    """Return a job that was done; raises Failure with what to do about another one."""
    state = state_of(job, progress)
    if state is JobState.cancelled:
        raise Failure("it was cancelled")
    if state is JobState.failed:
        raise Failure(f"cases that could not be judged: {progress.cases_failed}; --id {job.id} tries them again")
    if state is not JobState.done:
        raise Failure(f"it was interrupted; --id {job.id} goes on where it stopped")
    return job
