import asyncio
from datetime import timedelta
from typing import Any

import pytest

from service.db import claims
from service.db.engine import transaction
from service.domain.delivery import DeliveryState
from service.domain.retrying import Attempt, Verdict
from service.domain.subscription import Role, SubscriptionState
from tests.factories import NOW, case_facts, put_case
from tests.subscribed import SILENT, alarm, claimed, delivered_to, settled, subscribe, subscription, waiting
from tests.writes import Desk

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(minutes=1)
PERSON: dict[str, Any] = {"channel": "email", "person": "dr-7", "role": Role.therapist, "therapists": ("dr-7",)}


async def test_taken_up_once_until_the_lease_is_over(desk: Desk) -> None:
    await waiting(desk, "ehr")
    (first,) = await claimed(desk)
    assert (first.delivery.tried, first.subscription, first.silence) == (1, subscription("ehr"), None)
    assert await claimed(desk) == []
    assert await claimed(desk, NOW + timedelta(seconds=59)) == []
    (again,) = await claimed(desk, NOW + timedelta(minutes=1))
    assert (again.delivery.event_id, again.delivery.tried) == (first.delivery.event_id, 2)


async def test_nothing_is_taken_up_before_it_is_due_or_for_who_is_busy_or_disabled(desk: Desk) -> None:
    await waiting(desk, "a", "b", "c")
    await subscribe(desk, subscription("c", state=SubscriptionState.disabled))
    assert await claimed(desk, NOW - timedelta(seconds=1)) == []
    assert {item.subscription.subscription_id for item in await claimed(desk, NOW, 8, "a")} == {"b"}


async def test_each_subscription_has_its_share_and_one_that_fails_a_single_one(desk: Desk) -> None:
    await waiting(desk, "ehr", "dead", each=4)
    await subscribe(desk, subscription("dead", failing_since=NOW))
    found = [item.subscription.subscription_id for item in await claimed(desk, most=3)]
    assert sorted(found) == ["dead", "ehr", "ehr", "ehr"]
    assert [item.subscription.subscription_id for item in await claimed(desk, NOW, 8, "dead")] == ["ehr"]


async def test_workers_side_by_side_never_take_the_same(desk: Desk) -> None:
    await waiting(desk, "a", "b", each=8)
    for _ in range(4):  # two at a time
        found = await asyncio.gather(*(claimed(desk, most=1) for _ in range(3)))
        taken = [(item.delivery.subscription_id, item.delivery.event_id) for one in found for item in one]
        assert len(taken) == len(set(taken))
    assert {item.tried for name in "ab" for item in await delivered_to(desk, name)} <= {0, 1}


async def test_who_holds_a_row_makes_nobody_wait(desk: Desk) -> None:
    await waiting(desk, "ehr")
    async with transaction(desk.engine, desk.organization) as db:
        held = await claims.claim(db, NOW, LATER, 8, ())
        async with asyncio.timeout(5):
            assert await claimed(desk) == []
    assert len(held) == 1


@pytest.mark.parametrize(("facts", "taken"), [({}, 1), (PERSON, 0)], ids=["a system", "a person"])
async def test_who_looked_before_another_took_something_up_looks_again_once_they_hold_it(
    desk: Desk, facts: dict[str, Any], taken: int
) -> None:
    """Or two messages would be on their way to a person at once, and a day could have one too many."""
    await subscribe(desk, subscription("to", **facts))
    await alarm(desk, severity=3)
    assert len(await claimed(desk)) == 1
    await alarm(desk, case_id="fam-1", severity=3)
    looked = {"now": NOW, "until": LATER, "most": 8, "held": ["to"]}
    async with transaction(desk.engine, desk.organization) as db:
        assert len(await db.fetch(claims.CLAIM, **looked)) == taken


@pytest.mark.parametrize("reason", SILENT)
async def test_a_hold_or_wall_that_comes_later_is_seen(desk: Desk, reason: str) -> None:
    await waiting(desk, "ehr")
    await desk.write(put_case(case_facts(**SILENT[reason])))
    (found,) = await claimed(desk)
    assert found.silence == reason


async def test_what_was_settled_is_over_and_its_attempts_stay(desk: Desk) -> None:
    await waiting(desk, "ehr")
    (first,) = await claimed(desk)
    failed = Attempt(at=NOW, milliseconds=15_000, error="timeout")
    again = await settled(desk, first.delivery, Verdict(DeliveryState.waiting, LATER), failed)
    assert (again.state, again.due_at, again.tried) == (DeliveryState.waiting, LATER, 1)
    (second,) = await claimed(desk, LATER)
    taken = Attempt(at=LATER, milliseconds=20, status=204)
    done = await settled(desk, second.delivery, Verdict(DeliveryState.delivered), taken)
    assert (done.state, done.state_reason, done.tried) == (DeliveryState.delivered, None, 2)
    assert list(done.attempts) == [
        {"at": NOW.isoformat(), "milliseconds": 15_000, "status": None, "error": "timeout"},
        {"at": LATER.isoformat(), "milliseconds": 20, "status": 204, "error": None},
    ]
    assert await claimed(desk, NOW + timedelta(days=9)) == []


async def test_who_comes_too_late_settles_nothing(desk: Desk) -> None:
    await waiting(desk, "ehr")
    (first,) = await claimed(desk)
    (second,) = await claimed(desk, NOW + timedelta(minutes=1))
    untouched = await settled(desk, first.delivery, Verdict(DeliveryState.failed, None, "exhausted"))
    assert (untouched.state, untouched.attempts) == (DeliveryState.waiting, ())
    done = await settled(desk, second.delivery, Verdict(DeliveryState.delivered))
    assert done.state is DeliveryState.delivered
    assert (await settled(desk, second.delivery, Verdict(DeliveryState.waiting, LATER))) == done
