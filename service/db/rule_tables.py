"""The tables of what organizations set their rules and the references of their forms to."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Integer
from sqlmodel import Field, SQLModel

from service.db.columns import code, document, moment, of_organization, organization_key


class RuleSettingRow(SQLModel, table=True):
    """One rule as an organization once set it, for itself or one program; a later one supersedes it, none is changed.

    `number` counts all settings of the organization, `version` those of this rule and program; null is left open.
    """

    __tablename__ = "rule_settings"
    __table_args__ = (of_organization(),)
    organization_id: UUID = organization_key()
    number: int = Field(sa_column=Column("number", Integer(), primary_key=True, autoincrement=False))
    rule: str = code("rule")
    program: str | None = code("program", nullable=True)
    version: int = Field(sa_column=Column("version", Integer(), nullable=False))
    mode: str | None = code("mode", nullable=True)
    parameters: dict[str, Any] = document("parameters")
    key_id: str = code("key_id")
    at: datetime = moment("at")


class ReferenceSettingRow(SQLModel, table=True):
    """All own references of one form as an organization once set them; numbered in one row with its rules' settings."""

    __tablename__ = "reference_settings"
    __table_args__ = (of_organization(),)
    organization_id: UUID = organization_key()
    number: int = Field(sa_column=Column("number", Integer(), primary_key=True, autoincrement=False))
    instrument: str = code("instrument")
    version: int = Field(sa_column=Column("version", Integer(), nullable=False))
    entries: list[Any] = document("entries")
    key_id: str = code("key_id")
    at: datetime = moment("at")
