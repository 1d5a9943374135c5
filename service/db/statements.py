"""Statements that are the same for every request: written with SQLAlchemy, compiled once, sent straight to the driver.

Building, compiling and fetching through SQLAlchemy costs several times what the driver itself takes for a short
statement, and a write needs a dozen of them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec.json import Encoder
from sqlalchemy import Select, Uuid, and_, bindparam, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql import ClauseElement

from service.db.columns import Code

ORGANIZATION = bindparam("of_organization", type_=Uuid())  # whose rows a statement is about
CODES = ARRAY(Code())
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


class Insertion(Statement):
    """What puts any number of rows into some tables, made of `inserting`: each parameter is the list of a column.

    It is planned and run once, and one round trip; each table is seen as it was before all of it.
    """

    def __init__(self, *inserts: Insert) -> None:
        first, *others = inserts
        super().__init__(first.add_cte(*(item.cte(f"in_{item.table.name}") for item in others)) if others else first)
        self._columns = [(item.table.name, own) for item in inserts for own in _own_columns(item.table)]

    def lists(self, rows: Mapping[str, Sequence[Row]]) -> dict[str, list[Any]]:
        """Return the parameters for rows by the name of their table."""
        return {
            f"{table}_{own.name}": [_spelled(row[own.name]) for row in rows.get(table, ())]
            if _has_lists(own)
            else [row[own.name] for row in rows.get(table, ())]
            for table, own in self._columns
        }


def inserting(table: Any) -> Insert:
    """Return how rows go into a table by an `Insertion`.

    A list of lists would lose its inner ends, so a column of lists, which are of ids, goes as words.
    """
    own = _own_columns(table)
    sent = [column(item.name, Code() if _has_lists(item) else item.type) for item in own]
    lists = (bindparam(f"{table.name}_{item.name}", type_=ARRAY(item.type)) for item in sent)
    given = func.unnest(*lists).table_valued(*sent, name="given").render_derived()
    values = (func.string_to_array(given.c[item.name], " ") if _has_lists(item) else given.c[item.name] for item in own)
    return insert(table).from_select(["organization_id", *given.c.keys()], select(ORGANIZATION, *values))


def _own_columns(table: Any) -> list[Any]:
    return [item for item in table.c if item.name != "organization_id"]


def _has_lists(item: Any) -> bool:
    return isinstance(item.type, ARRAY)


def _spelled(ids: Sequence[str] | None) -> str | None:
    return None if ids is None else " ".join(ids)


def listed(name: str) -> Any:
    """Return a parameter that is a list of codes or ids."""
    return bindparam(name, type_=CODES)


def same(one: Any, other: Any, *names: str) -> Any:
    """Return whether rows of two tables are of one organization and agree in some columns."""
    return and_(*(one.c[name] == other.c[name] for name in ("organization_id", *names)))


def searched(statement: Select[Any], name: str) -> Any:
    """Return a statement as a subquery that is run for each row beside it, by the index.

    A join is planned by statistics, and a young table's promise nothing; one with an offset is not joined.
    """
    return statement.offset(literal_column("0")).lateral(name)


def unnested(**widths: int) -> Any:
    """Return some columns of strings as a table, its parameters named `<name>_0`, `<name>_1`, …"""
    ((name, width),) = widths.items()
    arrays = [listed(f"{name}_{place}") for place in range(width)]
    columns = [f"c{place}" for place in range(width)]
    return func.unnest(*arrays).table_valued(*columns, name=name).render_derived()


def columns_of(name: str, width: int, rows: Collection[tuple[str, ...]]) -> dict[str, list[str]]:
    """Return the parameters of `unnested`, in a stable order."""
    ordered = sorted(rows)
    return {f"{name}_{place}": [row[place] for row in ordered] for place in range(width)}
