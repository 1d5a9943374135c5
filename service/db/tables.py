"""Every table. Each key leads with the organization, so that one day the rows can live on many machines.

No triggers, no sequences, no foreign key across organizations; only `release` stands outside. Codes are strings
checked in code, so a new instrument or rule needs no migration. Ids sort by their bytes, as they do in Python.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlmodel import Field, SQLModel

from service.db.columns import (
    change,
    code,
    codes,
    document,
    flag,
    key_part,
    moment,
    number,
    of_case,
    of_organization,
    of_session,
    organization_key,
    sealed,
)
from service.db.handling_tables import EpisodeRow as EpisodeRow
from service.db.handling_tables import HandlingRow as HandlingRow
from service.db.handling_tables import RepairRow as RepairRow
from service.db.job_tables import ChunkRow as ChunkRow
from service.db.job_tables import JobRow as JobRow
from service.db.rule_tables import ReferenceSettingRow as ReferenceSettingRow
from service.db.rule_tables import RuleSettingRow as RuleSettingRow
from service.db.subscription_tables import DeliveryRow as DeliveryRow
from service.db.subscription_tables import DeliverySettingsRow as DeliverySettingsRow
from service.db.subscription_tables import SubscriptionRow as SubscriptionRow
from service.db.token_tables import ProviderRow as ProviderRow
from service.db.token_tables import TicketRow as TicketRow
from service.db.token_tables import TokenRow as TokenRow


def table_of(row: type[SQLModel]) -> Table:
    """Return the table of a row class."""
    return SQLModel.metadata.tables[str(row.__tablename__)]


class OrganizationRow(SQLModel, table=True):
    """A tenant. `change_number`, taken last, orders changes of alerts by commit, within an `epoch`.

    If it is `subscribed`, somebody is to be told of them. `push_key`, encrypted, is by what pushes are signed.
    """

    __tablename__ = "organizations"
    organization_id: UUID = organization_key()
    name: str = Field(sa_column=Column("name", Text(), nullable=False))
    test: bool = flag("test")
    change_number: int = change("change_number")
    epoch: int = change("epoch")
    subscribed: bool = flag("subscribed")
    push_key: bytes | None = Field(sa_column=Column("push_key", LargeBinary(), nullable=True))
    created_at: datetime = moment("created_at")


class KeyRow(SQLModel, table=True):
    """An API key: its id and the SHA-256 of its secret; the secret itself is shown once and not kept."""

    __tablename__ = "keys"
    __table_args__ = (of_organization(),)
    organization_id: UUID = organization_key()
    key_id: str = key_part("key_id")
    secret_hash: bytes = Field(sa_column=Column("secret_hash", LargeBinary(), nullable=False))
    scopes: list[str] = codes("scopes")
    created_at: datetime = moment("created_at")
    expires_at: datetime | None = moment("expires_at", nullable=True)
    revoked_at: datetime | None = moment("revoked_at", nullable=True)


class CaseRow(SQLModel, table=True):
    """The client system in treatment, as announced; its row is the lock under which its course is written.

    `held_sessions` and `last_session_id` follow from the course; they let alerts be read without it. No setting of a
    rule that is older than number `rules_since` judges it.
    """

    __tablename__ = "cases"
    __table_args__ = (of_organization(),)
    organization_id: UUID = organization_key()
    case_id: str = key_part("case_id")
    facts: dict[str, Any] = document("facts")
    announced: bool = flag("announced")
    held_sessions: int = number("held_sessions")
    last_session_id: str | None = code("last_session_id", nullable=True)
    rules_since: int = number("rules_since")
    revision: int = number("revision")
    created_at: datetime = moment("created_at")
    changed_at: datetime = moment("changed_at")


class SessionRow(SQLModel, table=True):
    """A therapy session as announced (`facts` null while only ratings speak of it) and its place in the course.

    `overdue_at` is when the one planned to follow became overdue; at `look_at` the watchdog looks at its case.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        of_case(),
        Index(
            "ix_sessions_course",
            "organization_id",
            "case_id",
            "held_at",
            "session_id",
            postgresql_where=text("in_course"),
        ),
        Index("ix_sessions_look", "organization_id", "look_at", postgresql_where=text("look_at IS NOT NULL")),
    )
    organization_id: UUID = organization_key()
    case_id: str = key_part("case_id")
    session_id: str = key_part("session_id")
    facts: dict[str, Any] | None = document("facts", nullable=True)
    inherited: list[str] | None = codes("inherited", nullable=True)
    held_at: datetime | None = moment("held_at", nullable=True)
    in_course: bool = flag("in_course")
    revision: int = number("revision")
    created_at: datetime = moment("created_at")
    changed_at: datetime = moment("changed_at")
    overdue_at: datetime | None = moment("overdue_at", nullable=True)
    look_at: datetime | None = moment("look_at", nullable=True)


