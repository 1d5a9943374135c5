import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import subscriptions
from service.db.engine import Db, transaction
from service.db.stores import take_change_numbers
from service.db.subscriptions import organizations
from service.domain.subscription import StateReason, SubscriptionState
from tests.factories import NOW
from tests.subscribed import alarm, subscribe, subscription
from tests.writes import Desk

pytestmark = pytest.mark.anyio


async def _found(db: Db, name: str = "ehr") -> object:
    return await subscriptions.subscription_by_id(db, name)


async def test_what_is_stored_is_what_was_given(db: Db) -> None:
    plain = subscription()
    full = subscription(
        "full",
        rules=("early-low",),
        severities=("critical", "warning"),
        therapists=("dr-7",),
        cases=("fam-1", "fam-2"),
        events=("alert.opened",),
        former_secret=b"old",
        former_until=NOW + timedelta(hours=1),
        state=SubscriptionState.disabled,
        state_reason=StateReason.gone,
        failing_since=NOW,
    )
    for given in (plain, full):
        await subscriptions.write_subscription(db, given)
        assert await _found(db, given.subscription_id) == given
        assert await subscriptions.subscription_by_id(db, given.subscription_id, lock=True) == given
    moved = subscription(address="https://other.example.org/")
    await subscriptions.write_subscription(db, moved)
    assert await _found(db) == moved
    assert await _found(db, "nobody") is None


async def test_pages_and_counts_leave_out_what_was_deleted(db: Db) -> None:
    for name in ("c", "a", "b", "d"):
        state = SubscriptionState.deleted if name == "b" else SubscriptionState.active
        await subscriptions.write_subscription(db, subscription(name, state=state))
    assert [item.subscription_id for item in await subscriptions.subscription_page(db, None, 2)] == ["a", "c"]
    assert [item.subscription_id for item in await subscriptions.subscription_page(db, "c", 2)] == ["d"]
    assert await subscriptions.count_subscriptions(db) == 3


async def _subscribed(db: Db) -> bool:
    mine = organizations.c.organization_id == db.organization_id
    found: bool = (await db.execute(select(organizations.c.subscribed).where(mine))).scalar_one()
    return found


async def test_the_organization_knows_whether_anybody_is_to_be_told(db: Db) -> None:
    assert not (await take_change_numbers(db, 1)).subscribed
    await subscriptions.write_subscription(db, subscription("a"))
    await subscriptions.write_subscription(db, subscription("b"))
    assert (await take_change_numbers(db, 1)).subscribed
    await subscriptions.write_subscription(db, subscription("a", state=SubscriptionState.deleted))
    assert await _subscribed(db)
    await subscriptions.write_subscription(db, subscription("b", state=SubscriptionState.disabled))
    assert not await _subscribed(db)
    assert not (await take_change_numbers(db, 1)).subscribed


async def test_health(db: Db) -> None:
    await subscriptions.write_subscription(db, subscription())
    later = NOW + timedelta(hours=1)
    for failed_at, since in ((NOW, NOW), (later, NOW), (None, None), (None, None), (later, later)):
        await subscriptions.note_health(db, "ehr", failed_at)
        assert await _found(db) == subscription(failing_since=since)


async def test_disabled_once(db: Db) -> None:
    await subscriptions.write_subscription(db, subscription())
    await subscriptions.disable(db, "ehr", StateReason.gone, NOW + timedelta(hours=1))
    await subscriptions.disable(db, "ehr", StateReason.unreachable, NOW + timedelta(hours=2))
    found = await subscriptions.subscription_by_id(db, "ehr")
    assert found is not None
    assert (found.state, found.state_reason) == (SubscriptionState.disabled, StateReason.gone)
    assert found.changed_at == NOW + timedelta(hours=1)


async def test_two_who_make_the_same_are_one_after_the_other(desk: Desk) -> None:
    made: list[str] = []

    async def make(who: str) -> None:
        async with transaction(desk.engine, desk.organization) as db:
            await subscriptions.hold_organization(db)
            if await subscriptions.subscription_by_id(db, "ehr") is None:
                await subscriptions.write_subscription(db, subscription())
                made.append(who)

    await asyncio.gather(*(make(who) for who in "abc"))
    assert len(made) == 1


async def test_which_organizations_have_something_due(engine: AsyncEngine, desk: Desk) -> None:
    later = NOW + timedelta(seconds=1)
    assert desk.organization not in await subscriptions.organizations_due(engine, later)
    await subscribe(desk)
    assert desk.organization in await subscriptions.organizations_subscribed(engine)
    assert desk.organization not in await subscriptions.organizations_due(engine, later)
    await alarm(desk)
    assert desk.organization in await subscriptions.organizations_due(engine, NOW)
    assert desk.organization not in await subscriptions.organizations_due(engine, NOW - timedelta(seconds=1))
    oldest = await subscriptions.oldest_waiting(engine)
    assert oldest is not None
    assert oldest <= NOW
    await subscribe(desk, subscription(state=SubscriptionState.disabled))
    await subscribe(desk, subscription("other"))  # or nothing of the organization would be looked at
    assert desk.organization not in await subscriptions.organizations_due(engine, later)
    await subscribe(desk)
    assert desk.organization in await subscriptions.organizations_due(engine, later)
