import pytest
from sqlalchemy import Column, Integer, MetaData, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateColumn

from service.db import columns


@pytest.mark.parametrize(
    ("field", "told"),
    [
        (columns.organization_key(), "organization_id UUID NOT NULL"),
        (columns.key_part("case_id"), 'case_id TEXT COLLATE "C" NOT NULL'),
        (columns.code("state"), 'state TEXT COLLATE "C" NOT NULL'),
        (columns.code("reason", nullable=True), 'reason TEXT COLLATE "C"'),
        (columns.codes("scopes"), 'scopes TEXT[] COLLATE "C" NOT NULL'),
        (columns.document("facts"), "facts JSONB NOT NULL"),
        (columns.document("facts", nullable=True), "facts JSONB"),
        (columns.sealed("carry"), "carry JSON NOT NULL"),
        (columns.moment("held_at"), "held_at TIMESTAMP WITH TIME ZONE NOT NULL"),
        (columns.number("revision"), "revision INTEGER NOT NULL"),
        (columns.flag("test"), "test BOOLEAN NOT NULL"),
    ],
)
def test_what_a_column_is_in_the_database(field: object, told: str) -> None:
    column = getattr(field, "sa_column")  # noqa: B009 - a field of the table's own library
    assert isinstance(column, Column)
    Table("any", MetaData(), column)
    made = CreateColumn(column).compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]
    assert " ".join(str(made).split()) == told


def test_keys_are_part_of_the_primary_key() -> None:
    assert columns.organization_key().sa_column.primary_key
    assert columns.key_part("case_id").sa_column.primary_key


def test_no_document_is_a_null_and_not_the_word() -> None:
    column = columns.document("facts", nullable=True).sa_column
    assert column.type.none_as_null


def test_every_foreign_key_leads_with_the_organization() -> None:
    for key in (columns.of_organization(), columns.of_case(), columns.of_session()):
        assert key.column_keys[0] == "organization_id"
        assert [element.target_fullname.split(".")[1] for element in key.elements] == list(key.column_keys)


def test_numbers_do_not_count_by_themselves() -> None:
    column = columns.number("revision").sa_column
    assert isinstance(column.type, Integer)
    assert column.server_default is None
