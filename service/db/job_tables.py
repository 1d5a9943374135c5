"""The tables of jobs: what was asked, and the chunks of cases in which it is done."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, text
from sqlmodel import Field, SQLModel

from service.db.columns import code, document, key_part, moment, number, of_organization, organization_key


class JobRow(SQLModel, table=True):
    """A job by the id that its client made; how far it has come, its chunks say."""

    __tablename__ = "jobs"
    __table_args__ = (of_organization(),)
    organization_id: UUID = organization_key()
    kind: str = key_part("kind")
    job_id: str = key_part("job_id")
    asked: dict[str, Any] = document("asked")
    cases: int = number("cases")
    created_at: datetime = moment("created_at")
    cancelled_at: datetime | None = moment("cancelled_at", nullable=True)


class ChunkRow(SQLModel, table=True):
    """Some cases of a job, done in one transaction, which the lock on this row keeps to one worker.

    `over_at` is null while they are to be done; `failed` names the error that they met instead.
    """

    __tablename__ = "chunks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "kind", "job_id"], ["jobs.organization_id", "jobs.kind", "jobs.job_id"]
        ),
        Index("ix_chunks_open", "organization_id", "kind", "job_id", "place", postgresql_where=text("over_at IS NULL")),
    )
    organization_id: UUID = organization_key()
    kind: str = key_part("kind")
    job_id: str = key_part("job_id")
    place: int = Field(sa_column=Column("place", Integer(), primary_key=True, autoincrement=False))
    first_case_id: str = code("first_case_id")
    last_case_id: str = code("last_case_id")
    cases: int = number("cases")
    over_at: datetime | None = moment("over_at", nullable=True)
    failed: str | None = code("failed", nullable=True)
    alerts_changed: int = number("alerts_changed")
    member_sessions: int = number("member_sessions")
    counts: dict[str, Any] | None = document("counts", nullable=True)
    differences: list[Any] | None = document("differences", nullable=True)