class RatingRow(SQLModel, table=True):
    """One rating as it stands now; `facts` holds what was sent, `scores` what was computed from it."""

    __tablename__ = "ratings"
    __table_args__ = (
        of_session(),
        UniqueConstraint(
            "organization_id",
            "case_id",
            "session_id",
            "rater_kind",
            "rater_id",
            "about",
            "instrument",
            "phase",
            name="uq_ratings_natural_key",
        ),
        Index(
            "uq_ratings_record_id",
            "organization_id",
            "case_id",
            "rater_kind",
            "rater_id",
            "record_id",
            unique=True,
            postgresql_where=text("record_id IS NOT NULL AND state = 'live'"),
        ),
        Index("ix_ratings_changed", "organization_id", "changed_at", "rating_id"),
    )
    organization_id: UUID = organization_key()
    rating_id: UUID = Field(sa_column=Column("rating_id", Uuid(), primary_key=True))
    case_id: str = code("case_id")
    session_id: str = code("session_id")
    rater_kind: str = code("rater_kind")
    rater_id: str = code("rater_id")
    about: str = code("about")
    instrument: str = code("instrument")
    phase: str = code("phase")
    facts: dict[str, Any] = document("facts")
    scores: dict[str, Any] = document("scores")
    instrument_version: str = code("instrument_version")
    record_id: str | None = code("record_id", nullable=True)
    state: str = code("state")
    reason: str | None = code("reason", nullable=True)
    revision: int = number("revision")
    received_at: datetime = moment("received_at")
    changed_at: datetime = moment("changed_at")


class RevisionRow(SQLModel, table=True):
    """A superseded state of a rating; history is never rewritten."""

    __tablename__ = "revisions"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "rating_id"], ["ratings.organization_id", "ratings.rating_id"]),
    )
    organization_id: UUID = organization_key()
    rating_id: UUID = Field(sa_column=Column("rating_id", Uuid(), primary_key=True))
    revision: int = Field(sa_column=Column("revision", Integer(), primary_key=True, autoincrement=False))
    facts: dict[str, Any] = document("facts")
    scores: dict[str, Any] = document("scores")
    state: str = code("state")
    reason: str | None = code("reason", nullable=True)
    changed_at: datetime = moment("changed_at")


class CarryRow(SQLModel, table=True):
    """What a session hands to the next; computed, so it may be deleted at any time and is folded anew."""

    __tablename__ = "carries"
    __table_args__ = (of_session(),)
    organization_id: UUID = organization_key()
    case_id: str = key_part("case_id")
    session_id: str = key_part("session_id")
    folded_with: str = code("folded_with")
    carry: str = sealed("carry")


UNANSWERED = text(
    "severity = 'critical' AND handling = 'new' AND state IN ('open', 'recovering') AND origin = 'live' AND NOT shadow"
)


class AlertRow(SQLModel, table=True):
    """A stored concern with its handling; `concern` is as last folded, `hidden_number` the change that hid it.

    `handed_over` has the therapists who lost it with its case, each with the change that told them.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        of_case(),
        Index("ix_alerts_case", "organization_id", "case_id", "alert_id"),
        Index("ix_alerts_changes", "organization_id", "change_number", unique=True),
        Index("ix_alerts_unanswered", "organization_id", postgresql_where=UNANSWERED),
    )
    organization_id: UUID = organization_key()
    alert_id: UUID = Field(sa_column=Column("alert_id", Uuid(), primary_key=True))
    case_id: str = code("case_id")
    rule: str = code("rule")
    subject: list[str] = codes("subject")
    severity: str = code("severity")
    state: str = code("state")
    state_reason: str | None = code("state_reason", nullable=True)
    shadow: bool = flag("shadow")
    concern: str = sealed("concern")
    sessions: list[str] = codes("sessions")
    therapists: list[str] = codes("therapists")
    origin: str = code("origin")
    handling: str = code("handling")
    handled: dict[str, Any] | None = document("handled", nullable=True)
    handling_revision: int = number("handling_revision")
    snoozed_until: datetime | None = moment("snoozed_until", nullable=True)
    snoozed_until_number: int | None = number("snoozed_until_number", nullable=True)
    asked_at: datetime | None = moment("asked_at", nullable=True)
    last_repair: dict[str, Any] | None = document("last_repair", nullable=True)
    revision: int = number("revision")
    change_number: int = change("change_number")
    hidden_number: int | None = change("hidden_number", nullable=True)
    handed_over: dict[str, int] | None = document("handed_over", nullable=True)
    opened_at: datetime = moment("opened_at")
    changed_at: datetime = moment("changed_at")


class AuditRow(SQLModel, table=True):
    """Who wrote what and when: ids only, never a value."""

    __tablename__ = "audit"
    __table_args__ = (of_organization(),)
    organization_id: UUID = organization_key()
    audit_id: UUID = Field(sa_column=Column("audit_id", Uuid(), primary_key=True))
    at: datetime = moment("at")
    key_id: str = code("key_id")
    action: str = code("action")
    thing: str = code("thing")
    revision: int | None = number("revision", nullable=True)


class ReleaseRow(SQLModel, table=True):
    """One row, written by migrations: the newest head applied and the oldest version of the service it admits."""

    __tablename__ = "release"
    head: str = key_part("head")
    min_app_version: str = code("min_app_version")
