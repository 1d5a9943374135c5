import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from service import subscribing
from service.db.engine import transaction
from service.db.subscriptions import organizations
from service.db.tables import AuditRow, table_of
from service.domain.delivery import DeliveryState, Event
from service.domain.subscription import MOST, OVERLAP, Filters, StateReason, SubscriptionState
from service.encrypting import WEBHOOKS, NoKeys, decrypt
from service.subscribing import Actor, Subscribed, Wanted
from tests.factories import NOW
from tests.subscribed import alarm, delivered_to, subscribe, subscription
from tests.writes import Desk, keys

pytestmark = pytest.mark.anyio

KEYS = [bytes([1]) * 32]
LATER = NOW + timedelta(hours=1)


def actor(desk: Desk, **facts: Any) -> Actor:
    return replace(Actor(desk.bearer(), NOW, KEYS), **facts)


def wanted(name: str = "ehr", address: str = "https://ehr.example.org/a", **filters: Any) -> Wanted:
    return Wanted(subscription_id=name, channel="webhook", address=address, filters=Filters(**filters))


async def _put(desk: Desk, asked: Wanted | None = None, **facts: Any) -> Subscribed:
    return await subscribing.put(desk.engine, actor(desk, **facts), asked or wanted())


def _code(done: Subscribed) -> str | None:
    return done.refusal.code if done.refusal else None


def _opened(desk: Desk, *sealed: bytes) -> list[str]:
    return [decrypt(KEYS, WEBHOOKS, desk.organization, token) for token in sealed]


async def _audited(desk: Desk) -> list[str]:
    audit = table_of(AuditRow)
    mine = (audit.c.organization_id == desk.organization, audit.c.thing == "webhook/ehr")
    async with transaction(desk.engine, desk.organization) as db:
        rows = await db.execute(select(audit.c.action).where(*mine).order_by(audit.c.audit_id))
        return list(rows.scalars())


async def test_a_new_one_has_a_secret_that_is_shown_once(desk: Desk) -> None:
    made = await _put(desk)
    assert made.created
    assert made.subscription is not None
    assert made.secret is not None
    assert _opened(desk, made.subscription.secret) == [made.secret]
    again = await _put(desk, now=LATER)
    assert (again.created, again.secret, again.subscription) == (False, None, made.subscription)
    assert await _audited(desk) == ["webhook.created"]


async def test_a_change_keeps_the_secret(desk: Desk) -> None:
    made = (await _put(desk)).subscription
    assert made is not None
    moved = (
        await _put(desk, wanted(address="https://ehr.example.org/b", rules=("early-low",)), now=LATER)
    ).subscription
    assert moved is not None
    assert (moved.address, moved.filters.rules) == ("https://ehr.example.org/b", ("early-low",))
    assert (moved.secret, moved.created_at, moved.changed_at) == (made.secret, NOW, LATER)
    assert await _audited(desk) == ["webhook.created", "webhook.changed"]


async def test_put_anew_what_was_disabled_is_active_and_healthy(desk: Desk) -> None:
    off: dict[str, Any] = {"state": SubscriptionState.disabled, "state_reason": StateReason.gone, "failing_since": NOW}
    await subscribe(desk, subscription(address="https://ehr.example.org/a", **off))
    found = (await _put(desk, now=LATER)).subscription
    assert found is not None
    assert (found.state, found.state_reason, found.failing_since) == (SubscriptionState.active, None, None)
    await alarm(desk)
    assert len(await delivered_to(desk)) == 1


async def test_two_secrets_are_valid_while_they_change(desk: Desk) -> None:
    secrets = [(await _put(desk)).secret]
    for hours in (1, 2):
        now = NOW + timedelta(hours=hours)
        done = await subscribing.rotate(desk.engine, actor(desk, now=now), "ehr")
        secrets.append(done.secret)
        found = done.subscription
        assert found is not None
        assert _opened(desk, *found.secrets(now)) == [secrets[-1], secrets[-2]]
        assert _opened(desk, *found.secrets(now + OVERLAP)) == [secrets[-1]]
    assert len(set(secrets)) == 3


