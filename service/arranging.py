"""Arranging when people are told: one transaction, under the organization's row, noted in the audit."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import stores
from service.db.bearers import Bearer, admitted
from service.db.delivery_settings import (
    EVERYBODY,
    NEVER_SET,
    StoredSettings,
    settings_for,
    stored_settings,
    write_settings,
)
from service.db.engine import transaction
from service.db.subscriptions import hold_organization
from service.domain.commands import Refusal
from service.domain.holding import USUAL, DeliverySettings


@dataclass(frozen=True, slots=True)
class Wish:
    """How a person, or under no name the organization, is to be told; `if_match` is the revision that was seen."""

    person: str
    settings: DeliverySettings
    at: datetime
    if_match: int | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """What is set now, and what is in force by it; or why nothing was."""

    stored: StoredSettings = NEVER_SET
    in_force: DeliverySettings = USUAL
    refusal: Refusal | None = None
    created: bool = False


async def change(engine: AsyncEngine, bearer: Bearer, wish: Wish) -> Changed:
    """Set it, unless it is so already; committed when this returns."""
    async with transaction(engine, bearer.organization_id) as db:
        await hold_organization(db)
        if not await admitted(db, bearer, wish.at):
            return Changed(refusal=Refusal("key-revoked"))
        stored, created = await stored_settings(db, wish.person), False
        if stored.settings != wish.settings:
            if wish.if_match is not None and wish.if_match != stored.revision:
                return Changed(refusal=Refusal("precondition-failed", extra={"revision": stored.revision}))
            stored, created = StoredSettings(wish.settings, stored.revision + 1), stored.revision == 0
            await write_settings(db, wish.person, stored, wish.at)
            thing = f"person/{wish.person}" if wish.person != EVERYBODY else "organization"
            entry = (bearer.name, "delivery-settings.changed", thing, stored.revision)
            await stores.write_audit(db, wish.at, [entry])
        in_force = (await settings_for(db, [wish.person]))[wish.person]
        return Changed(stored, in_force, created=created)
