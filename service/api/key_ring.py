"""Who asks: the key or front-end token behind an Authorization header, and what it may do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from service.api.errors import Problem, invalid
from service.api.signed_tokens import PREFIX, read
from service.db.bearers import Bearer
from service.db.engine import transaction
from service.db.front_tokens import find_token
from service.db.identity import find_key, parse_token
from service.domain.errors import Fault

REMEMBERED_KEYS = 10_000


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
    secret_keys: Sequence[bytes] = ()
    known: dict[bytes, tuple[Caller, Credential]] = field(default_factory=dict)

    async def caller(self, header: str | None, now: datetime, asked_again: bool) -> Caller:
        """Return who sent an Authorization header; raises the 401 of one that is missing or not valid."""
        scheme, _, text = (header or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem("no-key")
        digest = sha256(text.strip().encode()).digest()
        found = self.known.get(digest) if asked_again else None
        found = found or await self._let_in(text.strip(), now)
        if found is None or not found[1].valid(now):
            self.known.pop(digest, None)
            raise Problem("no-key")
        if len(self.known) >= REMEMBERED_KEYS:
            self.known.clear()
        self.known[digest] = found
        return found[0]

    async def _let_in(self, text: str, now: datetime) -> tuple[Caller, Credential] | None:
        """Return whom a text lets in, and by what as the database has it; None if it is nothing of ours."""
        return await (self._with_token(text, now) if text.startswith(PREFIX) else self._with_key(text))

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

    def forget(self, caller: Caller) -> None:
        """Look a key up again the next time."""
        self.known = {digest: found for digest, found in self.known.items() if found[0] != caller}