async def test_what_was_removed_is_told_nothing_and_has_no_secret_left(desk: Desk) -> None:
    await _put(desk)
    await alarm(desk)
    gone = await subscribing.remove(desk.engine, actor(desk, now=LATER), "ehr")
    assert gone.subscription is not None
    assert (gone.subscription.state, gone.subscription.address) == (SubscriptionState.deleted, "")
    assert (gone.subscription.secret, gone.subscription.former_secret) == (b"", None)
    again = await subscribing.remove(desk.engine, actor(desk, now=LATER + OVERLAP), "ehr")
    assert again == gone
    await alarm(desk, 2)
    (sent,) = await delivered_to(desk)
    assert (sent.state, sent.state_reason) == (DeliveryState.failed, "deleted")
    for act in (subscribing.rotate, subscribing.send_test):
        assert _code(await act(desk.engine, actor(desk), "ehr")) == "not-found"
    assert _code(await subscribing.replay(desk.engine, actor(desk), "ehr", NOW, ())) == "not-found"
    back = await _put(desk)
    assert back.created
    assert back.secret is not None
    assert await _audited(desk) == ["webhook.created", "webhook.deleted", "webhook.created"]


async def test_a_test_and_sending_again(desk: Desk) -> None:
    await _put(desk)
    sent = (await subscribing.send_test(desk.engine, actor(desk), "ehr")).delivery
    assert await delivered_to(desk) == [sent]
    assert sent is not None
    assert (sent.event, sent.alert_id, sent.due_at) == (Event.test, None, NOW)
    one = await subscribing.replay(desk.engine, actor(desk), "ehr", None, [UUID(sent.event_id), uuid4()])
    assert one.replayed == 0  # it waits already
    await subscribing.remove(desk.engine, actor(desk), "ehr")
    await _put(desk)
    again = await subscribing.replay(desk.engine, actor(desk, now=LATER), "ehr", NOW, ())
    assert again.replayed == 1
    assert [(item.state, item.due_at) for item in await delivered_to(desk)] == [(DeliveryState.waiting, LATER)]


async def test_so_many_and_no_more(desk: Desk) -> None:
    for number in range(MOST):
        assert _code(await _put(desk, wanted(f"w{number}"))) is None
    assert _code(await _put(desk)) == "too-many-webhooks"
    assert _code(await _put(desk, wanted("w3", "https://ehr.example.org/c"))) is None
    await subscribing.remove(desk.engine, actor(desk), "w3")
    assert _code(await _put(desk)) is None


async def test_without_keys_no_secret_is_made_and_nothing_is_stored(desk: Desk) -> None:
    with pytest.raises(NoKeys):
        await _put(desk, keys=())
    assert _code(await subscribing.remove(desk.engine, actor(desk), "ehr")) == "not-found"
    await _put(desk)
    with pytest.raises(NoKeys):
        await subscribing.rotate(desk.engine, actor(desk, keys=()), "ehr")
    assert (await _put(desk, keys=())).subscription is not None  # nothing to encrypt
    assert await _audited(desk) == ["webhook.created"]


async def test_a_key_that_was_revoked_meanwhile(desk: Desk) -> None:
    await _put(desk)
    async with transaction(desk.engine, desk.organization) as db:
        await db.execute(update(keys).where(keys.c.organization_id == desk.organization).values(revoked_at=NOW))
    refused = [
        await _put(desk, wanted("other")),
        await subscribing.rotate(desk.engine, actor(desk), "ehr"),
        await subscribing.remove(desk.engine, actor(desk), "ehr"),
        await subscribing.send_test(desk.engine, actor(desk), "ehr"),
        await subscribing.replay(desk.engine, actor(desk), "ehr", NOW, ()),
    ]
    assert {_code(done) for done in refused} == {"key-revoked"}
    assert await _audited(desk) == ["webhook.created"]


async def test_who_asks_at_once_gets_one_secret(desk: Desk) -> None:
    done = await asyncio.gather(*(_put(desk) for _ in range(4)))
    assert sorted(item.created for item in done) == [False, False, False, True]
    assert len([item.secret for item in done if item.secret is not None]) == 1
    async with transaction(desk.engine, desk.organization) as db:
        mine = organizations.c.organization_id == desk.organization
        assert (await db.execute(select(func.count()).where(mine, organizations.c.subscribed))).scalar_one() == 1
