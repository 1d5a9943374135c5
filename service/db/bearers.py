"""Who asks: the bearer of a key, or of a front-end token, which a key or an OpenID provider gave to one person."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.db.engine import Db
from service.db.front_tokens import find_token
from service.db.identity import find_key
from service.db.providers import find_provider

PROVIDER = "provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Somebody who was let in: by which key, with which token of it, and who they are if that is known.

    Without a `caseload` they see all of their organization. Where no key is behind it, `key_id` is PROVIDER.
    """

    organization_id: UUID
    key_id: str
    token_id: UUID | None = None
    provider: int | None = None  # the revision of the organization's provider, whose token it is
    ends_at: datetime | None = None  # that token's end, which is nowhere else; of one of ours the database knows it
    person: str | None = None
    caseload: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """Return what the audit calls them."""
        if self.provider is not None:
            return f"{self.key_id}/{self.person}"
        return self.key_id if self.token_id is None else f"token/{self.token_id}"


async def admitted(db: Db, bearer: Bearer, at: datetime) -> bool:
    """Tell whether somebody may still come in; asked under the lock of what they change, an end before it is obeyed."""
    if bearer.provider is not None:
        provider = await find_provider(db)
        over = bearer.ends_at is not None and bearer.ends_at <= at
        return not over and provider is not None and provider.revision == bearer.provider
    if bearer.token_id is not None:
        token = await find_token(db, bearer.token_id)
        return token is not None and token.valid(at)
    key = await find_key(db, bearer.key_id)
    return key is not None and key.valid(at)
