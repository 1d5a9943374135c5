"""Subscribing: who is told of changes, with which secret; one act in one transaction, under its organization's row."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from service.db import deliveries, queries, stores, subscriptions
from service.db.engine import Db, transaction
from service.domain.commands import Refusal
from service.domain.delivery import Delivery, Event
from service.domain.signing import SECRET_BYTES, secret_of
from service.domain.subscription import MOST, OVERLAP, Filters, Subscription, SubscriptionState
from service.encrypting import WEBHOOKS, encrypt


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A subscription as somebody asks for it."""

    subscription_id: str
    channel: str
    address: str
    filters: Filters


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """What became of an act: the subscription as it stands now, or why it was refused; a new secret, shown once."""

    subscription: Subscription | None = None
    refusal: Refusal | None = None
    secret: str | None = None
    created: bool = False
    delivery: Delivery | None = None
    replayed: int = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """Whose key asks for something, and when; the keys with which secrets are encrypted."""

    organization_id: UUID
    key_id: str
    now: datetime
    keys: Sequence[bytes] = ()

    def secret(self) -> tuple[str, bytes]:
        """Return a new secret as it is shown, and as it is kept; raises NoKeys where none can be kept."""
        shown = secret_of(secrets.token_bytes(SECRET_BYTES))
        return shown, encrypt(self.keys, WEBHOOKS, self.organization_id, shown)


async def put(engine: AsyncEngine, actor: Actor, wanted: Wanted) -> Subscribed:
    """Make a subscription what is wanted, and active; committed when this returns.

    A new one needs a secret: raises NoKeys where none can be kept.
    """
    async with transaction(engine, actor.organization_id) as db:
        found = await _locked(db, actor, wanted.subscription_id)
        stored = found.subscription
        if found.refusal is not None and found.refusal.code != "not-found":
            return found
        if stored is None or stored.state is SubscriptionState.deleted:
            if await subscriptions.count_subscriptions(db) >= MOST:
                return Subscribed(refusal=Refusal("too-many-webhooks"))
            shown, kept = actor.secret()
            made = _made(wanted, kept, actor.now)
            return replace(await _written(db, actor, made, "created"), secret=shown, created=True)
        same = (stored.address, stored.filters) == (wanted.address, wanted.filters)
        if same and stored.state is SubscriptionState.active:
            return found
        return await _written(db, actor, _activated(stored, wanted, actor.now), "changed")


async def rotate(engine: AsyncEngine, actor: Actor, subscription_id: str) -> Subscribed:
    """Give a subscription a new secret; the former one stays valid beside it for a while."""
    async with transaction(engine, actor.organization_id) as db:
        found = _there(await _locked(db, actor, subscription_id))
        if found.subscription is None:
            return found
        shown, kept = actor.secret()
        made = replace(
            found.subscription,
            secret=kept,
            former_secret=found.subscription.secret,
            former_until=actor.now + OVERLAP,
            changed_at=actor.now,
        )
        return replace(await _written(db, actor, made, "rotated"), secret=shown)


async def remove(engine: AsyncEngine, actor: Actor, subscription_id: str) -> Subscribed:
    """Tell a subscription nothing any more; its address and secrets go, what was delivered stays. Repeating is safe."""
    async with transaction(engine, actor.organization_id) as db:
        found = await _locked(db, actor, subscription_id)
        stored = found.subscription
        if stored is None or stored.state is SubscriptionState.deleted:
            return found
        gone = replace(
            stored,
            state=SubscriptionState.deleted,
            state_reason=None,
            failing_since=None,
            address="",
            secret=b"",
            former_secret=None,
            former_until=None,
            changed_at=actor.now,
        )
        await deliveries.give_up(db, subscription_id, "deleted", actor.now)
        return await _written(db, actor, gone, "deleted")


async def send_test(engine: AsyncEngine, actor: Actor, subscription_id: str) -> Subscribed:
    """Send a message that tells of nothing, by the same way as all others."""
    async with transaction(engine, actor.organization_id) as db:
        found = _there(await _locked(db, actor, subscription_id))
        if found.subscription is None:
            return found
        sent = Delivery(
            event_id=str(uuid7()),
            subscription_id=subscription_id,
            event=Event.test,
            occurred_at=actor.now,
            due_at=actor.now,
        )
        await deliveries.write_delivery(db, sent)
        await _audited(db, actor, subscription_id, "tested")
        return replace(found, delivery=sent)


async def replay(
    engine: AsyncEngine, actor: Actor, subscription_id: str, since: datetime | None, event_ids: Sequence[UUID]
) -> Subscribed:
    """Send some messages again under their ids, or all that failed since a time."""
    async with transaction(engine, actor.organization_id) as db:
        found = _there(await _locked(db, actor, subscription_id))
        if found.subscription is None:
            return found
        count = await deliveries.replay(db, subscription_id, actor.now, since, event_ids)
        await _audited(db, actor, subscription_id, "replayed")
        return replace(found, replayed=count)


async def _locked(db: Db, actor: Actor, subscription_id: str) -> Subscribed:
    """Return a subscription that nobody else changes until the transaction ends, or why this key may do nothing."""
    await subscriptions.hold_organization(db)
    _, keys, _ = await queries.touched_sessions(db, [], [actor.key_id], actor.now)
    if actor.key_id not in keys:
        return Subscribed(refusal=Refusal("key-revoked"))
    stored = await subscriptions.subscription_by_id(db, subscription_id, lock=True)
    return Subscribed(refusal=Refusal("not-found")) if stored is None else Subscribed(subscription=stored)


def _there(found: Subscribed) -> Subscribed:
    """Return what was found, but one that was deleted is not there."""
    if found.subscription is None or found.subscription.state is not SubscriptionState.deleted:
        return found
    return Subscribed(refusal=Refusal("not-found"))


def _made(wanted: Wanted, secret: bytes, now: datetime) -> Subscription:
    return Subscription(
        subscription_id=wanted.subscription_id,
        channel=wanted.channel,
        address=wanted.address,
        filters=wanted.filters,
        created_at=now,
        changed_at=now,
        secret=secret,
    )


def _activated(stored: Subscription, wanted: Wanted, now: datetime) -> Subscription:
    """Return a subscription as it is wanted; one that was disabled begins anew."""
    return replace(
        stored,
        address=wanted.address,
        filters=wanted.filters,
        state=SubscriptionState.active,
        state_reason=None,
        failing_since=None,
        changed_at=now,
    )


async def _written(db: Db, actor: Actor, subscription: Subscription, action: str) -> Subscribed:
    await subscriptions.write_subscription(db, subscription)
    await _audited(db, actor, subscription.subscription_id, action)
    return Subscribed(subscription=subscription)


async def _audited(db: Db, actor: Actor, subscription_id: str, action: str) -> None:
    entry = (actor.key_id, f"webhook.{action}", f"webhook/{subscription_id}", None)
    await stores.write_audit(db, actor.now, [entry])
