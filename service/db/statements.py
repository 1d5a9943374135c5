"""Statements that are the same for every request: written with SQLAlchemy, compiled once, sent straight to the driver.

Building, compiling and fetching through SQLAlchemy costs several times what the driver itself takes for a short
statement, and a write needs a dozen of them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any
from uuid import UUID

from msgspec.json import Encoder
from sqlalchemy import Select, Table, Uuid, bindparam, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql import ClauseElement

from service.db.columns import Code

ORGANIZATION = bindparam("of_organization", type_=Uuid())  # whose rows a statement is about
_ENCODER = Encoder()


def _text_of(document: Any) -> str:
    """Return a document as JSON; its numbers are finite: what is sent is refused otherwise, and scores have a range."""
    return _ENCODER.encode(document).decode()


DIALECT = dialect(json_serializer=_text_of)  # type: ignore[no-untyped-call]

Row = Mapping[str, Any]
Convert = Callable[[Any], Any]


class Statement:
    """One statement with the names of its parameters in the driver's order.

    `columns` are those of rows to insert; the organization is a parameter of every statement.
    """

    def __init__(self, statement: ClauseElement, columns: Iterable[str] = ()) -> None:
        compiled: Any = statement.compile(dialect=DIALECT, column_keys=list(columns) or None)
        self.sql: str = compiled.string
        self._fixed: Row = {
            name: bind.value for name, bind in compiled.binds.items() if not bind.required and bind.value is not None
        }
        self._binds: list[tuple[str, Convert | None]] = [
            (name, compiled._bind_processors.get(name)) for name in compiled.positiontup or ()
        ]

    def arguments(self, organization_id: UUID, parameters: Row) -> list[Any]:
        """Return parameters in the driver's order and in what it takes; KeyError if one is missing."""
        own = {**self._fixed, "of_organization": organization_id, "organization_id": organization_id}
        arguments = []
        for name, convert in self._binds:
            value = parameters[name] if name in parameters else own[name]
            arguments.append(value if convert is None else convert(value))
        return arguments


def inserting(table: Table) -> Insert:
    """Return a statement that inserts any number of rows at once: each parameter is the list of a column's values.

    It is planned and run once, which for many rows costs the database and the driver half. A list of lists would lose
    its inner ends, so a table with lists among its columns cannot be written so.
    """
    listed = [item for item in table.c if item.name != "organization_id"]
    if any(isinstance(item.type, ARRAY) for item in listed):
        raise TypeError(f"{table.name} has columns of lists")
    lists = (bindparam(item.name, type_=ARRAY(item.type)) for item in listed)
    columns = (column(item.name, item.type) for item in listed)
    given = func.unnest(*lists).table_valued(*columns, name="given").render_derived()
    return insert(table).from_select(["organization_id", *given.c.keys()], select(ORGANIZATION, *given.c))


def searched(statement: Select[Any], name: str) -> Any:
    """Return a statement as a subquery that is run for each row beside it, by the index.

    A join is planned by statistics, and a young table's promise nothing; one with an offset is not joined.
    """
    return statement.offset(literal_column("0")).lateral(name)


def unnested(**widths: int) -> Any:
    """Return some columns of strings as a table, its parameters named `<name>_0`, `<name>_1`, …"""
    ((name, width),) = widths.items()
    arrays = [bindparam(f"{name}_{place}", type_=ARRAY(Code())) for place in range(width)]
    columns = [f"c{place}" for place in range(width)]
    return func.unnest(*arrays).table_valued(*columns, name=name).render_derived()


def columns_of(name: str, width: int, rows: Collection[tuple[str, ...]]) -> dict[str, list[str]]:
    """Return the parameters of `unnested`, in a stable order."""
    ordered = sorted(rows)
    return {f"{name}_{place}": [row[place] for row in ordered] for place in range(width)}
