"""Renewing: every secret that is kept, encrypted anew with the operator's first key, so that an old one can go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import transaction
from service.db.identity import organizations
from service.db.subscriptions import Secrets, push_key, secrets_kept, write_push_key, write_secrets
from service.encrypting import PEOPLE, WEBHOOKS, Unreadable, renewed


@dataclass(slots=True)
class Renewed:
    """How many secrets the first key opens now, and how many none of the keys does."""

    done: int = 0
    unreadable: int = 0


async def renew(engine: AsyncEngine, keys: Sequence[bytes]) -> Renewed:
    """Encrypt every secret anew, one organization a transaction; raises NoKeys. Interrupted, it is to be run again.

    What none of the keys opens is left as it is: somebody may still have the key.
    """
    found = Renewed()
    for organization in await organizations(engine):
        async with transaction(engine, organization.organization_id) as db:
            for kept in await secrets_kept(db):
                purpose = PEOPLE if kept.of_person else WEBHOOKS
                secret, former = (_anew(found, keys, purpose, db.organization_id, item) for item in kept.both)
                await write_secrets(db, Secrets(kept.subscription_id, kept.of_person, (secret, former)))
            key = await push_key(db)
            if key is not None:
                anew = _anew(found, keys, PEOPLE, db.organization_id, key)
                await write_push_key(db, anew or key)
    return found


def _anew(found: Renewed, keys: Sequence[bytes], purpose: str, organization_id: UUID, secret: bytes | None) -> Any:
    """Return a secret encrypted with the first key, or as it is; one that was deleted is empty."""
    if not secret:
        return secret
    try:
        anew = renewed(keys, purpose, organization_id, secret)
    except Unreadable:
        found.unreadable += 1
        return secret
    found.done += 1
    return anew
