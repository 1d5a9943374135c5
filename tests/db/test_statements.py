from uuid import UUID

import pytest
from sqlalchemy import bindparam, column, func, select
from sqlalchemy.dialects.postgresql import insert

from service.db.engine import Db
from service.db.statements import ORGANIZATION, Statement
from service.db.tables import CaseRow, table_of
from service.domain.facts import EMPTY_CASE
from tests.factories import NOW

cases = table_of(CaseRow)
ONE = UUID(int=1)

ROW = {
    "case_id": "c1",
    "facts": EMPTY_CASE,
    "announced": True,
    "held_sessions": 0,
    "last_session_id": None,
    "revision": 1,
    "created_at": NOW,
    "changed_at": NOW,
}
KEEP = Statement(insert(cases), cases.c.keys())
READ = Statement(select(cases).where(cases.c.organization_id == ORGANIZATION).order_by(cases.c.case_id).limit(1))


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
