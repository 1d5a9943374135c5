"""The tables of those whom front-end tokens let in: ours, and those of an organization's own OpenID provider."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, LargeBinary, Uuid
from sqlmodel import Field, SQLModel

from service.db.columns import code, codes, moment, of_organization, organization_key


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


class TicketRow(SQLModel, table=True):
    """A ticket for one stream, by what it hashes to; only itself decrypts the credentials that it stands for."""

    __tablename__ = "tickets"
    __table_args__ = (of_organization(),)
    organization_id: UUID = organization_key()
    digest: bytes = Field(sa_column=Column("digest", LargeBinary(), primary_key=True))
    credentials: bytes = Field(sa_column=Column("credentials", LargeBinary(), nullable=False))
    expires_at: datetime = moment("expires_at")


class ProviderRow(SQLModel, table=True):
    """The organization's own OpenID provider, whose tokens are front-end tokens too; `revision` names a setting."""

    __tablename__ = "providers"
    __table_args__ = (of_organization(),)
    organization_id: UUID = organization_key()
    issuer: str = code("issuer")
    audience: str = code("audience")
    jwks_address: str = code("jwks_address")
    person_claim: str = code("person_claim")
    therapists_claim: str | None = code("therapists_claim", nullable=True)
    scopes: list[str] = codes("scopes")
    revision: int = Field(sa_column=Column("revision", BigInteger(), nullable=False))
    changed_at: datetime = moment("changed_at")
