"""Who may come in: organizations and their API keys.

A key is shown once as a token, `ek_<organization>_<key id>_<secret><checksum>` (`ek_test_…` for test organizations).
It names its organization, so looking it up stays inside; the checksum refuses a slip of the pen without a query, and
lets a scanner of source code tell a leaked key for sure. Only the SHA-256 of the secret is kept: it has 256 random
bits, so nothing slower is needed.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Text, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from service.db.engine import Db, connected, transaction
from service.db.rows import Row
from service.db.statements import ORGANIZATION, Statement
from service.db.stores import write_audit
from service.db.tables import KeyRow, OrganizationRow, table_of

SCOPES = ("cases:write", "ratings:write", "course:read", "alerts:read", "alerts:handle", "tokens:write", "admin")
ALL = "all"  # every scope, those of later versions too
OPERATOR = "operator"  # who writes in the audit without a key: somebody at the command line

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
SECRET_LENGTH, CHECKSUM_LENGTH, KEY_ID_LENGTH = 43, 6, 12  # 62^43 > 2^256, 62^6 > 2^32
TOKEN = re.compile(r"ek_(test_)?([0-9a-f]{32})_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")

organizations_table, keys_table = table_of(OrganizationRow), table_of(KeyRow)


class IdentityError(Exception):
    """What an operator asked of organizations and keys cannot be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Token:
    """A well-formed token; whether it opens anything, only its key knows."""

    organization_id: UUID
    key_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Organization:
    organization_id: UUID
    name: str
    test: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """An API key without its secret; `granted` is what it was made with."""

    key_id: str
    secret_hash: bytes = field(repr=False)
    granted: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def scopes(self) -> frozenset[str]:
        """Return the scopes that the key holds, `all` spelled out."""
        return frozenset(SCOPES if ALL in self.granted else self.granted)

    def valid(self, at: datetime) -> bool:
        """Tell whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)

    def opened_by(self, token: Token) -> bool:
        """Tell whether a token has this key's secret, in a time that does not depend on how much of it is right."""
        return hmac.compare_digest(self.secret_hash, _hash(token.secret))


def parse_token(text: str) -> Token | None:
    """Return the token that a text is; None if its form or checksum is wrong."""
    found = TOKEN.fullmatch(text)
    if found is None or not hmac.compare_digest(_checksum(text[:-CHECKSUM_LENGTH]), found[5]):
        return None
    return Token(UUID(found[2]), found[3], found[4])


async def create_organization(engine: AsyncEngine, name: str, test: bool, at: datetime) -> Organization:
    """Create an organization; a name that is taken, blank or looks like an id is refused."""
    name = name.strip()
    if not name or len(name) > 200 or not name.isprintable() or _uuid(name) is not None:
        raise IdentityError("A name has 1 to 200 printable characters and is not an id.")
    if any(other.name == name for other in await organizations(engine)):
        raise IdentityError("Another organization has this name.")
    organization = Organization(uuid7(), name, test, at)
    async with transaction(engine, organization.organization_id) as db:
        values = {"name": name, "test": test, "change_number": 0, "epoch": 0, "subscribed": False, "created_at": at}
        await db.execute(insert(organizations_table).values(organization_id=db.organization_id, **values))
        await write_audit(db, at, [(OPERATOR, "organization.created", f"organization/{db.organization_id}", None)])
    return organization


async def organizations(engine: AsyncEngine) -> list[Organization]:
    """Return every organization, the oldest first."""
    wanted = organizations_table.c
    statement = select(wanted.organization_id, wanted.name, wanted.test, wanted.created_at)
    async with connected(engine) as connection:
        rows = await connection.execute(statement.order_by(wanted.created_at, wanted.organization_id))
        return [Organization(*row) for row in rows]


async def find_organization(engine: AsyncEngine, name_or_id: str) -> Organization:
    """Return the organization of a name or an id; IdentityError if there is none, or if several have the name."""
    wanted, every = _uuid(name_or_id), await organizations(engine)
    found = [item for item in every if item.organization_id == wanted or item.name == name_or_id.strip()]
    if len(found) > 1:
        raise IdentityError("Several organizations have this name; use the id.")
    if not found:
        raise IdentityError("No organization has this name or id.")
    return found[0]


async def create_key(
    engine: AsyncEngine,
    organization_id: UUID,
    scopes: Collection[str],
    at: datetime,
    expires_at: datetime | None = None,
) -> str:
    """Create a key and return its token, which nobody can show again."""
    granted = _checked(scopes)
    if expires_at is not None and expires_at <= at:
        raise IdentityError("A key cannot expire before it is made.")
    async with transaction(engine, organization_id) as db:
        return await _create(db, granted, at, expires_at)


