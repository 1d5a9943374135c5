"""Minting front-end tokens, and ending them: each in one transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from service.db.bearers import Bearer, admitted
from service.db.engine import transaction
from service.db.front_tokens import FrontToken, revoke_token, store_token
from service.db.identity import find_key
from service.domain.commands import Refusal
from service.domain.subscription import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A token as somebody asks for it."""

    person: str
    role: Role
    therapists: tuple[str, ...]
    scopes: Collection[str]
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Minted:
    """What became of it: the token as it stands now, or why it was refused."""

    token: FrontToken | None
    refusal: Refusal | None = None


async def mint(engine: AsyncEngine, bearer: Bearer, wanted: Wanted, now: datetime) -> Minted:
    """Let a person in by a token of the bearer's key, which it never outlives; committed when this returns."""
    async with transaction(engine, bearer.organization_id) as db:
        key = await find_key(db, bearer.key_id)
        if key is None or not key.valid(now):
            return Minted(None, Refusal("key-revoked"))
        ends = (now + wanted.lifetime).replace(microsecond=0)
        token = FrontToken(
            token_id=uuid7(),
            key_id=key.key_id,
            person=wanted.person,
            role=wanted.role,
            therapists=wanted.therapists,
            scopes=frozenset(wanted.scopes),
            issued_at=now,
            expires_at=ends if key.expires_at is None else min(ends, key.expires_at),
            key=key,
        )
        await store_token(db, token)
        return Minted(token)


async def revoke(engine: AsyncEngine, bearer: Bearer, token_id: UUID, now: datetime) -> Minted:
    """End a token at once, whichever key of the organization minted it; committed when this returns."""
    async with transaction(engine, bearer.organization_id) as db:
        if not await admitted(db, bearer, now):
            return Minted(None, Refusal("key-revoked"))
        token = await revoke_token(db, bearer.name, token_id, now)
        return Minted(token, None if token is not None else Refusal("not-found"))
