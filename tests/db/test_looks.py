from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import looks
from service.db.engine import transaction
from service.db.tables import SessionRow, table_of
from service.domain.overdue import Plan
from tests.factories import NOW, START, put_session, session_facts
from tests.writes import Desk

pytestmark = pytest.mark.anyio

sessions = table_of(SessionRow)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


async def _tell(desk: Desk, name: str, on: int, plan: int | None, status: str = "held", case_id: str = "a") -> None:
    planned = None if plan is None else day(plan).isoformat()
    facts = session_facts(held_at=day(on).isoformat(), status=status, next_planned_at=planned)
    await desk.one(put_session(facts, session_id=name, case_id=case_id, at=NOW))


async def _looks(desk: Desk) -> dict[tuple[str, str], datetime | None]:
    async with transaction(desk.engine, desk.organization) as db:
        rows = await db.execute(select(sessions).where(sessions.c.organization_id == desk.organization))
        return {(row.case_id, row.session_id): row.look_at for row in rows}


async def test_a_plan_is_looked_at_in_its_time_what_is_outside_of_the_course_at_once(desk: Desk) -> None:
    await _tell(desk, "s1", 0, plan=7)
    await _tell(desk, "s2", 7, plan=None, status="cancelled")
    await _tell(desk, "s1", 0, plan=None, case_id="b")
    assert await _looks(desk) == {("a", "s1"): day(7), ("a", "s2"): NOW, ("b", "s1"): None}


async def test_those_that_wait_longest_come_first(desk: Desk, engine: AsyncEngine) -> None:
    for case_id, plan in (("a", 9), ("b", 8), ("c", 20)):
        await _tell(desk, "s1", 0, plan, case_id=case_id)
    assert desk.organization in await looks.organizations_to_look_at(engine, day(8))
    assert desk.organization not in await looks.organizations_to_look_at(engine, day(7))
    async with transaction(desk.engine, desk.organization) as db:
        assert await looks.cases_to_look_at(db, day(7), 10) == set()
        assert await looks.cases_to_look_at(db, day(10), 1) == {"b"}
        assert await looks.cases_to_look_at(db, day(10), 10) == {"a", "b"}


async def test_the_end_of_a_course_and_what_is_outside_of_it(desk: Desk) -> None:
    await _tell(desk, "s1", 0, None)
    await _tell(desk, "s2", 7, None, status="no-show")
    await _tell(desk, "s3", 3, None, status="cancelled")
    await _tell(desk, "s4", 9, None, status="scheduled")
    await _tell(desk, "s1", 0, None, case_id="b")
    async with transaction(desk.engine, desk.organization) as db:
        last, outside = await looks.around_the_end(db, ["a", "b", "nobody"])
    assert {case_id: (item.record.session_id, item.held_at) for case_id, item in last.items()} == {
        "a": ("s2", day(7)),
        "b": ("s1", day(0)),
    }
    assert sorted((item.record.session_id, item.scheduled) for item in outside) == [("s3", False), ("s4", True)]


async def test_what_was_looked_at_rests_until_its_next_time(desk: Desk) -> None:
    for case_id in ("a", "b", "c"):
        await _tell(desk, "s1", 0, 7, case_id=case_id)
    async with transaction(desk.engine, desk.organization) as db:
        await looks.looked_at(db, ["a", "b"], day(7), [("a", Plan(day(9), "s1"))])
        await looks.postpone(db, ["b", "c"], day(7), day(30))
    assert await _looks(desk) == {("a", "s1"): day(9), ("b", "s1"): None, ("c", "s1"): day(30)}
