"""The table of front-end tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Index, Uuid
from sqlmodel import Field, SQLModel

from service.db.columns import code, codes, moment, organization_key


class TokenRow(SQLModel, table=True):
    """A front-end token: for whom, by which key, until when. Whoever holds its signed text may use it until then."""

    __tablename__ = "tokens"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "key_id"], ["keys.organization_id", "keys.key_id"]),
        Index("ix_tokens_expires", "organization_id", "expires_at"),
    )
    organization_id: UUID = organization_key()
    token_id: UUID = Field(sa_column=Column("token_id", Uuid(), primary_key=True))
    key_id: str = code("key_id")
    person: str = code("person")
    role: str = code("role")
    therapists: list[str] = codes("therapists")
    scopes: list[str] = codes("scopes")
    issued_at: datetime = moment("issued_at")
    expires_at: datetime = moment("expires_at")
    revoked_at: datetime | None = moment("revoked_at", nullable=True)
