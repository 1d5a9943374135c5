"""The tables of who is told of changes, and of what is on its way to them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Index, LargeBinary, Uuid, text
from sqlmodel import Field, SQLModel

from service.db.columns import code, codes, document, key_part, moment, number, of_organization, organization_key

WAITING = text("state = 'waiting'")


class SubscriptionRow(SQLModel, table=True):
    """An address that is told of changes, by the id that its maker chose; null in a filter is all.

    Its secrets are encrypted. One that was deleted keeps its row, so that what was delivered can still be read. Of a
    person `address` shows no more than where it lies; the whole of it is among the secrets.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (of_organization(),)
    organization_id: UUID = organization_key()
    subscription_id: str = key_part("subscription_id")
    channel: str = code("channel")
    address: str = code("address")
    person: str | None = code("person", nullable=True)
    role: str | None = code("role", nullable=True)
    language: str | None = code("language", nullable=True)
    rules: list[str] | None = codes("rules", nullable=True)
    severities: list[str] | None = codes("severities", nullable=True)
    therapists: list[str] | None = codes("therapists", nullable=True)
    cases: list[str] | None = codes("cases", nullable=True)
    events: list[str] | None = codes("events", nullable=True)
    secret: bytes = Field(sa_column=Column("secret", LargeBinary(), nullable=False))
    former_secret: bytes | None = Field(sa_column=Column("former_secret", LargeBinary(), nullable=True))
    former_until: datetime | None = moment("former_until", nullable=True)
    state: str = code("state")
    state_reason: str | None = code("state_reason", nullable=True)
    failing_since: datetime | None = moment("failing_since", nullable=True)
    created_at: datetime = moment("created_at")
    changed_at: datetime = moment("changed_at")


class DeliveryRow(SQLModel, table=True):
    """One message to one subscription, written with the change that it tells of; `attempts` is its log.

    While it waits it is tried whenever it is due. Who takes it up makes it due again for when they may have died.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "subscription_id"], ["subscriptions.organization_id", "subscriptions.subscription_id"]
        ),
        Index("ix_deliveries_due", "organization_id", "due_at", postgresql_where=WAITING),
        Index("ix_deliveries_lane", "organization_id", "subscription_id", "due_at", postgresql_where=WAITING),
    )
    organization_id: UUID = organization_key()
    subscription_id: str = key_part("subscription_id")
    event_id: UUID = Field(sa_column=Column("event_id", Uuid(), primary_key=True))
    event: str = code("event")
    occurred_at: datetime = moment("occurred_at")
    alert_id: UUID | None = Field(sa_column=Column("alert_id", Uuid(), nullable=True))
    case_id: str | None = code("case_id", nullable=True)
    severity: str | None = code("severity", nullable=True)
    revision: int | None = number("revision", nullable=True)
    state: str = code("state")
    state_reason: str | None = code("state_reason", nullable=True)
    merged_into: UUID | None = Field(sa_column=Column("merged_into", Uuid(), nullable=True))
    tried: int = number("tried")
    due_at: datetime = moment("due_at")
    settled_at: datetime | None = moment("settled_at", nullable=True)
    attempts: list[dict[str, Any]] = document("attempts")


class DeliverySettingsRow(SQLModel, table=True):
    """How a person wants to be told, and under no name all of the organization; `revision` counts the changes."""

    __tablename__ = "delivery_settings"
    __table_args__ = (of_organization(),)
    organization_id: UUID = organization_key()
    person: str = key_part("person")
    settings: dict[str, Any] = document("settings")
    revision: int = number("revision")
    changed_at: datetime = moment("changed_at")
