"""The tables of what people did about alerts: each row by the id that its client made, so that it is stored once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Uuid
from sqlmodel import Field, SQLModel

from service.db.columns import code, document, key_part, moment, of_case, organization_key


class HandlingRow(SQLModel, table=True):
    """One act of handling by the id its client made, so that a repeated one changes nothing."""

    __tablename__ = "handlings"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "alert_id"], ["alerts.organization_id", "alerts.alert_id"]),
    )
    organization_id: UUID = organization_key()
    alert_id: UUID = Field(sa_column=Column("alert_id", Uuid(), primary_key=True))
    handling_id: str = key_part("handling_id")
    body: dict[str, Any] = document("body")
    received_at: datetime = moment("received_at")


class RepairRow(SQLModel, table=True):
    """What somebody tried about an alert and how it went, by the id that its client made."""

    __tablename__ = "repairs"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "alert_id"], ["alerts.organization_id", "alerts.alert_id"]),
    )
    organization_id: UUID = organization_key()
    alert_id: UUID = Field(sa_column=Column("alert_id", Uuid(), primary_key=True))
    repair_id: str = key_part("repair_id")
    body: dict[str, Any] = document("body")
    received_at: datetime = moment("received_at")


class EpisodeRow(SQLModel, table=True):
    """A rupture episode that a clinician confirmed, by the id that its client made; a correction replaces it."""

    __tablename__ = "episodes"
    __table_args__ = (of_case(),)
    organization_id: UUID = organization_key()
    case_id: str = key_part("case_id")
    episode_id: str = key_part("episode_id")
    body: dict[str, Any] = document("body")
    received_at: datetime = moment("received_at")
    replaced_by: str | None = code("replaced_by", nullable=True)
