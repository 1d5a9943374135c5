"""Front-end tokens: what a key lets one person do on a phone or in a browser, for a short while, with some cases.

The signed text that the person holds names a token; what it may do stands here, so that it ends at once with the
token or with the key that minted it.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Uuid, bindparam, delete, insert, select, update

from service.db.engine import Db
from service.db.identity import Key
from service.db.rows import Row
from service.db.statements import ORGANIZATION, Statement, same
from service.db.stores import write_audit
from service.db.tables import KeyRow, TokenRow, table_of
from service.domain.subscription import Role

GRANTABLE = ("alerts:read", "alerts:handle", "course:read")  # a front-end reads and handles; facts come from elsewhere
SHORTEST, USUAL, LONGEST = timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=1)
KEPT = timedelta(days=1)  # how long an expired token is still known, for whoever looks into something

tokens, keys = table_of(TokenRow), table_of(KeyRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontToken:
    """A front-end token as it was minted, with the key that did."""

    token_id: UUID
    key_id: str
    person: str
    role: Role
    therapists: tuple[str, ...]
    scopes: frozenset[str]
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    key: Key = field(repr=False, compare=False)

    def valid(self, at: datetime) -> bool:
        """Tell whether neither the token nor its key is revoked or expired."""
        return self.revoked_at is None and self.expires_at > at and self.key.valid(at)


async def store_token(db: Db, token: FrontToken) -> None:
    """Keep a new token, and forget those that expired long ago."""
    past = (tokens.c.organization_id == db.organization_id, tokens.c.expires_at < token.issued_at - KEPT)
    await db.execute(delete(tokens).where(*past))
    values = {item.name: getattr(token, item.name) for item in tokens.c if item.name != "organization_id"}
    values |= {"role": token.role.value, "therapists": list(token.therapists), "scopes": sorted(token.scopes)}
    await db.execute(insert(tokens).values(organization_id=db.organization_id, **values))
    await write_audit(db, token.issued_at, [(token.key_id, "token.created", f"token/{token.token_id}", None)])


async def revoke_token(db: Db, key_id: str, token_id: UUID, at: datetime) -> FrontToken | None:
    """End a token at once; return it. Ending it again changes nothing."""
    same = (tokens.c.organization_id == db.organization_id, tokens.c.token_id == token_id)
    ended = await db.execute(update(tokens).where(*same, tokens.c.revoked_at.is_(None)).values(revoked_at=at))
    if ended.rowcount:
        await write_audit(db, at, [(key_id, "token.revoked", f"token/{token_id}", None)])
    return await find_token(db, token_id)


OF_KEY = ("secret_hash", "scopes", "created_at", "expires_at", "revoked_at")
TOKEN = Statement(
    select(tokens, *(keys.c[name].label(f"key_{name}") for name in OF_KEY))
    .join(keys, same(keys, tokens, "key_id"))
    .where(tokens.c.organization_id == ORGANIZATION, tokens.c.token_id == bindparam("token_id", type_=Uuid()))
)


async def find_token(db: Db, token_id: UUID) -> FrontToken | None:
    """Return a token of the handle's organization with the key that minted it, valid or not."""
    rows = await db.fetch(TOKEN, token_id=token_id)
    return _token_of(rows[0]) if rows else None


def _token_of(row: Row) -> FrontToken:
    secret_hash, granted, created_at, expires_at, revoked_at = (row[f"key_{name}"] for name in OF_KEY)
    key = Key(row["key_id"], secret_hash, tuple(granted), created_at, expires_at, revoked_at)
    return FrontToken(
        token_id=UUID(str(row["token_id"])),
        key_id=row["key_id"],
        person=row["person"],
        role=Role(row["role"]),
        therapists=tuple(row["therapists"]),
        scopes=frozenset(row["scopes"]),
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        key=key,
    )
