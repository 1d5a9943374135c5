"""The queue of jobs: cut into chunks, taken by one worker each, closed once; counts and differences page by page."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import jobs
from service.db.engine import Db, transaction
from service.db.jobs import AT_ONCE, Chunk, Result, chunks
from service.domain.job import Job, JobKind, Progress
from tests.domain.test_job import JOB
from tests.factories import NOW, held_at, post, rating_facts
from tests.writes import Desk

pytestmark = pytest.mark.anyio

KIND, ID = JOB.kind, JOB.id
HALF = AT_ONCE // 2 - 1  # with one for the case itself, two of them are a chunk
LATER = NOW + timedelta(hours=1)


async def _insert_cases(db: Db, **held_sessions: int) -> None:
    """Store cases of which nothing is known but how far they have come."""
    statement = (
        "INSERT INTO cases"
        " (organization_id, case_id, facts, announced, held_sessions, revision, created_at, changed_at)"
        " VALUES ($1, $2, '{}', false, $3, $4, $5, $5)"
    )
    for case_id, held in held_sessions.items():
        await db.driver.execute(statement, db.organization_id, case_id, max(held, 0), int(held >= 0), NOW)


async def _stored(db: Db, job: Job = JOB, **held_sessions: int) -> list[Chunk]:
    """Store cases and a job about them; return its chunks."""
    await _insert_cases(db, **held_sessions)
    assert await jobs.write_job(db, job)
    mine = (chunks.c.organization_id == db.organization_id, chunks.c.job_id == job.id, chunks.c.kind == job.kind.value)
    rows = await db.execute(select(chunks).where(*mine).order_by(chunks.c.place))
    return [Chunk(job, row.place, row.first_case_id, row.last_case_id) for row in rows]


# --- cutting


@pytest.mark.parametrize(
    ("held_sessions", "ranges"),
    [
        ({}, []),
        ({"a": 0}, [("a", "a")]),
        ({"a": 10, "b": 10, "c": 10}, [("a", "c")]),
        ({"c": HALF, "a": HALF, "B": HALF}, [("B", "a"), ("c", "c")]),  # by their bytes, as everywhere
        ({"a": 1, "b": AT_ONCE * 5, "c": AT_ONCE}, [("a", "a"), ("b", "b"), ("c", "c")]),  # one case is never cut
        ({"a": AT_ONCE - 1, "b": 0}, [("a", "a"), ("b", "b")]),
        ({"a": 1, "blank": -1, "c": 1}, [("a", "c")]),
    ],
)
async def test_a_job_is_cut_by_the_sessions_of_its_cases(
    db: Db, held_sessions: dict[str, int], ranges: list[tuple[str, str]]
) -> None:
    found = await _stored(db, JOB, **held_sessions)
    assert [(chunk.first_case_id, chunk.last_case_id) for chunk in found] == ranges
    known = await jobs.job_by_id(db, KIND, ID)
    cases = sum(held >= 0 for held in held_sessions.values())
    assert known == (JOB, Progress(cases=cases, open=len(ranges)))


async def test_of_one_id_there_is_one_job(db: Db) -> None:
    await _stored(db, a=1)
    assert not await jobs.write_job(db, replace(JOB, asked={"dry_run": True}))
    assert await jobs.write_job(db, replace(JOB, kind=JobKind.backtest))
    known = await jobs.job_by_id(db, KIND, ID)
    assert known is not None
    assert (known[0].asked, known[1].open) == ({"dry_run": False}, 1)
    assert await jobs.job_by_id(db, KIND, "j-9") is None


# --- taking and closing


async def test_no_two_workers_have_the_same_chunk(engine: AsyncEngine, organization: UUID) -> None:
    async with transaction(engine, organization) as db:
        await _stored(db, a=AT_ONCE, b=AT_ONCE)
    async with transaction(engine, organization) as one, transaction(engine, organization) as other:
        first, second = await jobs.take_chunk(one, KIND, ID), await jobs.take_chunk(other, KIND, ID)
        assert first is not None
        assert second is not None
        assert (first.first_case_id, second.first_case_id) == ("a", "b")
        async with transaction(engine, organization) as third:
            assert await jobs.take_chunk(third, KIND, ID) is None
        await jobs.close_chunk(one, first, LATER, Result())
    async with transaction(engine, organization) as db:  # the other one ended without closing it
        assert await jobs.take_chunk(db, KIND, ID) == second


async def test_who_is_lost_leaves_the_chunk_to_others(engine: AsyncEngine, organization: UUID) -> None:
    async with transaction(engine, organization) as db:
        (chunk,) = await _stored(db, a=1)
    async with transaction(engine, organization, keep=False) as db:
        assert await jobs.take_chunk(db, KIND, ID) == chunk
        await jobs.close_chunk(db, chunk, LATER, Result(alerts_changed=7))
    async with transaction(engine, organization) as db:
        known = await jobs.job_by_id(db, KIND, ID)
        assert known is not None
        assert (known[1].open, known[1].alerts_changed) == (1, 0)
        assert await jobs.take_chunk(db, KIND, ID) == chunk


async def test_what_came_of_chunks_adds_up(db: Db) -> None:
    first, second, third = await _stored(db, a=AT_ONCE, b=AT_ONCE, c=AT_ONCE)
    counted = {"sudden-drop": {"before": 2, "after": 1}}
    await jobs.close_chunk(db, first, NOW, Result(alerts_changed=2, member_sessions=30, counts=counted))
    await jobs.close_chunk(db, second, LATER, Result(alerts_changed=1, member_sessions=12))
    await jobs.close_chunk(db, second, LATER, Result(alerts_changed=99))  # over already: it stays as it is
    await jobs.close_chunk(db, third, LATER, Result(), failed="ZeroDivisionError")
    progress = Progress(
        cases=3, cases_done=2, cases_failed=1, alerts_changed=3, member_sessions=42, over=3, latest_at=LATER
    )
    assert await jobs.job_by_id(db, KIND, ID) == (JOB, progress)
    assert await jobs.job_page(db, KIND, None, 9) == [(JOB, progress)]
    assert [item for item in await jobs.job_counts(db, KIND, ID) if item] == [counted]
    assert await jobs.take_chunk(db, KIND, ID) is None
    await jobs.try_again(db, KIND, ID)
    assert await jobs.take_chunk(db, KIND, ID) == third


async def test_a_chunk_that_is_split_is_one_of_each_case(db: Db) -> None:
    first, second = await _stored(db, a=1, b=1, blank=-1, c=AT_ONCE - 5, d=1)
    assert (first.first_case_id, first.last_case_id, first.alone) == ("a", "c", False)
    assert second.alone
    await jobs.split_chunk(db, first)
    found = []
    while chunk := await jobs.take_chunk(db, KIND, ID):
        assert chunk.alone
        found.append(chunk.first_case_id)
        await jobs.close_chunk(db, chunk, NOW, Result())
    assert found == ["a", "b", "c", "d"]
    await jobs.split_chunk(db, second)  # it is over
    known = await jobs.job_by_id(db, KIND, ID)
    assert known is not None
    assert (known[1].cases_done, known[1].open, known[1].over) == (4, 0, 4)


async def test_the_largest_chunk_can_be_split(db: Db) -> None:
    """As many cases as a chunk can have, none with a session, and a chunk after them."""
    many = {f"c{number:04}": 0 for number in range(AT_ONCE + 1)}
    first, second = await _stored(db, JOB, **many)
    await jobs.split_chunk(db, first)
    known = await jobs.job_by_id(db, KIND, ID)
    assert known is not None
    assert (known[1].cases, known[1].open) == (AT_ONCE + 1, AT_ONCE + 1)
    assert second.first_case_id == f"c{AT_ONCE:04}"


async def test_differences_page_by_page(db: Db) -> None:
    first, second, third = await _stored(db, a=AT_ONCE, b=AT_ONCE, c=AT_ONCE)
    await jobs.close_chunk(db, first, NOW, Result(differences=[{"n": 1}, {"n": 2}, {"n": 3}]))
    await jobs.close_chunk(db, second, NOW, Result())
    await jobs.close_chunk(db, third, NOW, Result(differences=[{"n": 4}]))
    for size in (1, 2, 3, 4, 5):
        seen, place = [], (0, 0)
        while found := await jobs.difference_page(db, KIND, ID, place, size):
            assert len(found) <= size
            seen += [item["n"] for _, item in found]
            place = found[-1][0]
        assert seen == [1, 2, 3, 4]


# --- who has work


async def test_the_oldest_first_and_nothing_that_is_over(db: Db, engine: AsyncEngine) -> None:
    (chunk,) = await _stored(db, a=1)
    newer, cancelled = replace(JOB, id="j-0", created_at=LATER), replace(JOB, id="j-2", created_at=LATER)
    for job in (newer, cancelled, replace(JOB, kind=JobKind.backtest, id="b-1", created_at=LATER + LATER.resolution)):
        await jobs.write_job(db, job)
    await jobs.cancel_job(db, KIND, "j-2", LATER)
    assert await jobs.open_jobs(db) == [(KIND, "j-1"), (KIND, "j-0"), (JobKind.backtest, "b-1")]
    await jobs.close_chunk(db, chunk, LATER, Result())
    assert (await jobs.open_jobs(db))[0] == (KIND, "j-0")
    assert [job.id for job, _ in await jobs.job_page(db, KIND, None, 9)] == ["j-2", "j-0", "j-1"]
    assert [job.id for job, _ in await jobs.job_page(db, KIND, (LATER, "j-2"), 1)] == ["j-0"]


async def test_organizations_at_work(engine: AsyncEngine, organization: UUID) -> None:
    assert organization not in await jobs.organizations_at_work(engine)
    async with transaction(engine, organization) as db:
        (chunk,) = await _stored(db, a=1)
    assert (await jobs.organizations_at_work(engine)).count(organization) == 1
    async with transaction(engine, organization) as db:
        await jobs.close_chunk(db, chunk, NOW, Result())
    assert organization not in await jobs.organizations_at_work(engine)


async def test_cancelling_waits_for_who_is_at_it(engine: AsyncEngine, organization: UUID) -> None:
    async with transaction(engine, organization) as db:
        await _stored(db, a=AT_ONCE, b=AT_ONCE)

    async def cancel() -> None:
        async with transaction(engine, organization) as db:
            assert await jobs.lock_job(db, KIND, ID) == JOB
            await jobs.cancel_job(db, KIND, ID, LATER)

    async with transaction(engine, organization) as db:
        taken = await jobs.take_chunk(db, KIND, ID)
        assert taken is not None
        cancelling = asyncio.create_task(cancel())
        while not await _holds_somebody_up(db):
            assert not cancelling.done()
        await jobs.close_chunk(db, taken, LATER, Result(alerts_changed=1))
    await cancelling
    async with transaction(engine, organization) as db:
        assert await jobs.take_chunk(db, KIND, ID) is None
        known = await jobs.job_by_id(db, KIND, ID)
    assert known is not None
    assert known[0].cancelled_at == LATER
    assert (known[1].cases, known[1].cases_done, known[1].open, known[1].alerts_changed) == (2, 1, 0, 1)


async def _holds_somebody_up(db: Db) -> bool:
    asked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    return bool(await db.driver.fetchval(asked))


async def test_another_organization_has_none_of_it(desk: Desk) -> None:
    await desk.one(post(rating_facts("ana", held_at=held_at(1))))
    async with transaction(desk.engine, desk.organization) as db:
        await jobs.write_job(db, JOB)
    async with transaction(desk.engine, uuid4()) as stranger:
        assert await jobs.job_by_id(stranger, KIND, ID) is None
        assert await jobs.lock_job(stranger, KIND, ID) is None
        assert await jobs.take_chunk(stranger, KIND, ID) is None
        assert await jobs.open_jobs(stranger) == []
        assert await jobs.job_page(stranger, KIND, None, 9) == []
        assert await jobs.difference_page(stranger, KIND, ID, (0, 0), 9) == []
        assert await jobs.job_counts(stranger, KIND, ID) == []
        await jobs.cancel_job(stranger, KIND, ID, LATER)
    async with transaction(desk.engine, desk.organization) as db:
        assert await jobs.take_chunk(db, KIND, ID) is not None
