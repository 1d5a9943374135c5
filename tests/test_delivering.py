"""Delivering to receivers on real sockets, by a clock that the tests set: down, slow, gone, two workers, a crash."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncEngine
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from service import delivering, subscribing
from service.channels import Channel, Means, Message, channels, webhook
from service.connecting import Connections
from service.db import listening
from service.db.engine import connected
from service.db.identity import create_organization
from service.delivering import Deliverer
from service.domain.delivery import Delivery, DeliveryState
from service.domain.retrying import SCHEDULE, Attempt
from service.domain.subscription import StateReason, Subscription, SubscriptionState
from service.egress import Egress
from service.encrypting import WEBHOOKS, encrypt
from service.observing import DeliveryMetrics
from service.settings import Settings
from service.subscribing import Actor
from tests.api.conftest import Clock
from tests.conftest import own_settings
from tests.factories import CASE, NOW, case_facts, put_case
from tests.receivers import Receiver, receiving, silence, status
from tests.subscribed import alarm, delivered_to, deliveries, only, stored, subscribe, subscription
from tests.writes import Desk, let_in

pytestmark = pytest.mark.anyio

KEYS = (bytes([1]) * 32,)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_" + "B" * 43 + "="


@pytest.fixture(scope="module")
def settings(server_url: str) -> Iterator[Settings]:
    """Return the settings of a database of this module's own: a worker serves every organization that it finds."""
    with own_settings(server_url) as settings:
        yield settings


@pytest.fixture(autouse=True)
async def _nothing_left(engine: AsyncEngine) -> AsyncIterator[None]:
    yield
    async with connected(engine) as connection:
        await connection.execute(delete(deliveries))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def worker(desk: Desk, clock: Any, keys: tuple[bytes, ...] = KEYS) -> Deliverer:
    metrics = DeliveryMetrics(CollectorRegistry())
    return Deliverer(desk.engine, keys, Means(Connections(Egress(loopback=True))), metrics, clock, chance=lambda: 0.0)


async def turn(one: Deliverer) -> None:
    """Let a worker take up what is due and bring it to its end."""
    await one.take_up()
    await one.settled()


def to(desk: Desk, receiver: Receiver, name: str = "ehr", **facts: Any) -> Subscription:
    """Return a subscription to everything at a receiver, with its secret as it is kept."""
    kept = encrypt(KEYS, WEBHOOKS, desk.organization, SECRET)
    return subscription(name, **{"address": receiver.address, "secret": kept, **facts})


@asynccontextmanager
async def told(desk: Desk, reply: Any = None, name: str = "ehr", **facts: Any) -> AsyncIterator[Receiver]:
    """Yield a receiver that has subscribed."""
    async with receiving(reply or status(204)) as receiver:
        await subscribe(desk, to(desk, receiver, name, **facts))
        yield receiver


def at_of(delivery: Delivery) -> list[datetime]:
    return [datetime.fromisoformat(item["at"]) for item in delivery.attempts]


# --- what arrives


