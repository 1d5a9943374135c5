from uuid import UUID

import pytest
from sqlalchemy import bindparam, column, func, select
from sqlalchemy.dialects.postgresql import insert

from service.db.engine import Db
from service.db.statements import ORGANIZATION, Statement, inserting
from service.db.tables import CaseRow, SessionRow, table_of
from service.domain.facts import EMPTY_CASE
from tests.factories import NOW

cases = table_of(CaseRow)
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


AT_ONCE = Statement(inserting(cases))


@pytest.mark.anyio
async def test_rows_that_go_in_at_once_are_the_same_rows(db: Db) -> None:
    rows = [{**ROW, "case_id": f"c{place}", "revision": place} for place in range(500)]
    rows[0] = {**rows[0], "last_session_id": "NULL", "facts": {"a": None, "b": '{"},\\ä'}}
    await db.insert(AT_ONCE, rows[::-1])
    found = await db.fetch(Statement(ALL))
    assert sorted(found, key=lambda row: row["revision"]) == [
        {**row, "organization_id": db.organization_id} for row in rows
    ]


@pytest.mark.anyio
async def test_no_rows_at_once_are_no_round_trip(db: Db) -> None:
    await db.insert(AT_ONCE, [])
    assert await db.fetch(READ) == []


def test_rows_with_lists_in_them_do_not_go_in_at_once() -> None:
    with pytest.raises(TypeError, match="sessions"):
        inserting(table_of(SessionRow))
