import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.db import deliveries
from service.db.deliveries import Claimed
from service.db.engine import transaction
from service.db.rulebooks import write_setting
from service.domain.delivery import Delivery, DeliveryState, Event
from service.domain.handling import Act, Action
from service.domain.model import Severity
from service.domain.retrying import Attempt, Verdict
from service.domain.subscription import SubscriptionState
from service.handling import handle
from tests.factories import CASE, NOW, START, case_facts, put_case, rule_setting
from tests.subscribed import alarm, delivered_to, subscribe, subscription
from tests.writes import Desk

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(minutes=1)


# --- what is put on its way


async def test_a_change_is_on_its_way_when_it_is_stored(desk: Desk) -> None:
    await subscribe(desk)
    await alarm(desk)
    (alert,) = (await desk.stored()).live_alerts(CASE)
    (sent,) = await delivered_to(desk)
    assert sent == Delivery(
        event_id=sent.event_id,
        subscription_id="ehr",
        event=Event.opened,
        occurred_at=NOW,
        due_at=NOW,
        alert_id=alert.alert_id,
        case_id=CASE,
        severity=Severity.warning,
        revision=1,
    )


async def test_each_change_is_told_with_what_was_so_then(desk: Desk) -> None:
    await subscribe(desk)
    await alarm(desk)
    await alarm(desk, 2, at=LATER, severity=3)
    (alert,) = (await desk.stored()).live_alerts(CASE)
    act = Act(id="h-1", action=Action.acknowledge, by="dr-7")
    await handle(desk.engine, desk.bearer(), UUID(alert.alert_id), act, LATER)
    await handle(desk.engine, desk.bearer(), UUID(alert.alert_id), act, LATER)  # the same again is no change
    told = [(item.event, item.severity, item.revision) for item in await delivered_to(desk)]
    assert told == [
        (Event.opened, Severity.warning, 1),
        (Event.changed, Severity.critical, 2),
        (Event.handled, Severity.critical, 3),
    ]


async def test_nobody_is_told_who_did_not_subscribe(desk: Desk) -> None:
    await subscribe(desk, subscription("off", state=SubscriptionState.disabled))
    await alarm(desk)
    assert await delivered_to(desk, "off") == []
    await subscribe(desk)
    assert await delivered_to(desk) == []  # what was before is not told
    await alarm(desk, 2)
    assert len(await delivered_to(desk)) == 1


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({}, True),
        ({"rules": ("hostility-to-therapist",)}, True),
        ({"rules": ("early-low", "hostility-to-therapist")}, True),
        ({"rules": ("early-low",)}, False),
        ({"severities": ("warning", "critical")}, True),
        ({"severities": ("critical",)}, False),
        ({"therapists": ("dr-7", "dr-8")}, True),
        ({"therapists": ("dr-8",)}, False),
        ({"cases": (CASE,)}, True),
        ({"cases": ("fam-1",)}, False),
        ({"events": ("alert.opened",)}, True),
        ({"events": ("alert.handled", "alert.changed")}, False),
        ({"rules": ("hostility-to-therapist",), "therapists": ("dr-8",)}, False),
    ],
)
async def test_filters(desk: Desk, filters: dict[str, Any], told: bool) -> None:
    await subscribe(desk, subscription(**filters), subscription("all"))
    await alarm(desk)
    assert len(await delivered_to(desk)) == told
    assert len(await delivered_to(desk, "all")) == 1


async def test_old_stories_are_told_to_nobody(desk: Desk) -> None:
    await subscribe(desk)
    await alarm(desk, backfill=True)
    assert len((await desk.stored()).live_alerts(CASE)) == 1
    assert await delivered_to(desk) == []
    await alarm(desk, 2)  # news of the same alert
    assert [item.event for item in await delivered_to(desk)] == [Event.changed]


WALLED = {"members": {"ana": "youth", "eva": "parent"}, "walls": [["ana", "eva"]]}
SILENT: dict[str, dict[str, Any]] = {"safety-hold": {**WALLED, "safety_hold": True}, "walls": WALLED}


@pytest.mark.parametrize("facts", SILENT.values(), ids=SILENT)
async def test_nothing_of_a_case_on_safety_hold_or_with_walls_is_told(desk: Desk, facts: dict[str, Any]) -> None:
    await subscribe(desk)
    await desk.write(put_case(case_facts(**facts)))
    await alarm(desk)
    assert len((await desk.stored()).live_alerts(CASE)) == 1
    await alarm(desk, case_id="fam-1")
    assert [item.case_id for item in await delivered_to(desk)] == ["fam-1"]