async def test_a_message_is_what_the_reference_library_verifies(desk: Desk) -> None:
    kept = encrypt(KEYS, WEBHOOKS, desk.organization, OTHER_SECRET)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with told(desk, former_secret=kept, former_until=tomorrow) as receiver:
        await alarm(desk)
        await turn(worker(desk, lambda: datetime.now(UTC)))
    (got,) = receiver.received
    (alert,) = (await desk.stored()).live_alerts(CASE)
    facts = {"alert_id": alert.alert_id, "case_id": CASE, "revision": 1, "severity": "warning"}
    expected = {"type": "alert.opened", "timestamp": "2026-06-01T12:00:00.000Z", "data": facts}
    for secret in (SECRET, OTHER_SECRET):
        assert Webhook(secret).verify(got.body, dict(got.headers)) == expected
    sent = await only(desk)
    assert (sent.state, sent.message_id) == (DeliveryState.delivered, got.headers["webhook-id"])
    stranger = "whsec_" + "C" * 43 + "="
    changed = got.body.replace(b"warning", b"critical")
    late = {**got.headers, "webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 3600)}
    for secret, body, headers in ((stranger, got.body, got.headers), (SECRET, changed, got.headers)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, dict(headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(got.body, late)


async def test_once_a_former_secret_is_over_it_signs_no_more(desk: Desk, clock: Clock) -> None:
    kept = encrypt(KEYS, WEBHOOKS, desk.organization, OTHER_SECRET)
    async with told(desk, former_secret=kept, former_until=NOW + timedelta(hours=1)) as receiver:
        await alarm(desk)
        await turn(worker(desk, clock))
        clock.pass_by(hours=1)
        await alarm(desk, 2, at=clock())
        await turn(worker(desk, clock))
    assert [len(got.headers["webhook-signature"].split()) for got in receiver.received] == [2, 1]


async def test_nothing_is_said_of_what_an_alert_rests_on(desk: Desk, clock: Clock) -> None:
    async with told(desk) as receiver:
        await alarm(desk)
        await turn(worker(desk, clock))
    (got,) = receiver.received
    told_openly = {name: value for name, value in got.headers.items() if name != "webhook-signature"}  # that is chance
    whole = f"{got.line} {told_openly} {got.body!r}"
    for said in ("ana", "dr-7", "o1", "hostil", "member", "therapist", "s1"):
        assert said not in whole
    assert CASE in whole  # what is sent can be seen here


# --- a receiver that is down


async def test_down_and_up_again(desk: Desk, clock: Clock) -> None:
    """Each attempt comes when it is due and not before, under the same id; nothing is lost."""
    one = worker(desk, clock)
    async with told(desk, status(500)) as receiver:
        await alarm(desk)
        await turn(one)
        for number, wait in enumerate(SCHEDULE[:4], 1):
            sent = await only(desk)
            assert (sent.state, len(sent.attempts)) == (DeliveryState.waiting, number)
            took = timedelta(milliseconds=sent.attempts[-1]["milliseconds"])
            assert sent.due_at == clock() + took + wait
            clock.now = sent.due_at - timedelta(milliseconds=1)
            await turn(one)
            assert len(receiver.received) == number  # not yet
            clock.now = sent.due_at
            if number == 4:
                receiver.reply = status(200)
            await turn(one)
            assert len(receiver.received) == number + 1
        assert (await stored(desk)).failing_since is None
    sent = await only(desk)
    assert [item["status"] for item in sent.attempts] == [500, 500, 500, 500, 200]
    assert sent.state is DeliveryState.delivered
    assert {got.headers["webhook-id"] for got in receiver.received} == {sent.message_id}
    stamps = [int(got.headers["webhook-timestamp"]) for got in receiver.received]
    assert stamps == [int(at.timestamp()) for at in at_of(sent)]  # of the attempt, so that a late one is no replay


async def _down_for_days(desk: Desk, clock: Clock, one: Deliverer) -> None:
    while (waiting := [item for item in await delivered_to(desk) if item.state is DeliveryState.waiting]) != []:
        clock.now = max(clock.now, min(item.due_at for item in waiting))
        await turn(one)


async def test_down_for_three_days_is_given_up_reported_and_can_be_sent_again(desk: Desk, clock: Clock) -> None:
    one = worker(desk, clock)
    async with told(desk, status(503)) as receiver:
        await alarm(desk)
        with capture_logs() as logs:
            await _down_for_days(desk, clock, one)
        first = await only(desk)
        assert (first.state, first.state_reason, len(first.attempts)) == (DeliveryState.failed, "exhausted", 10)
        assert timedelta(days=3) < at_of(first)[-1] - NOW < timedelta(days=4)
        off = await stored(desk)
        assert (off.state, off.state_reason) == (SubscriptionState.disabled, StateReason.unreachable)
        assert [(line["event"], line["reason"]) for line in logs] == [("subscription_disabled", "unreachable")]
        assert one.metrics._disabled.labels("unreachable")._value.get() == 1
        await alarm(desk, 2, at=clock())
        assert await delivered_to(desk) == [first]  # it is told nothing more; the alert itself is there
        assert len((await desk.stored()).live_alerts(CASE)) == 1

        receiver.reply = status(200)
        await subscribe(desk, to(desk, receiver, changed_at=clock()))  # somebody repaired it
        actor = Actor(desk.bearer(), clock(), KEYS)
        assert (await subscribing.replay(desk.engine, actor, "ehr", NOW, ())).replayed == 1
        await turn(one)
    again = await only(desk)
    assert (again.state, len(again.attempts)) == (DeliveryState.delivered, 11)
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1


async def test_what_else_waits_for_a_dead_receiver_is_given_up_with_it(desk: Desk, clock: Clock) -> None:
    one = worker(desk, clock)
    async with told(desk, status(503)):
        await alarm(desk)
        await turn(one)
        clock.pass_by(days=1)
        await alarm(desk, 2, at=clock())
        await _down_for_days(desk, clock, one)
    found = [(item.state.value, item.state_reason) for item in await delivered_to(desk)]
    assert sorted(found) == [("failed", "disabled"), ("failed", "exhausted")]


async def test_one_message_that_a_receiver_never_takes_does_not_end_the_others(desk: Desk, clock: Clock) -> None:
    one = worker(desk, clock)
    async with told(desk, status(500)) as receiver:
        await alarm(desk)
        for number in range(2, 12):
            await turn(one)
            poison = (await delivered_to(desk))[0]
            if poison.state is not DeliveryState.waiting:
                break
            receiver.reply = status(200)  # it takes the next one between two attempts
            await alarm(desk, number, at=clock())
            await turn(one)
            receiver.reply = status(500)
            clock.now = poison.due_at
    assert (poison.state, poison.state_reason) == (DeliveryState.failed, "exhausted")
    assert (await stored(desk)).state is SubscriptionState.active


async def test_gone_is_gone(desk: Desk, clock: Clock) -> None:
    async with told(desk, status(410)) as receiver:
        for number in (1, 2, 3):
            await alarm(desk, number)
        await subscribe(desk, to(desk, receiver, failing_since=NOW))  # so that one goes at a time
        await turn(worker(desk, clock))
        clock.pass_by(days=9)
        await turn(worker(desk, clock))
        assert len(receiver.received) == 1
    off = await stored(desk)
    assert (off.state, off.state_reason) == (SubscriptionState.disabled, StateReason.gone)
    reasons = [item.state_reason for item in await delivered_to(desk)]
    assert sorted(map(str, reasons)) == ["disabled", "disabled", "gone"]


async def test_who_moved_meanwhile_is_not_ended_by_the_old_address(desk: Desk, clock: Clock) -> None:
    async with receiving(status(204)) as moved, told(desk, silence) as receiver:
        await alarm(desk)
        one = worker(desk, clock)
        await one.take_up()
        await receiver.arrived.wait()
        await subscribe(desk, to(desk, moved, changed_at=NOW + timedelta(seconds=1)))
        receiver.release(status(410))
        await one.settled()
        assert (await stored(desk)).state is SubscriptionState.active


@pytest.mark.parametrize(("asked", "wait"), [("120", 120), ("1", 5)])
async def test_a_receiver_that_asks_for_time_gets_it(desk: Desk, clock: Clock, asked: str, wait: int) -> None:
    async with told(desk, status(429, {"Retry-After": asked})):
        await alarm(desk)
        await turn(worker(desk, clock))
    sent = await only(desk)
    assert timedelta(seconds=wait) <= sent.due_at - clock() < timedelta(seconds=wait + 3)
    assert (await stored(desk)).failing_since == clock()


# --- side by side


async def _clinic(desk: Desk) -> Desk:
    """Return another organization of the same database."""
    made = await create_organization(desk.engine, f"clinic {uuid4()}", True, NOW)
    await let_in(desk.engine, made.organization_id)
    return Desk(desk.engine, made.organization_id)


async def test_a_silent_receiver_delays_nobody(desk: Desk, clock: Clock) -> None:
    """Neither one of another organization nor one of its own."""
    other = await _clinic(desk)
    one = worker(desk, clock)
    async with told(desk, silence, "bad") as bad, told(desk) as good, told(other) as elsewhere:
        await alarm(desk)
        await alarm(other)
        await one.take_up()
        async with asyncio.timeout(10):
            for receiver in (bad, good, elsewhere):
                await receiver.arrived.wait()
            while len(one.lanes) > 1:
                await asyncio.wait(one.lanes.values(), return_when=asyncio.FIRST_COMPLETED)
        assert (await only(desk)).state is (await only(other)).state is DeliveryState.delivered
        assert [lane[1] for lane in one.lanes] == ["bad"]
        clock.pass_by(seconds=1)
        await alarm(desk, 2, at=clock())
        await one.take_up()  # the next message for the good one goes out while the bad one still holds its lane
        async with asyncio.timeout(10):
            while len(one.lanes) > 1:
                await asyncio.wait(one.lanes.values(), return_when=asyncio.FIRST_COMPLETED)
        assert (len(good.received), len(bad.received)) == (2, 1)
        bad.release(status(200))
        await one.settled()


async def test_with_one_lane_for_all_it_would_delay_them(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what the lanes are for."""
    monkeypatch.setattr(delivering, "LANES", 1)
    other = await _clinic(desk)
    one = worker(desk, clock)
    async with told(desk, silence) as first, told(other, silence) as second:
        await alarm(desk)
        await alarm(other)
        await one.take_up()
        await one.take_up()
        assert len(one.lanes) == 1
        (held,) = [receiver for receiver in (first, second) if await _arrived(receiver)]
        held.release(status(200))
        await one.settled()
        assert len(first.received) + len(second.received) == 1


BACKLOG = """
INSERT INTO deliveries
SELECT (jsonb_populate_record(deliveries, jsonb_build_object('event_id', gen_random_uuid()))).*
FROM deliveries, generate_series(1, 200)
"""


async def _fall_behind(desk: Desk, receiver: Receiver) -> None:
    """Let over 200 messages wait for each of twenty subscriptions at one receiver."""
    await subscribe(desk, *(to(desk, receiver, f"ehr-{number}") for number in range(20)))
    await alarm(desk)
    async with connected(desk.engine) as connection:
        await connection.execute(text(BACKLOG))


@pytest.mark.parametrize("fair", [True, False], ids=["shared", "first come first served"])
async def test_a_large_backlog_of_one_organization_delays_no_other(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch, fair: bool
) -> None:
    """Four thousand messages wait for a receiver that holds all it gets; without shares it has every lane."""
    monkeypatch.setattr(delivering, "LANES", 8)
    if not fair:
        monkeypatch.setattr(delivering, "share", lambda organizations: delivering.LANES)
    other = await _clinic(desk)
    lanes = 4 if fair else 8
    async with receiving(silence) as slow, told(other) as good:
        await _fall_behind(desk, slow)
        async with waking(settings, monkeypatch, hears=False, poll=0.05):
            await arrivals(slow, lanes * delivering.AT_ONCE)
            await alarm(other)
            assert await _arrived(good) is fair
            assert len(slow.received) == lanes * delivering.AT_ONCE  # all of it still under way
            slow.release(status(204))


async def test_turns_go_round(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for one alone, none of those who have much waiting gets a second turn before all have had theirs."""
    monkeypatch.setattr(delivering, "LANES", 1)
    one, desks = worker(desk, clock), [desk, *[await _clinic(desk) for _ in range(3)]]
    async with receiving(status(204)) as receiver:
        for each in desks:
            await subscribe(each, to(each, receiver))
            for number in range(1, 20):
                await alarm(each, number)
        for _ in desks:
            await turn(one)
    done = [[item.state for item in await delivered_to(each)].count(DeliveryState.delivered) for each in desks]
    assert done == [delivering.AT_ONCE] * len(desks)


async def test_what_had_no_room_goes_as_soon_as_there_is_some(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks again and nothing is said meanwhile."""
    monkeypatch.setattr(delivering, "LANES", 4)
    async with receiving(status(204)) as receiver:
        await subscribe(desk, *(to(desk, receiver, f"ehr-{number}") for number in range(9)))
        await alarm(desk)
        async with waking(settings, monkeypatch, hears=False, poll=3600.0):
            await arrivals(receiver, 9)


async def test_what_came_while_a_lane_was_busy_goes_as_soon_as_it_is_free(desk: Desk, clock: Clock) -> None:
    one = worker(desk, clock)
    async with told(desk, silence) as receiver:
        for number, crowded in ((1, False), (2, True)):
            await alarm(desk, number)
            await one.take_up()
            assert one.crowded is crowded
        receiver.release(status(204))
        await one.settled()
    assert one.more.is_set()


async def _arrived(receiver: Receiver) -> bool:
    try:
        async with asyncio.timeout(1):
            return await receiver.arrived.wait()
    except TimeoutError:
        return False


async def _two_at_once(desk: Desk, clock: Clock) -> list[str]:
    """Return the ids that arrived when two workers deliver twenty messages until none is due.

    The receiver answers once both have taken some up.
    """
    async with told(desk, silence) as receiver:
        for number in range(1, 21):
            await alarm(desk, number)
        workers = [worker(desk, clock), worker(desk, clock)]
        for one in workers:
            await one.take_up()
        receiver.release(status(204))
        for _ in range(4):
            await asyncio.gather(*(turn(one) for one in workers))
    return [got.headers["webhook-id"] for got in receiver.received]


async def test_two_workers_send_each_message_once(desk: Desk, clock: Clock) -> None:
    ids = await _two_at_once(desk, clock)
    assert (len(ids), len(set(ids))) == (20, 20)
    assert {item.state for item in await delivered_to(desk)} == {DeliveryState.delivered}


async def test_without_a_lease_two_workers_send_some_twice(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what the lease is for."""
    monkeypatch.setattr(delivering, "LEASE", timedelta(0))
    ids = await _two_at_once(desk, clock)
    assert len(ids) > len(set(ids)) == 20


async def test_a_crash_between_sending_and_noting_is_a_second_message_of_the_same_id(desk: Desk, clock: Clock) -> None:
    async with told(desk, silence) as receiver:
        await alarm(desk)
        crashing = worker(desk, clock)
        await crashing.take_up()
        await receiver.arrived.wait()
        for lane in list(crashing.lanes.values()):
            lane.cancel()
        await crashing.settled()
        receiver.reply = status(200)
        survivor = worker(desk, clock)
        await turn(survivor)
        assert len(receiver.received) == 1  # it may still be under way
        clock.now += delivering.LEASE
        await turn(survivor)
        clock.pass_by(days=1)
        await turn(survivor)
    assert [got.headers["webhook-id"] for got in receiver.received] == [(await only(desk)).message_id] * 2
    assert (await only(desk)).state is DeliveryState.delivered


async def test_a_lease_is_longer_than_all_that_a_lane_may_take() -> None:
    assert delivering.LEASE.total_seconds() > 2 * webhook.SECONDS


# --- what is not sent


WALLED = {"members": {"ana": "youth", "eva": "parent"}, "walls": [["ana", "eva"]]}


@pytest.mark.parametrize(("facts", "reason"), [({"safety_hold": True}, "safety-hold"), (WALLED, "walls")])
async def test_a_safety_hold_or_wall_stops_what_is_on_its_way(
    desk: Desk, clock: Clock, facts: dict[str, Any], reason: str
) -> None:
    async with told(desk) as receiver:
        await alarm(desk)
        await desk.write(put_case(case_facts(**facts)))
        await turn(worker(desk, clock))
        assert receiver.received == []
    sent = await only(desk)
    assert (sent.state, sent.state_reason, sent.attempts) == (DeliveryState.withheld, reason, ())
    assert (await stored(desk)).failing_since is None


async def test_without_the_keys_nothing_goes_unsigned(desk: Desk, clock: Clock) -> None:
    async with told(desk) as receiver:
        await alarm(desk)
        for keys in ((), (bytes([2]) * 32,)):
            await turn(worker(desk, clock, keys))
            clock.now = (await only(desk)).due_at
        assert receiver.received == []
        assert [item["error"] for item in (await only(desk)).attempts] == ["secret-unreadable"] * 2
        await turn(worker(desk, clock, (bytes([2]) * 32, *KEYS)))
        assert len(receiver.received) == 1


async def test_what_nobody_foresaw_of_one_message_is_an_attempt_like_others(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = webhook.send

    async def breaking(message: Message, means: Means) -> Attempt:
        if b"alert.opened" in message.body:
            raise RuntimeError("canary")
        return await send(message, means)

    monkeypatch.setitem(channels(), "webhook", Channel("webhook", webhook.compose, breaking))
    async with told(desk):
        await alarm(desk)
        await alarm(desk, 2)
        await turn(worker(desk, clock))
    first, second = await delivered_to(desk)
    assert [item["error"] for item in first.attempts] == ["unforeseen"]
    assert (first.state, second.state) == (DeliveryState.waiting, DeliveryState.delivered)


async def test_the_guard_is_asked_at_every_attempt(desk: Desk, clock: Clock) -> None:
    async with told(desk) as receiver:
        await alarm(desk)
        closed = Deliverer(desk.engine, KEYS, Means(Connections(Egress())), DeliveryMetrics(CollectorRegistry()), clock)
        await turn(closed)
        assert receiver.received == []
    assert [item["error"] for item in (await only(desk)).attempts] == ["not-https"]


# --- the whole of a worker


async def test_a_worker_runs_until_it_is_told_to_end(desk: Desk, clock: Clock) -> None:
    """It finds what is there and what comes later, more than fits in one turn too."""
    one, ended = worker(desk, clock), asyncio.Event()
    async with told(desk) as receiver:
        for number in range(1, 20):
            await alarm(desk, number)
        running = asyncio.create_task(one.run(ended))
        async with asyncio.timeout(30):
            while len(receiver.received) < 19:
                receiver.arrived.clear()
                await receiver.arrived.wait()
            await alarm(desk, 20)
            while len(receiver.received) < 20:
                receiver.arrived.clear()
                await receiver.arrived.wait()
        ended.set()
        await running
    assert {item.state for item in await delivered_to(desk)} == {DeliveryState.delivered}
    bodies = [json.loads(got.body)["type"] for got in receiver.received]
    assert sorted(set(bodies)) == ["alert.changed", "alert.opened"]


async def arrivals(receiver: Receiver, count: int, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while len(receiver.received) < count:
            receiver.arrived.clear()
            await receiver.arrived.wait()


@pytest.mark.parametrize(
    ("hears", "poll"), [(True, 3600.0), (False, 0.05)], ids=["by the database's word", "by asking"]
)
async def test_what_changes_is_delivered_soon(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch, hears: bool, poll: float
) -> None:
    async with waking(settings, monkeypatch, hears, poll), told(desk) as receiver:
        for number in (1, 2):
            await alarm(desk, number)
            await arrivals(receiver, number)


async def test_a_test_and_what_is_sent_again_arrive_soon(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "ALIVE_SECONDS", 3600.0)  # nor does it look when it asks whether it still hears
    async with told(desk) as receiver:
        actor = Actor(desk.bearer(), NOW, KEYS)
        async with waking(settings, monkeypatch, hears=True, poll=3600.0):
            await alarm(desk)
            await arrivals(receiver, 1)  # the worker has begun
            done = await _delivered(desk)
            assert (await subscribing.replay(desk.engine, actor, "ehr", None, done)).replayed == 1
            await arrivals(receiver, 2)
            await _delivered(desk)
            await subscribing.send_test(desk.engine, actor, "ehr")
            await arrivals(receiver, 3)


async def _delivered(desk: Desk) -> list[UUID]:
    """Return the ids of all that was on its way, once it is noted as delivered."""
    async with asyncio.timeout(30):
        while any(item.state is not DeliveryState.delivered for item in await delivered_to(desk)):
            await asyncio.sleep(0.01)
    return [UUID(item.event_id) for item in await delivered_to(desk)]


async def test_who_neither_hears_nor_asks_delivers_nothing(
    desk: Desk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with told(desk) as receiver:
        await alarm(desk)
        async with waking(settings, monkeypatch, hears=False, poll=3600.0):
            await arrivals(receiver, 1)  # as it begins
            await alarm(desk, 2)
            with pytest.raises(TimeoutError):
                await arrivals(receiver, 2, 0.5)


@asynccontextmanager
async def waking(settings: Settings, monkeypatch: pytest.MonkeyPatch, hears: bool, poll: float) -> AsyncIterator[None]:
    """Let a worker run that hears the database or not, and asks it so often."""
    monkeypatch.setattr(delivering, "POLL_SECONDS", poll)
    own = {
        "webhook_allow_loopback": True,
        "secret_keys": SecretStr(b64encode(KEYS[0]).decode()),
        "listen_database_url": settings.listen_database_url if hears else None,
    }
    async with delivering.delivering(
        settings.model_copy(update=own), CollectorRegistry(), lambda: NOW + timedelta(hours=1)
    ):
        yield


async def test_the_end_waits_for_what_is_under_way_but_not_for_ever(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "ENDING_SECONDS", 0.2)
    one, ended = worker(desk, clock), asyncio.Event()
    async with told(desk, silence, "bad") as bad:
        await alarm(desk)
        running = asyncio.create_task(one.run(ended))
        await bad.arrived.wait()
        ended.set()
        async with asyncio.timeout(10):
            await running
    assert (one.lanes, (await only(desk, "bad")).state) == ({}, DeliveryState.waiting)


async def test_what_is_measured(desk: Desk, clock: Clock) -> None:
    one = worker(desk, clock)
    await one.measure()
    assert one.metrics._oldest._value.get() == 0.0
    async with told(desk, status(500)):
        await alarm(desk)
        await turn(one)
        clock.pass_by(seconds=90)
        await one.measure()
    assert one.metrics._oldest._value.get() == 90.0
    assert one.metrics._attempts.labels("webhook", "500")._value.get() == 1


async def test_what_was_settled_long_ago_is_forgotten(desk: Desk, clock: Clock) -> None:
    one = worker(desk, clock)
    async with told(desk):
        await alarm(desk)
        await turn(one)
    clock.now += delivering.KEPT
    await one.forget()
    assert len(await delivered_to(desk)) == 1
    clock.pass_by(seconds=1)
    await one.forget()
    assert await delivered_to(desk) == []
