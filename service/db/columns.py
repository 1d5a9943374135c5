"""The few kinds of column and foreign key that all tables are made of."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    Text,
    Uuid,
    cast,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
}


class Code(Text):
    """Text that compares by its bytes whatever the database's language is."""

    def __init__(self) -> None:
        super().__init__(collation="C")


class Sealed(UserDefinedType[str]):
    """JSON that stays the text as which it came, in the database and on our side, where the driver would parse it."""

    cache_ok = True

    def get_col_spec(self, **options: Any) -> str:
        return "JSON"

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return cast(column, Text())


def organization_key() -> Any:
    return Field(sa_column=Column("organization_id", Uuid(), primary_key=True))


def key_part(name: str) -> Any:
    return Field(sa_column=Column(name, Code(), primary_key=True))


def code(name: str, nullable: bool = False) -> Any:
    return Field(sa_column=Column(name, Code(), nullable=nullable))


def codes(name: str, nullable: bool = False) -> Any:
    return Field(sa_column=Column(name, ARRAY(Code()), nullable=nullable))


def document(name: str, nullable: bool = False) -> Any:
    return Field(sa_column=Column(name, JSONB(none_as_null=True), nullable=nullable))


def sealed(name: str) -> Any:
    """Return a document that no query looks into but reports; `service.db.sealing` says what is in it."""
    return Field(sa_column=Column(name, Sealed(), nullable=False))


def moment(name: str, nullable: bool = False) -> Any:
    return Field(sa_column=Column(name, DateTime(timezone=True), nullable=nullable))


def number(name: str, nullable: bool = False) -> Any:
    return Field(sa_column=Column(name, Integer(), nullable=nullable))


def change(name: str, nullable: bool = False) -> Any:
    """Return a column that counts the organization's changes of alerts, or names one of them."""
    return Field(sa_column=Column(name, BigInteger(), nullable=nullable))


def flag(name: str, nullable: bool = False) -> Any:
    return Field(sa_column=Column(name, Boolean(), nullable=nullable))


def of_organization() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["organization_id"], ["organizations.organization_id"])


def of_case() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["organization_id", "case_id"], ["cases.organization_id", "cases.case_id"])


def of_session() -> ForeignKeyConstraint:
    columns = ["organization_id", "case_id", "session_id"]
    return ForeignKeyConstraint(columns, [f"sessions.{column}" for column in columns])