async def test_nothing_in_shadow_is_told(desk: Desk) -> None:
    await subscribe(desk)
    async with transaction(desk.engine, desk.organization) as db:
        await write_setting(db, rule_setting(1, "hostility-to-therapist", mode="shadow", at=START - timedelta(days=1)))
    await alarm(desk)
    (alert,) = (await desk.stored()).alerts
    assert alert.concern.shadow
    assert await delivered_to(desk) == []


async def test_what_is_taken_back_was_never_on_its_way(desk: Desk) -> None:
    await subscribe(desk)
    await alarm(desk)
    (alert,) = (await desk.stored()).live_alerts(CASE)
    for keep, known in ((False, 1), (True, 2)):
        async with transaction(desk.engine, desk.organization, keep) as db:
            await deliveries.enqueue(db, {alert.change_number: Event.changed})
            await deliveries.enqueue(db, {})
        assert len(await delivered_to(desk)) == known


# --- who takes it up


async def _claim(desk: Desk, now: datetime = NOW, most: int = 8, *busy: str) -> list[Claimed]:
    async with transaction(desk.engine, desk.organization) as db:
        return await deliveries.claim(db, now, now + timedelta(minutes=1), most, busy)


async def _waiting(desk: Desk, *names: str, each: int = 1) -> None:
    await subscribe(desk, *map(subscription, names))
    for number in range(1, each + 1):
        await alarm(desk, number)


async def test_taken_up_once_until_the_lease_is_over(desk: Desk) -> None:
    await _waiting(desk, "ehr")
    (first,) = await _claim(desk)
    assert (first.delivery.tried, first.subscription, first.silence) == (1, subscription("ehr"), None)
    assert await _claim(desk) == []
    assert await _claim(desk, NOW + timedelta(seconds=59)) == []
    (again,) = await _claim(desk, NOW + timedelta(minutes=1))
    assert (again.delivery.event_id, again.delivery.tried) == (first.delivery.event_id, 2)


async def test_nothing_is_taken_up_before_it_is_due_or_for_who_is_busy_or_disabled(desk: Desk) -> None:
    await _waiting(desk, "a", "b", "c")
    await subscribe(desk, subscription("c", state=SubscriptionState.disabled))
    assert await _claim(desk, NOW - timedelta(seconds=1)) == []
    assert {item.subscription.subscription_id for item in await _claim(desk, NOW, 8, "a")} == {"b"}


async def test_each_subscription_has_its_share_and_one_that_fails_a_single_one(desk: Desk) -> None:
    await _waiting(desk, "ehr", "dead", each=4)
    await subscribe(desk, subscription("dead", failing_since=NOW))
    found = [item.subscription.subscription_id for item in await _claim(desk, most=3)]
    assert sorted(found) == ["dead", "ehr", "ehr", "ehr"]
    assert [item.subscription.subscription_id for item in await _claim(desk, NOW, 8, "dead")] == ["ehr"]


async def test_workers_side_by_side_never_take_the_same(desk: Desk) -> None:
    await _waiting(desk, "a", "b", each=8)
    for _ in range(4):  # two at a time
        found = await asyncio.gather(*(_claim(desk, most=1) for _ in range(3)))
        taken = [(item.delivery.subscription_id, item.delivery.event_id) for one in found for item in one]
        assert len(taken) == len(set(taken))
    assert {item.tried for name in "ab" for item in await delivered_to(desk, name)} <= {0, 1}


async def test_who_holds_a_row_makes_nobody_wait(desk: Desk) -> None:
    await _waiting(desk, "ehr")
    async with transaction(desk.engine, desk.organization) as db:
        held = await deliveries.claim(db, NOW, LATER, 8, ())
        async with asyncio.timeout(5):
            assert await _claim(desk) == []
    assert len(held) == 1


@pytest.mark.parametrize("reason", SILENT)
async def test_a_hold_or_wall_that_comes_later_is_seen(desk: Desk, reason: str) -> None:
    await _waiting(desk, "ehr")
    await desk.write(put_case(case_facts(**SILENT[reason])))
    (found,) = await _claim(desk)
    assert found.silence == reason


# --- what became of it


async def _settle(desk: Desk, claimed: Delivery, verdict: Verdict, attempt: Attempt | None = None) -> Delivery:
    async with transaction(desk.engine, desk.organization) as db:
        await deliveries.settle(db, [(claimed, attempt, verdict)], LATER)
    (found,) = [item for item in await delivered_to(desk) if item.event_id == claimed.event_id]
    return found