async def list_keys(engine: AsyncEngine, organization_id: UUID) -> list[Key]:
    """Return the keys of an organization, revoked and expired ones too, the oldest first."""
    statement = select(keys_table).where(keys_table.c.organization_id == organization_id)
    async with transaction(engine, organization_id) as db:
        rows = await db.execute(statement.order_by(keys_table.c.created_at, keys_table.c.key_id))
        return [_key_of(row) for row in rows.mappings()]


async def revoke_key(engine: AsyncEngine, organization_id: UUID, key_id: str, at: datetime) -> None:
    """End a key at once: no write that is not answered yet will be stored. Revoking it again changes nothing."""
    async with transaction(engine, organization_id) as db:
        key = await _locked(db, key_id)
        if key.revoked_at is None:
            await _change(db, key_id, "revoked", at, revoked_at=at)


async def rotate_key(engine: AsyncEngine, organization_id: UUID, key_id: str, at: datetime, overlap: timedelta) -> str:
    """Return the token of a new key with the same scopes and lifetime; the old one expires after the overlap."""
    if overlap < timedelta(0):
        raise IdentityError("An overlap is not negative.")
    async with transaction(engine, organization_id) as db:
        old = await _locked(db, key_id)
        if not old.valid(at):
            raise IdentityError("This key is no longer valid; create a new one.")
        lifetime = None if old.expires_at is None else old.expires_at - old.created_at
        token = await _create(db, old.granted, at, None if lifetime is None else at + lifetime)
        ends = at + overlap if old.expires_at is None else min(old.expires_at, at + overlap)
        await _change(db, key_id, "rotated", at, expires_at=ends)
        return token


KEY = Statement(
    select(keys_table).where(
        keys_table.c.organization_id == ORGANIZATION, keys_table.c.key_id == bindparam("key_id", type_=Text())
    )
)


async def find_key(db: Db, key_id: str) -> Key | None:
    """Return a key of the handle's organization, valid or not."""
    rows = await db.fetch(KEY, key_id=key_id)
    return _key_of(rows[0]) if rows else None


async def _locked(db: Db, key_id: str) -> Key:
    """Return a key that nobody else changes until the transaction ends."""
    same = (keys_table.c.organization_id == db.organization_id, keys_table.c.key_id == key_id)
    row = (await db.execute(select(keys_table).where(*same).with_for_update())).mappings().one_or_none()
    if row is None:
        raise IdentityError("The organization has no key of this id.")
    return _key_of(row)


async def _create(db: Db, granted: Collection[str], at: datetime, expires_at: datetime | None) -> str:
    test = select(organizations_table.c.test).where(organizations_table.c.organization_id == db.organization_id)
    is_test = (await db.execute(test)).scalar_one_or_none()
    if is_test is None:
        raise IdentityError("No organization has this id.")
    key_id, secret = _random(KEY_ID_LENGTH), _random(SECRET_LENGTH)
    values = {"key_id": key_id, "secret_hash": _hash(secret), "scopes": list(granted), "created_at": at}
    statement = insert(keys_table).values(organization_id=db.organization_id, expires_at=expires_at, **values)
    await db.execute(statement)
    await write_audit(db, at, [(OPERATOR, "key.created", f"key/{key_id}", None)])
    body = f"ek_{'test_' if is_test else ''}{db.organization_id.hex}_{key_id}_{secret}"
    return body + _checksum(body)


async def _change(db: Db, key_id: str, action: str, at: datetime, **values: datetime) -> None:
    same = (keys_table.c.organization_id == db.organization_id, keys_table.c.key_id == key_id)
    await db.execute(update(keys_table).where(*same).values(**values))
    await write_audit(db, at, [(OPERATOR, f"key.{action}", f"key/{key_id}", None)])


def _checked(scopes: Collection[str]) -> list[str]:
    if not scopes or not set(scopes) <= {*SCOPES, ALL}:
        raise IdentityError(f"A key needs one or more of the scopes {', '.join(SCOPES)} or {ALL}.")
    return [ALL] if ALL in scopes else sorted(set(scopes))


def _key_of(row: Row) -> Key:
    granted = tuple(row["scopes"])
    return Key(row["key_id"], row["secret_hash"], granted, row["created_at"], row["expires_at"], row["revoked_at"])


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("ascii")).digest()


def _checksum(body: str) -> str:
    """Return the CRC-32 of a token's body in base 62."""
    number, digits = zlib.crc32(body.encode("ascii")), ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
