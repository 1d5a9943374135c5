"""Beginning and cancelling jobs: once by each id, taken up again by asking again, by valid keys alone."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from service.db import jobs
from service.db.engine import transaction
from service.db.identity import OPERATOR, revoke_key
from service.db.jobs import Result
from service.db.tables import AuditRow, table_of
from service.domain.job import JobKind, JobState, state_of
from service.jobs import KEPT, MOST, Asked, begin, cancel
from tests.domain.test_job import JOB
from tests.factories import KEY, NOW, post, rating_facts
from tests.writes import Desk

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(hours=1)


@pytest.fixture
async def treating(desk: Desk) -> Desk:
    """Return a desk with one case."""
    await desk.one(post(rating_facts("ana")))
    return desk


async def _close(desk: Desk, failed: str | None = None) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        chunk = await jobs.take_chunk(db, JOB.kind, JOB.id)
        assert chunk is not None
        await jobs.close_chunk(db, chunk, LATER, Result(), failed)


def _state(asked: Asked) -> JobState | None:
    return None if asked.job is None or asked.progress is None else state_of(asked.job, asked.progress)


def _code(asked: Asked) -> str | None:
    return None if asked.refusal is None else asked.refusal.code


async def _audited(desk: Desk) -> list[tuple[str, str, str]]:
    audit = table_of(AuditRow)
    mine = (audit.c.organization_id == desk.organization, audit.c.thing.startswith("reassessment/"))
    async with transaction(desk.engine, desk.organization) as db:
        rows = await db.execute(select(audit.c.key_id, audit.c.action, audit.c.thing).where(*mine).order_by(audit.c.at))
        return [(row.key_id, row.action, row.thing) for row in rows]


async def test_asking_many_times_at_once_begins_one(treating: Desk) -> None:
    where = (treating.engine, treating.organization, KEY)
    done = await asyncio.gather(*(begin(*where, JOB) for _ in range(4)))
    assert sorted(item.new for item in done) == [False, False, False, True]
    assert {_state(item) for item in done} == {JobState.waiting}
    assert await _audited(treating) == [(KEY, "reassessment.begin", "reassessment/j-1")]
    again = await begin(*where, replace(JOB, created_at=LATER))
    assert (again.new, again.job) == (False, JOB)


@pytest.mark.parametrize(("late", "kept"), [(timedelta(0), ["j-1", "j-2"]), (timedelta(seconds=1), ["j-2"])])
async def test_what_was_over_long_ago_goes_when_another_begins(
    treating: Desk, late: timedelta, kept: list[str]
) -> None:
    where = (treating.engine, treating.organization, KEY)
    await begin(*where, JOB)
    await _close(treating)
    await begin(*where, replace(JOB, id="j-2", created_at=LATER + KEPT + late))
    assert await _left(treating) == kept


async def test_what_is_not_over_stays_however_old(treating: Desk) -> None:
    where = (treating.engine, treating.organization, KEY)
    await begin(*where, JOB)
    await begin(*where, replace(JOB, id="j-2", created_at=LATER + 2 * KEPT))
    assert await _left(treating) == ["j-1", "j-2"]


async def _left(desk: Desk) -> list[str]:
    """Return the jobs that are there, after making sure that no chunk is there without its job."""
    async with transaction(desk.engine, desk.organization) as db:
        found = sorted(job.id for job, _ in await jobs.job_page(db, JOB.kind, None, 9))
        rows = await db.execute(select(jobs.chunks.c.job_id).where(jobs.chunks.c.organization_id == desk.organization))
        assert sorted(set(rows.scalars())) == found
        return found


async def test_the_same_id_for_something_else(treating: Desk) -> None:
    where = (treating.engine, treating.organization, KEY)
    await begin(*where, JOB)
    assert _code(await begin(*where, replace(JOB, asked={"dry_run": True}))) == "job-differs"
    assert (await begin(*where, replace(JOB, kind=JobKind.backtest))).new


async def test_what_failed_is_tried_again_by_asking_again(treating: Desk) -> None:
    where = (treating.engine, treating.organization, KEY)
    await begin(*where, JOB)
    await _close(treating, "ZeroDivisionError")
    assert _state(await begin(*where, JOB)) is JobState.waiting
    await _close(treating)
    assert _state(await begin(*where, JOB)) is JobState.done


async def test_cancelling(treating: Desk) -> None:
    where = (treating.engine, treating.organization, KEY)
    await begin(*where, JOB)
    first = await cancel(*where, JOB.kind, JOB.id, LATER)
    assert (_state(first), first.job) == (JobState.cancelled, replace(JOB, cancelled_at=LATER))
    again = await cancel(*where, JOB.kind, JOB.id, LATER + timedelta(hours=1))
    assert again == first
    assert _state(await begin(*where, JOB)) is JobState.cancelled  # asking again does not begin it anew
    assert [action for _, action, _ in await _audited(treating)] == ["reassessment.begin", "reassessment.cancel"]


async def test_what_is_over_cannot_be_cancelled(treating: Desk) -> None:
    where = (treating.engine, treating.organization, KEY)
    await begin(*where, JOB)
    await _close(treating)
    assert _state(await cancel(*where, JOB.kind, JOB.id, LATER)) is JobState.done
    assert _code(await cancel(*where, JOB.kind, "j-9", LATER)) == "not-found"
    assert _code(await cancel(*where, JobKind.backtest, JOB.id, LATER)) == "not-found"


async def test_a_client_gone_wild_is_stopped(treating: Desk) -> None:
    where = (treating.engine, treating.organization, KEY)
    for number in range(MOST):
        assert (await begin(*where, replace(JOB, id=f"j-{number}"))).new
    assert _code(await begin(*where, replace(JOB, id="one-more"))) == "too-many-jobs"
    assert _code(await begin(*where, replace(JOB, id="j-0"))) is None
    await cancel(*where, JOB.kind, "j-0", LATER)
    assert (await begin(*where, replace(JOB, id="one-more"))).new


async def test_who_may(treating: Desk) -> None:
    where = (treating.engine, treating.organization)
    assert _code(await begin(*where, "gone", JOB)) == "key-revoked"
    assert (await begin(*where, OPERATOR, JOB)).new
    await revoke_key(treating.engine, treating.organization, KEY, NOW)
    assert _code(await cancel(*where, KEY, JOB.kind, JOB.id, LATER)) == "key-revoked"
    assert _code(await cancel(treating.engine, uuid4(), OPERATOR, JOB.kind, JOB.id, LATER)) == "not-found"