async def test_what_was_settled_is_over_and_its_attempts_stay(desk: Desk) -> None:
    await _waiting(desk, "ehr")
    (first,) = await _claim(desk)
    failed = Attempt(at=NOW, milliseconds=15_000, error="timeout")
    again = await _settle(desk, first.delivery, Verdict(DeliveryState.waiting, LATER), failed)
    assert (again.state, again.due_at, again.tried) == (DeliveryState.waiting, LATER, 1)
    (second,) = await _claim(desk, LATER)
    taken = Attempt(at=LATER, milliseconds=20, status=204)
    done = await _settle(desk, second.delivery, Verdict(DeliveryState.delivered), taken)
    assert (done.state, done.state_reason, done.tried) == (DeliveryState.delivered, None, 2)
    assert list(done.attempts) == [
        {"at": NOW.isoformat(), "milliseconds": 15_000, "status": None, "error": "timeout"},
        {"at": LATER.isoformat(), "milliseconds": 20, "status": 204, "error": None},
    ]
    assert await _claim(desk, NOW + timedelta(days=9)) == []


async def test_who_comes_too_late_settles_nothing(desk: Desk) -> None:
    await _waiting(desk, "ehr")
    (first,) = await _claim(desk)
    (second,) = await _claim(desk, NOW + timedelta(minutes=1))
    untouched = await _settle(desk, first.delivery, Verdict(DeliveryState.failed, None, "exhausted"))
    assert (untouched.state, untouched.attempts) == (DeliveryState.waiting, ())
    done = await _settle(desk, second.delivery, Verdict(DeliveryState.delivered))
    assert done.state is DeliveryState.delivered
    assert (await _settle(desk, second.delivery, Verdict(DeliveryState.waiting, LATER))) == done


async def test_given_up_and_sent_again(desk: Desk) -> None:
    await _waiting(desk, "ehr", "other", each=3)
    (done, *_) = [item for item in await _claim(desk, NOW, 1) if item.delivery.subscription_id == "ehr"]
    await _settle(desk, done.delivery, Verdict(DeliveryState.delivered))
    async with transaction(desk.engine, desk.organization) as db:
        await deliveries.give_up(db, "ehr", "disabled", LATER)
    states = [(item.state.value, item.state_reason) for item in await delivered_to(desk)]
    assert states == [("delivered", None), ("failed", "disabled"), ("failed", "disabled")]
    assert {item.state for item in await delivered_to(desk, "other")} == {DeliveryState.waiting}

    async def replayed(since: datetime | None, *ids: UUID) -> int:
        async with transaction(desk.engine, desk.organization) as db:
            return await deliveries.replay(db, "ehr", LATER, since, ids)

    assert await replayed(LATER) == 0
    assert await replayed(NOW) == 2
    assert await replayed(NOW) == 0  # they wait already
    assert await replayed(None, UUID(done.delivery.event_id), uuid4()) == 1
    found = await delivered_to(desk)
    assert {(item.state, item.tried, item.due_at) for item in found} == {(DeliveryState.waiting, 0, LATER)}
    assert found[0].event_id == done.delivery.event_id


async def test_pages_have_the_latest_first(desk: Desk) -> None:
    await _waiting(desk, "ehr", each=3)
    one, two, three = await delivered_to(desk)
    await _claim(desk, NOW, 1)
    await _settle(desk, replace(one, tried=1), Verdict(DeliveryState.delivered))
    async with transaction(desk.engine, desk.organization) as db:
        first = await deliveries.delivery_page(db, "ehr", (), None, 2)
        rest = await deliveries.delivery_page(db, "ehr", (), UUID(two.event_id), 2)
        open_ones = await deliveries.delivery_page(db, "ehr", ("waiting", "failed"), None, 9)
        assert await deliveries.delivery_page(db, "nobody", (), None, 9) == []
    assert [item.event_id for item in (*first, *rest)] == [three.event_id, two.event_id, one.event_id]
    assert [item.event_id for item in open_ones] == [three.event_id, two.event_id]


async def test_what_was_settled_long_ago_goes_and_what_waits_stays(desk: Desk) -> None:
    await _waiting(desk, "ehr", each=2)
    (first,) = await _claim(desk, NOW, 1)
    await _settle(desk, first.delivery, Verdict(DeliveryState.delivered))
    async with transaction(desk.engine, desk.organization) as db:
        assert await deliveries.forget(db, LATER) == 0
        assert await deliveries.forget(db, LATER + timedelta(seconds=1)) == 1
    assert [item.state for item in await delivered_to(desk)] == [DeliveryState.waiting]


async def test_a_message_about_no_alert(desk: Desk) -> None:
    await subscribe(desk)
    told = Delivery(event_id=str(uuid4()), subscription_id="ehr", event=Event.test, occurred_at=NOW, due_at=NOW)
    async with transaction(desk.engine, desk.organization) as db:
        await deliveries.write_delivery(db, told)
    assert await delivered_to(desk) == [told]
    (found,) = await _claim(desk)
    assert (found.delivery.event, found.silence) == (Event.test, None)
