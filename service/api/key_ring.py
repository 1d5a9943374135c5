"""Who asks: the key or front-end token behind an Authorization header, and what it may do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.api.errors import Problem, invalid
from service.api.signed_tokens import PREFIX, read
from service.db.bearers import PROVIDER, Bearer
from service.db.engine import transaction
from service.db.front_tokens import find_token
from service.db.identity import find_key, parse_token
from service.db.providers import find_provider
from service.domain.errors import Fault
from service.jwks import ProviderKeys, Unreachable
from service.openid import key_named, verified

REMEMBERED_KEYS = 10_000
JSON_BEGINS = "eyJ"  # {" in base64, as every token of a provider begins
ORGANIZATION = "evenkeel-organization"  # the header that says whose provider issued a token


class Credential(Protocol):
    """What lets somebody in, until it ends."""

    def valid(self, at: datetime) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller(Bearer):
    """Who asks, and what they may do."""

    scopes: frozenset[str]

    @property
    def reads_course(self) -> bool:
        return "course:read" in self.scopes

    @property
    def reads_alerts(self) -> bool:
        return "alerts:read" in self.scopes

    def require(self, scope: str) -> None:
        """Raise the 403 of a key that lacks a scope."""
        if scope not in self.scopes:
            raise Problem("missing-scope", f"This call needs the scope {scope}.")

    def speaks_for(self, person: str) -> None:
        """Raise the 422 of somebody who acts in another's name; who has a key to all answers for that themselves."""
        if self.person not in (None, person):
            raise invalid(Fault("/by", "not-yourself", "A front-end token acts in the name of its own person only."))


@dataclass(slots=True)
class KeyRing:
    """Keys and tokens that were valid when last looked up, by the digest of the text that stands for them.

    Writes may rely on it, since the unit of writing asks again under its locks; everything else asks the database.
    """

    engine: AsyncEngine
    secret_keys: Sequence[bytes]
    providers: ProviderKeys
    known: dict[bytes, tuple[Caller, Credential]] = field(default_factory=dict)

    async def caller(self, headers: Mapping[str, str], now: datetime, asked_again: bool) -> Caller:
        """Return who sent some headers; raises the 401 of a key or token that is missing or not valid."""
        scheme, _, text = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem("no-key")
        organization = headers.get(ORGANIZATION, "")
        digest = sha256(f"{organization} {text.strip()}".encode()).digest()
        found = self.known.get(digest) if asked_again else None
        found = found or await self._let_in(text.strip(), organization, now)
        if found is None or not found[1].valid(now):
            self.known.pop(digest, None)
            raise Problem("no-key")
        if len(self.known) >= REMEMBERED_KEYS:
            self.known.clear()
        self.known[digest] = found
        return found[0]

    async def _let_in(self, text: str, organization: str, now: datetime) -> tuple[Caller, Credential] | None:
        """Return whom a text lets in, and by what as the database has it; None if it is nothing of ours.

        Its beginning says what it is, so that none is ever tried as something of another kind.
        """
        if text.startswith(PREFIX):
            return await self._with_token(text, now)
        if text.startswith(JSON_BEGINS):
            return await self._with_provider(text, organization, now)
        return await self._with_key(text)

    async def _with_key(self, text: str) -> tuple[Caller, Credential] | None:
        token = parse_token(text)
        if token is None:
            return None
        async with transaction(self.engine, token.organization_id) as db:
            key = await find_key(db, token.key_id)
        if key is None or not key.opened_by(token):
            return None
        return Caller(organization_id=token.organization_id, key_id=key.key_id, scopes=key.scopes), key

    async def _with_token(self, text: str, now: datetime) -> tuple[Caller, Credential] | None:
        named = read(self.secret_keys, text, now)
        if named is None:
            return None
        async with transaction(self.engine, named.organization_id) as db:
            token = await find_token(db, named.token_id)
        if token is None:
            return None
        caller = Caller(
            organization_id=named.organization_id,
            key_id=token.key_id,
            token_id=token.token_id,
            person=token.person,
            caseload=token.therapists,
            scopes=token.scopes & token.key.scopes,
        )
        return caller, token

    async def _with_provider(self, text: str, organization: str, now: datetime) -> tuple[Caller, Credential] | None:
        named = key_named(text)
        try:
            organization_id = UUID(organization)
        except ValueError:
            return None
        if named is None:
            return None
        async with transaction(self.engine, organization_id) as db:
            provider = await find_provider(db)
        if provider is None:
            return None
        algorithm, key_id = named
        try:
            key = await self.providers.find(organization_id, provider, key_id)
        except Unreachable:
            raise Problem("provider-unreachable") from None
        visitor = None if key is None else verified(text, algorithm, key, provider, now)
        if visitor is None:
            return None
        caller = Caller(
            organization_id=organization_id,
            key_id=PROVIDER,
            provider=provider.revision,
            ends_at=visitor.ends_at,
            person=visitor.person,
            caseload=visitor.therapists,
            scopes=provider.scopes,
        )
        return caller, visitor

    def forget(self, caller: Caller) -> None:
        """Look a key up again the next time."""
        self.known = {digest: found for digest, found in self.known.items() if found[0] != caller}
