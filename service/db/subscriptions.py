"""Subscriptions as they are stored, and which organizations have something due.

Whoever changes one holds the organization's row first, so that `subscribed` there never lags behind.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import Db, connected
from service.db.rows import Row
from service.db.tables import DeliveryRow, OrganizationRow, SubscriptionRow, table_of
from service.domain.delivery import DeliveryState
from service.domain.subscription import Filters, Role, StateReason, Subscription, SubscriptionState

organizations, subscriptions = table_of(OrganizationRow), table_of(SubscriptionRow)
deliveries = table_of(DeliveryRow)

IN_FORCE = subscriptions.c.state == SubscriptionState.active.value
THERE = subscriptions.c.state != SubscriptionState.deleted.value
# what was on its way when its subscription was disabled waits for that to be active again, and is not due meanwhile
UNDER_WAY = and_(
    deliveries.c.state == DeliveryState.waiting.value,
    exists().where(
        subscriptions.c.organization_id == deliveries.c.organization_id,
        subscriptions.c.subscription_id == deliveries.c.subscription_id,
        IN_FORCE,
    ),
)


async def hold_organization(db: Db) -> None:
    """Let nobody else change the organization's subscriptions, or number a change, until the transaction ends."""
    mine = organizations.c.organization_id == db.organization_id
    await db.execute(select(organizations.c.organization_id).where(mine).with_for_update(key_share=True))


async def write_subscription(db: Db, subscription: Subscription) -> None:
    """Insert or update a subscription, and note whether the organization has any."""
    row = _row(subscription)
    key = ("organization_id", "subscription_id")
    statement = insert(subscriptions).values(organization_id=db.organization_id, **row)
    values = {name: statement.excluded[name] for name in row if name not in key}
    await db.execute(statement.on_conflict_do_update(index_elements=key, set_=values))
    any_left = exists().where(subscriptions.c.organization_id == db.organization_id, IN_FORCE)
    mine = organizations.c.organization_id == db.organization_id
    await db.execute(update(organizations).where(mine).values(subscribed=select(any_left).scalar_subquery()))


async def subscription_by_id(db: Db, subscription_id: str, lock: bool = False) -> Subscription | None:
    """Return a subscription, a deleted one too; with `lock` nobody else settles its deliveries meanwhile."""
    statement = select(subscriptions).where(*_of(db, subscription_id))
    if lock:
        statement = statement.with_for_update(key_share=True)
    row = (await db.execute(statement)).mappings().one_or_none()
    return None if row is None else subscription_of(row)


async def subscription_page(db: Db, after: str | None, limit: int, of_people: bool = False) -> list[Subscription]:
    """Return the subscriptions of systems, or of people, that are not deleted, by their ids."""
    mine = (subscriptions.c.organization_id == db.organization_id, THERE)
    statement = select(subscriptions).where(*mine, subscriptions.c.person.is_not(None) == of_people)
    if after is not None:
        statement = statement.where(subscriptions.c.subscription_id > after)
    rows = (await db.execute(statement.order_by(subscriptions.c.subscription_id).limit(limit))).mappings()
    return [subscription_of(row) for row in rows]


async def count_subscriptions(db: Db, of_people: bool = False) -> int:
    """Return how many subscriptions of systems, or of people, the organization has."""
    kind = subscriptions.c.person.is_not(None) == of_people
    mine = (subscriptions.c.organization_id == db.organization_id, THERE, kind)
    count: int = (await db.execute(select(func.count()).where(*mine))).scalar_one()
    return count


async def note_health(db: Db, subscription_id: str, failed_at: datetime | None) -> None:
    """Note that a receiver has failed, since then if it went well before; or, with None, that it took something."""
    since = None if failed_at is None else func.coalesce(subscriptions.c.failing_since, failed_at)
    await db.execute(update(subscriptions).where(*_of(db, subscription_id)).values(failing_since=since))


async def disable(db: Db, subscription_id: str, reason: StateReason, at: datetime) -> None:
    """Tell a subscription nothing any more until somebody puts it anew."""
    values = {"state": SubscriptionState.disabled.value, "state_reason": reason.value, "changed_at": at}
    await db.execute(update(subscriptions).where(*_of(db, subscription_id), IN_FORCE).values(values))


