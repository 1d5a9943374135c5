from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.db import deliveries
from service.db.engine import transaction
from service.db.rulebooks import write_setting
from service.db.subscriptions import organizations_due
from service.domain.delivery import Delivery, DeliveryState, Event
from service.domain.handling import Act, Action
from service.domain.model import Severity
from service.domain.retrying import Verdict
from service.domain.subscription import Role, SubscriptionState
from service.handling import handle
from tests.factories import CASE, NOW, START, case_facts, put_case, rule_setting
from tests.subscribed import SILENT, alarm, claimed, delivered_to, settled, subscribe, subscription, waiting
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


@pytest.mark.parametrize("reason", SILENT)
async def test_nothing_of_a_case_on_safety_hold_or_with_walls_is_told_and_it_is_said_why(
    desk: Desk, reason: str
) -> None:
    await subscribe(desk)
    await desk.write(put_case(case_facts(**SILENT[reason])))
    await alarm(desk)
    (alert,) = (await desk.stored()).live_alerts(CASE)
    (sent,) = await delivered_to(desk)
    assert (sent.alert_id, sent.state, sent.state_reason) == (alert.alert_id, DeliveryState.withheld, reason)
    assert await claimed(desk, LATER) == []
    assert desk.organization not in await organizations_due(desk.engine, LATER)
    await alarm(desk, case_id="fam-1")
    assert [item.delivery.case_id for item in await claimed(desk)] == ["fam-1"]


@pytest.mark.parametrize("reason", SILENT)
async def test_what_is_withheld_is_sent_again_only_once_it_may_be(desk: Desk, reason: str) -> None:
    await subscribe(desk)
    await desk.write(put_case(case_facts(**SILENT[reason])))
    await alarm(desk)
    (sent,) = await delivered_to(desk)

    async def again(**facts: Any) -> str | None:
        await desk.write(put_case(case_facts(**facts)))
        async with transaction(desk.engine, desk.organization) as db:
            assert await deliveries.replay(db, "ehr", LATER, NOW, ()) == 0  # it did not fail
            assert await deliveries.replay(db, "ehr", LATER, None, [UUID(sent.event_id)]) == 1
        (taken,) = await claimed(desk, LATER)
        await settled(desk, taken.delivery, Verdict(DeliveryState.withheld, state_reason=taken.silence))
        return taken.silence

    assert await again(**SILENT[reason]) == reason
    assert await again() is None


async def test_what_is_withheld_goes_like_all_that_is_settled(desk: Desk) -> None:
    await subscribe(desk)
    await desk.write(put_case(case_facts(safety_hold=True)))
    await alarm(desk)
    async with transaction(desk.engine, desk.organization) as db:
        assert [await deliveries.forget(db, before) for before in (NOW, LATER)] == [0, 1]


DR_7 = subscription(
    "anna",
    channel="email",
    person="dr-7",
    role=Role.therapist,
    therapists=("dr-7",),
    severities=("warning", "critical"),
)


async def test_who_is_named_late_hears_of_what_waits_and_once(desk: Desk) -> None:
    """Ratings and observations may come before anybody says whose the case is."""
    await subscribe(desk, DR_7, subscription("another", person="dr-8", role=Role.therapist, therapists=("dr-8",)))
    await subscribe(desk, replace(DR_7, subscription_id="supervisor", role=Role.supervisor))
    await alarm(desk, therapists=[])
    assert await delivered_to(desk, "anna") == []
    named, nobody = put_case(case_facts(therapists=["dr-7"])), put_case(case_facts())
    for command in (named, nobody, named):
        await desk.one(command)
    (alert,) = (await desk.stored()).live_alerts(CASE)
    (sent,) = await delivered_to(desk, "anna")
    assert (sent.event, sent.alert_id, sent.severity) == (Event.opened, alert.alert_id, Severity.warning)
    assert [len(await delivered_to(desk, name)) for name in ("another", "supervisor")] == [0, 0]


@pytest.mark.parametrize("late", ["handled", "an old story", "told in one", "handed over"])
async def test_who_is_named_late_hears_of_nothing_else(desk: Desk, late: str) -> None:
    await subscribe(desk, DR_7)
    named = put_case(case_facts(therapists=["dr-7"]))
    if late == "handed over":
        await desk.one(put_case(case_facts(therapists=["dr-8"])))  # who was told
    if late == "told in one":
        await alarm(desk, 1, "fam-1", therapists=[])
        named = replace(named, case_id="fam-1", backfill=True)
    await alarm(desk, backfill=late == "an old story", therapists=[])
    (alert,) = (await desk.stored()).live_alerts(CASE)
    if late == "handled":
        act = Act(id="h-1", action=Action.acknowledge, by="dr-8")
        await handle(desk.engine, desk.bearer(), UUID(alert.alert_id), act, LATER)
    await desk.one(named)
    assert await delivered_to(desk, "anna") == []


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


# --- what became of it


async def test_given_up_and_sent_again(desk: Desk) -> None:
    await waiting(desk, "ehr", "other", each=3)
    (done, *_) = [item for item in await claimed(desk, NOW, 1) if item.delivery.subscription_id == "ehr"]
    await settled(desk, done.delivery, Verdict(DeliveryState.delivered))
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
    await waiting(desk, "ehr", each=3)
    one, two, three = await delivered_to(desk)
    await claimed(desk, NOW, 1)
    await settled(desk, replace(one, tried=1), Verdict(DeliveryState.delivered))
    async with transaction(desk.engine, desk.organization) as db:
        first = await deliveries.delivery_page(db, "ehr", (), None, 2)
        rest = await deliveries.delivery_page(db, "ehr", (), UUID(two.event_id), 2)
        open_ones = await deliveries.delivery_page(db, "ehr", ("waiting", "failed"), None, 9)
        assert await deliveries.delivery_page(db, "nobody", (), None, 9) == []
    assert [item.event_id for item in (*first, *rest)] == [three.event_id, two.event_id, one.event_id]
    assert [item.event_id for item in open_ones] == [three.event_id, two.event_id]


async def test_what_was_settled_long_ago_goes_and_what_waits_stays(desk: Desk) -> None:
    await waiting(desk, "ehr", each=2)
    (first,) = await claimed(desk, NOW, 1)
    await settled(desk, first.delivery, Verdict(DeliveryState.delivered))
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
    (found,) = await claimed(desk)
    assert (found.delivery.event, found.silence) == (Event.test, None)
