from uuid import UUID

import pytest
from sqlalchemy import bindparam, column, func, select
from sqlalchemy.dialects.postgresql import insert

from service.db.engine import Db
from service.db.statements import ORGANIZATION, Insertion, Statement, inserting
from service.db.tables import CaseRow, SessionRow, table_of
from service.domain.facts import EMPTY_CASE
from tests.factories import NOW

cases, sessions = table_of(CaseRow), table_of(SessionRow)
ONE = UUID(int=1)

ROW = {
    "case_id": "c1",
    "facts": EMPTY_CASE,
    "announced": True,
    "held_sessions": 0,
    "rules_since": 0,
    "last_session_id": None,
    "revision": 1,
    "created_at": NOW,
    "changed_at": NOW,
}
KEEP = Statement(insert(cases), cases.c.keys())
ALL = select(cases).where(cases.c.organization_id == ORGANIZATION)
READ = Statement(ALL.order_by(cases.c.case_id).limit(1))


def test_parameters_go_in_the_order_in_which_the_driver_numbers_them() -> None:
    place = func.least(column("n"), bindparam("b")) > bindparam("a")
    statement = Statement(select(column("n")).where(place, ORGANIZATION.is_not(None)))
    assert statement.arguments(ONE, {"a": 1, "b": 2}) == [2, 1, ONE]


def test_a_missing_parameter_is_a_mistake_not_a_null() -> None:
    with pytest.raises(KeyError, match="facts"):
        KEEP.arguments(ONE, {name: value for name, value in ROW.items() if name != "facts"})


@pytest.mark.anyio
async def test_rows_go_in_and_out_with_their_documents(db: Db) -> None:
    await db.run(KEEP, [ROW, {**ROW, "case_id": "c2"}])
    (row,) = await db.fetch(READ)
    assert row == {**ROW, "organization_id": db.organization_id}


@pytest.mark.anyio
async def test_no_rows_are_no_round_trip(db: Db) -> None:
    await db.run(KEEP, [])
    assert await db.fetch(READ) == []


AT_ONCE = Insertion(inserting(cases))


@pytest.mark.anyio
async def test_rows_that_go_in_at_once_are_the_same_rows(db: Db) -> None:
    rows = [{**ROW, "case_id": f"c{place}", "revision": place} for place in range(500)]
    rows[0] = {**rows[0], "last_session_id": "NULL", "facts": {"a": None, "b": '{"},\\ä'}}
    await db.insert(AT_ONCE, cases=rows[::-1])
    found = await db.fetch(Statement(ALL))
    assert sorted(found, key=lambda row: row["revision"]) == [
        {**row, "organization_id": db.organization_id} for row in rows
    ]


@pytest.mark.anyio
async def test_no_rows_at_once_are_no_round_trip(db: Db) -> None:
    await db.insert(AT_ONCE, cases=[])
    assert await db.fetch(READ) == []


SESSION = {
    "case_id": "c1",
    "session_id": "s1",
    "facts": None,
    "inherited": None,
    "held_at": NOW,
    "in_course": True,
    "revision": 1,
    "created_at": NOW,
    "changed_at": NOW,
    "overdue_at": None,
    "look_at": None,
}
BOTH = Insertion(inserting(cases), inserting(sessions))
SESSIONS = Statement(select(sessions).where(sessions.c.organization_id == ORGANIZATION).order_by(sessions.c.session_id))


@pytest.mark.anyio
async def test_rows_of_two_tables_go_in_at_once_with_their_lists(db: Db) -> None:
    lists: tuple[list[str] | None, ...] = (None, [], ["dr-7"], ["dr-7", "dr-8"])
    rows = [{**SESSION, "session_id": f"s{place}", "inherited": ids} for place, ids in enumerate(lists)]
    await db.insert(BOTH, cases=[ROW], sessions=rows)
    assert await db.fetch(SESSIONS) == [{**row, "organization_id": db.organization_id} for row in rows]
    await db.insert(BOTH, sessions=[{**SESSION, "session_id": "s9"}])
    assert len(await db.fetch(SESSIONS)) == 5
