"""How people want to be told, as it is stored: each person's own, and under no name what the organization has set."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import Db, connected
from service.db.tables import DeliverySettingsRow, table_of
from service.domain.holding import USUAL, DeliverySettings, plain_settings, settings_of

delivery_settings = table_of(DeliverySettingsRow)

EVERYBODY = ""  # in place of a person
OPEN = DeliverySettings()


@dataclass(frozen=True, slots=True)
class StoredSettings:
    """Settings and how often they were changed; 0: nobody has set any."""

    settings: DeliverySettings = OPEN
    revision: int = 0


NEVER_SET = StoredSettings()


async def stored_settings(db: Db, person: str) -> StoredSettings:
    """Return what a person, or the organization, has set."""
    mine = (delivery_settings.c.organization_id == db.organization_id, delivery_settings.c.person == person)
    statement = select(delivery_settings.c.settings, delivery_settings.c.revision).where(*mine)
    row = (await db.execute(statement)).one_or_none()
    return NEVER_SET if row is None else StoredSettings(settings_of(row.settings), row.revision)


async def settings_for(db: Db, people: Collection[str]) -> dict[str, DeliverySettings]:
    """Return how each of some people wants to be told: what they leave open is the organization's, and then ours."""
    if not people:
        return {}
    asked = {*people, EVERYBODY}
    mine = (delivery_settings.c.organization_id == db.organization_id, delivery_settings.c.person.in_(asked))
    rows = await db.execute(select(delivery_settings.c.person, delivery_settings.c.settings).where(*mine))
    found = {row.person: settings_of(row.settings) for row in rows}
    usual = found.get(EVERYBODY, OPEN).over(USUAL)
    return {person: found.get(person, OPEN).over(usual) for person in people}


async def write_settings(db: Db, person: str, stored: StoredSettings, at: datetime) -> None:
    """Insert or replace what a person, or the organization, has set."""
    values = {"settings": plain_settings(stored.settings), "revision": stored.revision, "changed_at": at}
    statement = insert(delivery_settings).values(organization_id=db.organization_id, person=person, **values)
    key = ("organization_id", "person")
    await db.execute(statement.on_conflict_do_update(index_elements=key, set_=values))


async def organizations_escalating(engine: AsyncEngine) -> dict[UUID, int]:
    """Return after how many minutes each organization tells supervisors of what nobody handled, where it does so."""
    minutes: Any = cast(delivery_settings.c.settings["escalate_after"].astext, Integer())
    statement = select(delivery_settings.c.organization_id, minutes.label("minutes")).where(
        delivery_settings.c.person == EVERYBODY, func.coalesce(minutes, 0) > 0
    )
    async with connected(engine) as connection:
        return {row.organization_id: row.minutes for row in await connection.execute(statement)}
