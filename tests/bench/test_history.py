"""What is copied in for a measure is what posting would have stored."""

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.history import History, copy_in
from bench.stage import database_of
from bench.workload import MEMBERS
from service.db.identity import OPERATOR
from service.domain.commands import Result
from service.jobs import begin
from service.working import do_job
from tests.domain.test_job import JOB
from tests.factories import held_at, post, rating_facts
from tests.worlds import World, new_world, with_engine
from tests.writes import Desk, let_in

CASES, SESSIONS = 3, 2


@pytest.fixture
def world(database_url: str) -> World:
    world = new_world(database_url)
    copy_in(database_of(database_url), History(world.organization_id, CASES, SESSIONS))
    return world


def test_it_is_judged_and_then_as_if_it_had_been_posted(world: World) -> None:
    async def judge(engine: AsyncEngine) -> None:
        await begin(engine, world.organization_id, OPERATOR, JOB)
        await do_job(engine, world.organization_id, JOB.kind, JOB.id)
        await let_in(engine, world.organization_id)
        desk = Desk(engine, world.organization_id)
        (await desk.stored()).check()
        known = (await desk.stored()).ratings[0].facts
        assert (await desk.one(post(known))).decision.result is Result.same
        await desk.one(post(rating_facts("eva", case_id=known.case_id, session_id="next", held_at=held_at(1))))
        (await desk.stored()).check()

    with_engine(world.database_url, judge)
    assert world.count("ratings") == CASES * SESSIONS * len(MEMBERS) + 1
