"""Who asks: the key behind an Authorization header, and what it may do."""

from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.api.errors import Problem
from service.db.engine import transaction
from service.db.identity import Key, find_key, parse_token

REMEMBERED_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an organization's key and what it may do."""

    organization_id: UUID
    key_id: str
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


@dataclass(slots=True)
class KeyRing:
    """Keys that were valid when last looked up, by the digest of the token that opened them.

    Writes may rely on it, since the unit of writing asks again under its locks; everything else asks the database.
    """

    engine: AsyncEngine
    known: dict[bytes, tuple[Caller, Key]] = field(default_factory=dict)

    async def caller(self, header: str | None, now: datetime, asked_again: bool) -> Caller:
        """Return who sent an Authorization header; raises the 401 of one that is missing or not valid."""
        scheme, _, text = (header or "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem("no-key")
        digest = sha256(text.strip().encode()).digest()
        found = self.known.get(digest) if asked_again else None
        found = found or await self._opened(text.strip())
        if found is None or not found[1].valid(now):
            self.known.pop(digest, None)
            raise Problem("no-key")
        if len(self.known) >= REMEMBERED_KEYS:
            self.known.clear()
        self.known[digest] = found
        return found[0]

    async def _opened(self, text: str) -> tuple[Caller, Key] | None:
        """Return who a token stands for, and the key that it opens as the database has it; None if it opens none."""
        token = parse_token(text)
        if token is None:
            return None
        async with transaction(self.engine, token.organization_id) as db:
            key = await find_key(db, token.key_id)
        if key is None or not key.opened_by(token):
            return None
        return Caller(token.organization_id, key.key_id, key.scopes), key

    def forget(self, caller: Caller) -> None:
        """Look a key up again the next time."""
        self.known = {digest: found for digest, found in self.known.items() if found[0] != caller}