async def organizations_due(engine: AsyncEngine, now: datetime) -> list[UUID]:
    """Return the organizations that have something due; it is read without a lock, each is served by itself."""
    theirs = deliveries.c.organization_id == organizations.c.organization_id
    due = exists().where(theirs, UNDER_WAY, deliveries.c.due_at <= now)
    statement = select(organizations.c.organization_id).where(organizations.c.subscribed, due)
    async with connected(engine) as connection:
        return list((await connection.execute(statement)).scalars())


async def organizations_subscribed(engine: AsyncEngine) -> list[UUID]:
    """Return the organizations that have ever subscribed."""
    statement = select(subscriptions.c.organization_id).distinct()
    async with connected(engine) as connection:
        return list((await connection.execute(statement)).scalars())


async def oldest_waiting(engine: AsyncEngine) -> datetime | None:
    """Return when the change occurred that waits longest to be told, of all organizations; None if none waits."""
    async with connected(engine) as connection:
        statement = select(func.min(deliveries.c.occurred_at)).where(UNDER_WAY)
        found: datetime | None = (await connection.execute(statement)).scalar_one()
        return found


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a subscription keeps encrypted: its secret and the former one."""

    subscription_id: str
    of_person: bool
    both: tuple[bytes, bytes | None]


async def secrets_kept(db: Db) -> list[Secrets]:
    """Return the secrets of all subscriptions, which nobody else changes until the transaction ends."""
    chosen = [subscriptions.c[name] for name in ("subscription_id", "person", "secret", "former_secret")]
    mine = subscriptions.c.organization_id == db.organization_id
    rows = await db.execute(select(*chosen).where(mine).with_for_update(key_share=True))
    return [Secrets(row.subscription_id, row.person is not None, (row.secret, row.former_secret)) for row in rows]


async def write_secrets(db: Db, kept: Secrets) -> None:
    """Replace the secrets of a subscription by the same, encrypted otherwise."""
    values = dict(zip(("secret", "former_secret"), kept.both, strict=True))
    await db.execute(update(subscriptions).where(*_of(db, kept.subscription_id)).values(values))


async def write_push_key(db: Db, kept: bytes) -> None:
    """Replace the key of the organization's pushes by the same, encrypted otherwise."""
    mine = organizations.c.organization_id == db.organization_id
    await db.execute(update(organizations).where(mine).values(push_key=kept))


async def push_key(db: Db, made: bytes | None = None) -> bytes | None:
    """Return the key, encrypted, by which the organization's pushes are signed; with `made` that if it had none."""
    mine = organizations.c.organization_id == db.organization_id
    if made is not None:
        await db.execute(update(organizations).where(mine, organizations.c.push_key.is_(None)).values(push_key=made))
    found: bytes | None = (await db.execute(select(organizations.c.push_key).where(mine))).scalar_one()
    return found


def _of(db: Db, subscription_id: str) -> tuple[Any, Any]:
    mine = subscriptions.c.organization_id == db.organization_id
    return (mine, subscriptions.c.subscription_id == subscription_id)


def subscription_of(row: Row) -> Subscription:
    chosen = {name: row[name] for name in Filters.__dataclass_fields__}
    return Subscription(
        subscription_id=row["subscription_id"],
        channel=row["channel"],
        address=row["address"],
        filters=Filters(**{name: None if found is None else tuple(found) for name, found in chosen.items()}),
        person=row["person"],
        role=None if row["role"] is None else Role(row["role"]),
        language=row["language"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        secret=row["secret"],
        former_secret=row["former_secret"],
        former_until=row["former_until"],
        state=SubscriptionState(row["state"]),
        state_reason=None if row["state_reason"] is None else StateReason(row["state_reason"]),
        failing_since=row["failing_since"],
    )


def _row(subscription: Subscription) -> dict[str, Any]:
    filters = subscription.filters
    chosen = {name: getattr(filters, name) for name in Filters.__dataclass_fields__}
    plain = ("subscription_id", "channel", "address", "created_at", "changed_at", "secret")
    optional = ("former_secret", "former_until", "failing_since", "person", "role", "language")
    return {
        **{name: getattr(subscription, name) for name in (*plain, *optional)},
        **{name: None if found is None else list(found) for name, found in chosen.items()},
        "state": subscription.state.value,
        "state_reason": subscription.state_reason.value if subscription.state_reason else None,
    }
