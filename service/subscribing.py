"""Subscribing: who is told of changes, with which secret; one act in one transaction, under its organization's row.

A system is sent what it verifies by a secret of ours, a person something at an address that is itself kept as a secret.
Neither is found where the other is asked for.
"""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from service.channels.web_push import new_key
from service.db import deliveries, listening, stores, subscriptions
from service.db.bearers import Bearer, admitted
from service.db.engine import Db, transaction
from service.domain.commands import Refusal
from service.domain.delivery import Delivery, Event
from service.domain.signing import SECRET_BYTES, secret_of
from service.domain.subscription import MOST, MOST_OF_PEOPLE, OVERLAP, Filters, Role, Subscription, SubscriptionState
from service.encrypting import PEOPLE, WEBHOOKS, NoKeys, Unreadable, decrypt, encrypt


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A subscription as somebody asks for it; of a person `reached_at` is the whole of where, of which `address` shows
    a part.
    """

    subscription_id: str
    channel: str
    address: str
    filters: Filters
    person: str | None = None
    role: Role | None = None
    language: str | None = None
    reached_at: str | None = None


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
    """Who asks for something, and when; the keys with which secrets are encrypted; whether it is about people."""

    bearer: Bearer
    now: datetime
    keys: Sequence[bytes] = ()
    of_people: bool = False

    @property
    def organization_id(self) -> UUID:
        return self.bearer.organization_id

    def secret(self) -> tuple[str, bytes]:
        """Return a new secret as it is shown, and as it is kept; raises NoKeys where none can be kept."""
        shown = secret_of(secrets.token_bytes(SECRET_BYTES))
        return shown, encrypt(self.keys, WEBHOOKS, self.organization_id, shown)

    def kept(self, reached_at: str) -> bytes:
        """Return where a person is told as it is kept; raises NoKeys where it cannot be."""
        return encrypt(self.keys, PEOPLE, self.organization_id, reached_at)


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
            return await _created(db, actor, wanted)
        if (stored.person, stored.channel) != (wanted.person, wanted.channel):
            return Subscribed(refusal=Refusal("subscription-id-used"))
        if stored.state is SubscriptionState.active and _same(actor, stored, wanted):
            return found
        kept = stored.secret if wanted.reached_at is None else actor.kept(wanted.reached_at)
        return await _written(db, actor, _activated(stored, wanted, kept, actor.now), "changed")


async def _created(db: Db, actor: Actor, wanted: Wanted) -> Subscribed:
    most = MOST_OF_PEOPLE if actor.of_people else MOST
    if await subscriptions.count_subscriptions(db, actor.of_people) >= most:
        return Subscribed(refusal=Refusal("too-many-subscriptions" if actor.of_people else "too-many-webhooks"))
    shown, kept = actor.secret() if wanted.reached_at is None else (None, actor.kept(wanted.reached_at))
    made = await _written(db, actor, _made(wanted, kept, actor.now), "created")
    return replace(made, secret=shown, created=True)


def _same(actor: Actor, stored: Subscription, wanted: Wanted) -> bool:
    """Tell whether a subscription is what is wanted; where it cannot be read what it was, it is not."""
    names = ("address", "filters", "role", "language")
    if any(getattr(stored, name) != getattr(wanted, name) for name in names):
        return False
    if wanted.reached_at is None:
        return True
    with contextlib.suppress(NoKeys, Unreadable):
        return decrypt(actor.keys, PEOPLE, actor.organization_id, stored.secret) == wanted.reached_at
    return False


async def push_key(engine: AsyncEngine, organization_id: UUID, keys: Sequence[bytes]) -> str:
    """Return the key by which an organization's pushes are signed, made when it is first asked for.

    It stays for good: devices subscribe to whoever has it. Raises NoKeys or Unreadable where it cannot be kept or read.
    """
    async with transaction(engine, organization_id) as db:
        found = await subscriptions.push_key(db)
        if found is None:
            found = await subscriptions.push_key(db, encrypt(keys, PEOPLE, organization_id, new_key()))
    return decrypt(keys, PEOPLE, organization_id, found or b"")


async def rotate(engine: AsyncEngine, actor: Actor, subscription_id: str) -> Subscribed:
    """Give a subscription a new secret; the former one stays valid beside it for a while."""
    async with transaction(engine, actor.organization_id) as db:
        found = _there(await _known(db, actor, subscription_id))
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
        found = await _known(db, actor, subscription_id)
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
        found = _there(await _known(db, actor, subscription_id))
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
        await listening.wake(db)
        await _audited(db, actor, subscription_id, "tested")
        return replace(found, delivery=sent)


async def replay(
    engine: AsyncEngine, actor: Actor, subscription_id: str, since: datetime | None, event_ids: Sequence[UUID]
) -> Subscribed:
    """Send some messages again under their ids, or all that failed since a time."""
    async with transaction(engine, actor.organization_id) as db:
        found = _there(await _known(db, actor, subscription_id))
        if found.subscription is None:
            return found
        count = await deliveries.replay(db, subscription_id, actor.now, since, event_ids)
        await listening.wake(db)
        await _audited(db, actor, subscription_id, "replayed")
        return replace(found, replayed=count)


async def _locked(db: Db, actor: Actor, subscription_id: str) -> Subscribed:
    """Return a subscription that nobody else changes until the transaction ends, or why this key may do nothing."""
    await subscriptions.hold_organization(db)
    if not await admitted(db, actor.bearer, actor.now):
        return Subscribed(refusal=Refusal("key-revoked"))
    stored = await subscriptions.subscription_by_id(db, subscription_id, lock=True)
    if stored is not None and not _concerns(actor, stored):
        return Subscribed(refusal=Refusal("subscription-id-used"))
    return Subscribed(refusal=Refusal("not-found")) if stored is None else Subscribed(subscription=stored)


def _concerns(actor: Actor, stored: Subscription) -> bool:
    """Tell whether a subscription is of the kind that is asked for, and, where a person asks, their own."""
    return stored.of_person is actor.of_people and actor.bearer.person in (None, stored.person)


async def _known(db: Db, actor: Actor, subscription_id: str) -> Subscribed:
    """Return the same, but what is of the other kind, or another person's, is not there."""
    found = await _locked(db, actor, subscription_id)
    other = found.refusal is not None and found.refusal.code == "subscription-id-used"
    return Subscribed(refusal=Refusal("not-found")) if other else found


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
        person=wanted.person,
        role=wanted.role,
        language=wanted.language,
        created_at=now,
        changed_at=now,
        secret=secret,
    )


def _activated(stored: Subscription, wanted: Wanted, kept: bytes, now: datetime) -> Subscription:
    """Return a subscription as it is wanted; one that was disabled begins anew."""
    return replace(
        stored,
        address=wanted.address,
        filters=wanted.filters,
        role=wanted.role,
        language=wanted.language,
        secret=kept,
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
    kind = "subscription" if actor.of_people else "webhook"
    entry = (actor.bearer.name, f"{kind}.{action}", f"{kind}/{subscription_id}", None)
    await stores.write_audit(db, actor.now, [entry])
