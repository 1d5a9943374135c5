"""Organizations that subscribed, in tests: a subscription as it is stored, and alerts to be told of."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from service.db import claims
from service.db.claims import Claimed
from service.db.deliveries import delivery_of
from service.db.engine import transaction
from service.db.subscriptions import hold_organization, subscription_by_id, write_subscription
from service.db.tables import DeliveryRow, table_of
from service.domain.delivery import Delivery
from service.domain.retrying import Attempt, Verdict
from service.domain.subscription import Filters, Subscription
from tests.api import bodies
from tests.factories import CASE, NOW, held_at, put_session, session_facts
from tests.writes import Desk

deliveries = table_of(DeliveryRow)


def subscription(name: str = "ehr", at: datetime = NOW, **facts: Any) -> Subscription:
    """Return a subscription to everything; filters by their names."""
    filters = {key: facts.pop(key) for key in list(facts) if key in Filters.__dataclass_fields__}
    usual = Subscription(
        subscription_id=name,
        channel="webhook",
        address="https://ehr.example.org/evenkeel",
        filters=Filters(**filters),
        created_at=at,
        changed_at=at,
        secret=b"sealed",
    )
    return replace(usual, **facts)


async def subscribe(desk: Desk, *given: Subscription) -> None:
    """Store subscriptions, by default one to everything."""
    async with transaction(desk.engine, desk.organization) as db:
        await hold_organization(db)
        for item in given or (subscription(),):
            await write_subscription(db, item)


async def delivered_to(desk: Desk, name: str = "ehr") -> list[Delivery]:
    """Return what is, or was, on its way to a subscription, the oldest first."""
    mine = (deliveries.c.organization_id == desk.organization, deliveries.c.subscription_id == name)
    async with transaction(desk.engine, desk.organization) as db:
        rows = await db.execute(select(deliveries).where(*mine).order_by(deliveries.c.event_id))
        return [delivery_of(row) for row in rows.mappings()]


async def only(desk: Desk, name: str = "ehr") -> Delivery:
    (found,) = await delivered_to(desk, name)
    return found


async def stored(desk: Desk, name: str = "ehr") -> Subscription:
    """Return a subscription as it stands."""
    async with transaction(desk.engine, desk.organization) as db:
        found = await subscription_by_id(db, name)
    assert found is not None
    return found


async def alarm(
    desk: Desk,
    number: int = 1,
    case_id: str = CASE,
    at: datetime = NOW,
    severity: int = 2,
    backfill: bool = False,
    **told: Any,
) -> None:
    """Let Ana be hostile to dr-7 in the session of a number: an alert opens, or the one that is open changes."""
    seen = {"i1": bodies.indicator(severity=severity)}
    told = {"held_at": held_at(number).isoformat(), "therapists": ["dr-7"], **told}
    facts = session_facts(**told, indicators_observed=True, indicators=seen)
    command = put_session(facts, session_id=f"s{number}", case_id=case_id, at=at)
    await desk.write(replace(command, backfill=backfill))


WALLED = {"members": {"ana": "youth", "eva": "parent"}, "walls": [["ana", "eva"]]}
SILENT: dict[str, dict[str, Any]] = {"safety-hold": {**WALLED, "safety_hold": True}, "walls": WALLED}


async def claimed(desk: Desk, now: datetime = NOW, most: int = 8, *busy: str) -> list[Claimed]:
    async with transaction(desk.engine, desk.organization) as db:
        return await claims.claim(db, now, now + timedelta(minutes=1), most, busy)


async def waiting(desk: Desk, *names: str, each: int = 1) -> None:
    await subscribe(desk, *map(subscription, names))
    for number in range(1, each + 1):
        await alarm(desk, number)


async def settled(desk: Desk, taken: Delivery, verdict: Verdict, attempt: Attempt | None = None) -> Delivery:
    async with transaction(desk.engine, desk.organization) as db:
        await claims.settle(db, [(taken, attempt, verdict)], NOW + timedelta(minutes=1))
    (found,) = [item for item in await delivered_to(desk) if item.event_id == taken.event_id]
    return found
