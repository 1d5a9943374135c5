"""Doing jobs: every chunk once by whoever is at it, one that cannot be judged beside the others."""

import asyncio
from collections import Counter
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import jobs
from service.db.engine import transaction
from service.db.identity import OPERATOR, create_organization
from service.db.jobs import AT_ONCE
from service.domain.job import Job, JobState, Progress, state_of
from service.jobs import begin, cancel
from service.working import do_all, do_chunk, do_job
from tests.domain.test_job import JOB
from tests.factories import NOW, held_at, post, rating_facts, srs
from tests.writes import Desk, let_in

pytestmark = pytest.mark.anyio

CASES = ("a", "b", "c", "d", "e", "f")
FALLING = (9.0, 9.0, 9.0, 9.0, 2.0)


async def _organization(desk: Desk) -> Desk:
    """Store six cases, each so long that it is a chunk of its own, and forget their alerts."""
    for case_id in CASES:
        for number, mark in enumerate(FALLING, 1):
            facts = rating_facts("ana", srs(mark), case_id=case_id, session_id=f"s{number}", held_at=held_at(number))
            await desk.one(post(facts))
    async with transaction(desk.engine, desk.organization) as db:
        held = "UPDATE cases SET held_sessions = $2 WHERE organization_id = $1"  # so that each is a chunk of its own
        await db.driver.execute(held, desk.organization, AT_ONCE)
        await db.driver.execute("DELETE FROM alerts WHERE organization_id = $1", desk.organization)
    return desk


async def _begun(desk: Desk, job: Job = JOB) -> tuple[AsyncEngine, UUID]:
    assert (await begin(desk.engine, desk.organization, OPERATOR, job)).new
    return desk.engine, desk.organization


async def _progress(desk: Desk, job: Job = JOB) -> tuple[JobState, Progress]:
    async with transaction(desk.engine, desk.organization) as db:
        found = await jobs.job_by_id(db, job.kind, job.id)
        assert found is not None
        return state_of(*found), found[1]


async def test_several_workers_do_every_case_once(desk: Desk) -> None:
    where = await _begun(await _organization(desk))
    await asyncio.gather(*(do_job(*where, JOB.kind, JOB.id) for _ in range(3)))
    state, progress = await _progress(desk)
    stored = await desk.stored()
    stored.check()
    assert (state, progress.cases_done, progress.member_sessions) == (JobState.done, 6, 30)
    assert progress.alerts_changed == len(stored.alerts) > 6
    assert {alert.revision for alert in stored.alerts} == {1}
    async with transaction(*where) as db:  # nobody found a case that another had judged
        assert all(
            "before" not in rule for told in await jobs.job_counts(db, JOB.kind, JOB.id) for rule in told.values()
        )


async def test_a_dry_run_by_several_workers_stores_its_differences_alone(desk: Desk) -> None:
    job = replace(JOB, asked={"dry_run": True})
    where = await _begun(await _organization(desk), job)
    before = await desk.stored()
    await asyncio.gather(*(do_job(*where, JOB.kind, JOB.id) for _ in range(3)))
    assert await desk.stored() == before
    async with transaction(*where) as db:
        found = [item for _, item in await jobs.difference_page(db, JOB.kind, JOB.id, (0, 0), 99)]
    cases = Counter(item["case_id"] for item in found)
    assert set(cases) == set(CASES)
    assert len(set(cases.values())) == 1
    assert (await _progress(desk))[1].alerts_changed == len(found)


async def test_one_that_cannot_be_judged_does_not_keep_the_others_waiting(desk: Desk) -> None:
    where = await _begun(await _organization(desk))
    of_c = "organization_id = $1 AND case_id = 'c'"
    async with transaction(*where) as db:
        spoiled = '{"subsystems": []}'
        await db.driver.execute(f"UPDATE cases SET facts = '{spoiled}' WHERE {of_c}", desk.organization)
    await do_job(*where, JOB.kind, JOB.id)
    state, progress = await _progress(desk)
    assert (state, progress.cases_done, progress.cases_failed) == (JobState.failed, 5, 1)
    assert {alert.case_id for alert in (await desk.stored()).alerts} == set(CASES) - {"c"}
    async with transaction(*where) as db:
        same = "(SELECT facts FROM cases WHERE organization_id = $1 AND case_id = 'a')"
        await db.driver.execute(f"UPDATE cases SET facts = {same} WHERE {of_c}", desk.organization)
    assert not (await begin(*where, OPERATOR, JOB)).new
    await do_job(*where, JOB.kind, JOB.id)
    assert (await _progress(desk))[0] is JobState.done
    (await desk.stored()).check()


async def test_a_job_ends_where_it_is_no_longer_wanted(desk: Desk) -> None:
    where = await _begun(await _organization(desk))
    assert await do_chunk(*where, JOB.kind, JOB.id)
    await do_job(*where, JOB.kind, JOB.id, wanted=lambda: False)
    assert (await _progress(desk))[1].over == 1
    await cancel(*where, OPERATOR, JOB.kind, JOB.id, NOW)
    await do_job(*where, JOB.kind, JOB.id)
    state, progress = await _progress(desk)
    assert (state, progress.cases_done) == (JobState.cancelled, 1)
    assert len({alert.case_id for alert in (await desk.stored()).alerts}) == 1


async def test_all_jobs_of_all_organizations(desk: Desk) -> None:
    other = Desk(desk.engine, (await create_organization(desk.engine, "working elsewhere", True, NOW)).organization_id)
    await let_in(desk.engine, other.organization)
    for at_home in (desk, other):
        await _begun(await _organization(at_home))
        await _begun(at_home, replace(JOB, id="j-2", asked={"dry_run": True}))
    await do_all(desk.engine, wanted=lambda: False)
    assert (await _progress(desk))[0] is JobState.waiting
    await asyncio.gather(*(do_all(desk.engine) for _ in range(2)))
    for at_home in (desk, other):
        assert (await _progress(at_home))[0] is JobState.done
        state, progress = await _progress(at_home, replace(JOB, id="j-2"))
        assert (state, progress.alerts_changed) == (JobState.done, 0)  # the oldest job first: nothing is left to change
        (await at_home.stored()).check()
