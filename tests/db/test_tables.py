import pytest
from sqlalchemy import Table, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

from service.db import tables
from service.db.columns import Code
from service.db.engine import Db, transaction
from service.db.tables import ReleaseRow, table_of
from tests.factories import post, put_session, rating_facts
from tests.writes import Desk

TABLES = [table for table in SQLModel.metadata.sorted_tables if table.name != "release"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_key_leads_with_the_organization(table: Table) -> None:
    leading = [next(iter(table.primary_key)).name]
    leading += [next(iter(constraint.columns)).name for constraint in table.foreign_key_constraints]
    leading += [next(iter(index.columns)).name for index in table.indexes]
    assert set(leading) == {"organization_id"}
    assert isinstance(table.c.organization_id.type, Uuid)


def test_no_column_makes_its_own_values() -> None:
    for table in SQLModel.metadata.sorted_tables:
        for column in table.c:
            assert column.server_default is None
            assert column.identity is None
            assert column is not table.autoincrement_column


def test_every_text_that_is_compared_goes_by_its_bytes() -> None:
    free = [
        f"{table.name}.{column.name}"
        for table in SQLModel.metadata.sorted_tables
        for column in table.c
        if column.type.python_type is str and not isinstance(column.type, Code)
    ]
    assert free == ["organizations.name"]
    arrays = [column.type for table in TABLES for column in table.c if isinstance(column.type, ARRAY)]
    assert arrays
    assert all(isinstance(array.item_type, Code) for array in arrays)


def test_every_row_class_has_a_docstring_and_the_suffix() -> None:
    rows = [item for item in vars(tables).values() if isinstance(item, type) and issubclass(item, SQLModel)]
    rows.remove(SQLModel)
    assert all(row.__name__.endswith("Row") and row.__doc__ for row in rows)
    assert len(rows) == len(SQLModel.metadata.tables)
    assert table_of(ReleaseRow).name == "release"


@pytest.mark.anyio
async def test_ids_sort_as_they_do_here(db: Db) -> None:
    ids = ["b", "B", "a.b", "a-b", "a:b", "A", "a", "a1", "a10", "a2", "_"]
    statement = text('SELECT array_agg(id ORDER BY id COLLATE "C") FROM unnest(CAST(:ids AS text[])) AS id')
    assert (await db.execute(statement, {"ids": ids})).scalar_one() == sorted(ids)
    query = text(
        "SELECT collation_name FROM information_schema.columns WHERE table_name = 'cases' AND column_name = 'case_id'"
    )
    assert (await db.execute(query)).scalar_one() == "C"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ratings SELECT organization_id, gen_random_uuid(), case_id, session_id, rater_kind, rater_id,"
        " about, instrument, phase, facts, scores, instrument_version, NULL, state, reason, revision, received_at,"
        " changed_at FROM ratings WHERE organization_id = :o",
        "UPDATE sessions SET case_id = 'another' WHERE organization_id = :o",
        "DELETE FROM cases WHERE organization_id = :o",
        "DELETE FROM organizations WHERE organization_id = :o",
        "UPDATE ratings SET organization_id = gen_random_uuid() WHERE organization_id = :o",
    ],
)
async def test_what_the_tables_themselves_refuse(desk: Desk, statement: str) -> None:
    await desk.write(put_session(), post(rating_facts(record_id="r1")))
    with pytest.raises(IntegrityError):
        await _say(desk, statement)


async def _say(desk: Desk, statement: str) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        await db.execute(text(statement), {"o": desk.organization})
