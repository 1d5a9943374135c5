"""Telling people by a worker: one message in place of many, at their time, of what still needs them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import time, timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncEngine

from service import delivering
from service.channels import Means
from service.connecting import Connections
from service.db.deliveries import replay
from service.db.delivery_settings import EVERYBODY, StoredSettings, delivery_settings, write_settings
from service.db.engine import connected, transaction
from service.db.subscriptions import subscriptions
from service.delivering import Deliverer
from service.domain.delivery import DeliveryState, Event
from service.domain.handling import Act, Action
from service.domain.holding import DAYS, DeliverySettings, QuietHours
from service.domain.subscription import Role, Subscription, SubscriptionState
from service.egress import Egress
from service.encrypting import PEOPLE, encrypt
from service.handling import handle
from service.observing import DeliveryMetrics
from service.settings import Settings
from service.subscribing import push_key
from tests.api.bodies import DEVICE
from tests.api.conftest import Clock
from tests.channels.test_web_push import read
from tests.conftest import own_settings
from tests.factories import CASE, NOW, case_facts, put_case
from tests.mail_server import MailServer, mail_server
from tests.receivers import receiving, status
from tests.subscribed import SILENT, alarm, delivered_to, deliveries, only, stored, subscribe, subscription
from tests.writes import Desk

pytestmark = pytest.mark.anyio

KEYS = (bytes([1]) * 32,)
WHERE = "anna.muster@clinic.example"
NIGHT = DeliverySettings(quiet_hours=(QuietHours(DAYS, time(20), time(7)),))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def settings(server_url: str) -> Iterator[Settings]:
    """Return the settings of a database of this module's own: a worker serves every organization that it finds."""
    with own_settings(server_url) as settings:
        yield settings


@pytest.fixture(autouse=True)
async def _nothing_left(engine: AsyncEngine) -> AsyncIterator[None]:
    yield
    async with connected(engine) as connection:
        for table in (deliveries, subscriptions, delivery_settings):
            await connection.execute(delete(table))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def worker(desk: Desk, clock: Any, server: MailServer) -> Deliverer:
    means, metrics = Means(Connections(Egress()), server.mail()), DeliveryMetrics(CollectorRegistry())
    return Deliverer(desk.engine, KEYS, means, metrics, clock, chance=lambda: 0.0)


async def turn(desk: Desk, clock: Clock, server: MailServer) -> None:
    """Let a worker look for what waits too long, take up what is due and bring it to its end."""
    one = worker(desk, clock, server)
    await one.escalate()
    await one.take_up()
    await one.settled()


def person(desk: Desk, name: str = "mail", **facts: Any) -> Subscription:
    """Return dr-7's subscription by mail."""
    usual = {
        "channel": "email",
        "address": "a…@clinic.example",
        "secret": encrypt(KEYS, PEOPLE, desk.organization, WHERE),
        "person": "dr-7",
        "role": Role.therapist,
        "therapists": ("dr-7",),
        "severities": ("critical", "warning"),
    }
    return subscription(name, **{**usual, **facts})


@asynccontextmanager
async def told(desk: Desk, wishes: DeliverySettings | None = None, **facts: Any) -> AsyncIterator[MailServer]:
    """Yield a mail server through which dr-7 is told, as they wish."""
    await subscribe(desk, person(desk, **facts))
    if wishes is not None:
        await set_to(desk, "dr-7", wishes)
    async with mail_server() as server:
        yield server


async def set_to(desk: Desk, who: str, wishes: DeliverySettings) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        await write_settings(db, who, StoredSettings(wishes, 1), NOW)


async def states(desk: Desk) -> list[tuple[str, str | None]]:
    return [(item.state.value, item.state_reason) for item in await delivered_to(desk, "mail")]


async def acknowledge(desk: Desk, clock: Clock) -> None:
    """Let dr-7 acknowledge the one alert that there is."""
    (alert,) = (await desk.stored()).live_alerts(CASE)
    act = Act(id="h-1", action=Action.acknowledge, by="dr-7")
    await handle(desk.engine, desk.bearer(), UUID(alert.alert_id), act, clock.now)


# --- what a person gets


async def test_what_is_critical_comes_at_once_and_says_nothing(desk: Desk, clock: Clock) -> None:
    async with told(desk, language="de") as server:
        await alarm(desk, severity=3)
        await turn(desk, clock, server)
    (got,) = server.received
    assert (got.recipients, got.letter["Importance"]) == ([WHERE], "high")
    assert got.letter["Subject"] == "In Evenkeel gibt es etwas Neues."
    sent = await only(desk, "mail")
    assert got.letter["Message-ID"] == f"<{sent.message_id}@evenkeel.invalid>"
    (alert,) = (await desk.stored()).live_alerts(CASE)
    secret = [CASE, "ana", "dr-7", "hostil", "critical", "kritisch", "s1", alert.alert_id, str(desk.organization)]
    assert not [word for word in secret if word.encode() in got.raw.lower()]


async def test_what_is_not_comes_as_one_digest(desk: Desk, clock: Clock) -> None:
    """Five alerts of five families; the digest of the next morning is due at eight."""
    async with told(desk) as server:
        for number in range(5):
            await alarm(desk, case_id=f"fam-{number}")
        await turn(desk, clock, server)
        assert await states(desk) == [("waiting", "digest")] * 5
        assert {item.due_at for item in await delivered_to(desk, "mail")} == {NOW.replace(hour=8) + DAY}
        clock.now = NOW.replace(hour=8) + DAY
        await turn(desk, clock, server)
    (got,) = server.received
    assert got.letter["Subject"] == "There are 5 new things in Evenkeel."
    first, *others = await delivered_to(desk, "mail")
    assert first.state is DeliveryState.delivered
    assert {(item.state, item.merged_into) for item in others} == {(DeliveryState.merged, first.event_id)}
    assert [len(item.attempts) for item in (first, *others)] == [1, 0, 0, 0, 0]
    assert first.tried == 1


async def test_several_changes_of_one_alert_are_one_thing(desk: Desk, clock: Clock) -> None:
    async with told(desk, DeliverySettings(most_per_day=9)) as server:
        await alarm(desk)
        await alarm(desk, 2, severity=3)  # it rose
        await turn(desk, clock, server)
    (got,) = server.received
    assert got.letter["Subject"] == "There is something new in Evenkeel."
    assert await states(desk) == [("delivered", None), ("merged", None)]


async def test_what_only_goes_on_is_no_news(desk: Desk, clock: Clock) -> None:
    async with told(desk, DeliverySettings(most_per_day=9)) as server:
        await alarm(desk)
        await turn(desk, clock, server)
        await alarm(desk, 2, severity=1)  # the same again, no graver
        await turn(desk, clock, server)
    assert len(server.received) == len(await states(desk)) == 1


# --- when


async def test_in_quiet_hours_everything_waits_and_comes_as_one(desk: Desk, clock: Clock) -> None:
    clock.now = NOW.replace(hour=21)
    async with told(desk, NIGHT) as server:
        await alarm(desk, severity=3, at=clock.now)
        await alarm(desk, case_id="fam-1", severity=3, at=clock.now)
        await turn(desk, clock, server)
        assert await states(desk) == [("waiting", "quiet-hours")] * 2
        assert len((await desk.stored()).live_alerts(CASE)) == 1  # judged all the same
        clock.now = NOW.replace(hour=6, minute=59) + DAY
        await turn(desk, clock, server)
        assert server.received == []
        clock.now = NOW.replace(hour=7) + DAY
        await turn(desk, clock, server)
    assert [item.letter["Subject"] for item in server.received] == ["There are 2 new things in Evenkeel."]


async def test_what_is_critical_may_come_in_quiet_hours(desk: Desk, clock: Clock) -> None:
    clock.now = NOW.replace(hour=21)
    async with told(desk, DeliverySettings(critical_in_quiet_hours=True)) as server:
        await set_to(desk, EVERYBODY, NIGHT)  # the organization's night, this person's exception
        await alarm(desk, severity=3, at=clock.now)
        await turn(desk, clock, server)
    assert len(server.received) == 1


async def test_a_budget_turns_the_rest_into_a_digest(desk: Desk, clock: Clock) -> None:
    async with told(desk, DeliverySettings(most_per_day=2)) as server:
        for number in range(4):
            await alarm(desk, case_id=f"fam-{number}", at=clock.now)
            await turn(desk, clock, server)
            clock.pass_by(minutes=1)
        assert len(server.received) == 2
        await alarm(desk, case_id="grave", severity=3, at=clock.now)
        await turn(desk, clock, server)  # what is critical is no part of it
        assert len(server.received) == 3
        assert sorted(await states(desk)) == [("delivered", None)] * 3 + [("waiting", "budget")] * 2
        clock.now = NOW.replace(hour=8) + DAY
        await turn(desk, clock, server)
        assert len(server.received) == 4
        await alarm(desk, case_id="next-day", at=clock.now)
        await turn(desk, clock, server)  # a new day: the digest itself was its first
    assert len(server.received) == 5


async def test_what_is_held_back_takes_nobodys_room(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each turn has room for one alone, and the next one comes at once."""
    monkeypatch.setattr(delivering, "LANES", 1)
    async with told(desk) as server:
        await subscribe(desk, *(person(desk, f"mail-{number}") for number in range(3)))
        await alarm(desk)
        one = worker(desk, clock, server)
        for more in (True, True, True, True, False):
            await one.take_up()
            assert one.more.is_set() is more
    assert await states(desk) == [("waiting", "digest")]


async def test_two_workers_never_send_more_than_a_budget_allows(desk: Desk, clock: Clock) -> None:
    """While one has a message under way, what comes meanwhile waits for it, and then for the digest."""
    async with told(desk, DeliverySettings(most_per_day=1)) as server:
        server.opened = asyncio.Event()
        one, other = worker(desk, clock, server), worker(desk, clock, server)
        await alarm(desk, at=clock.now)
        await one.take_up()
        await server.asked.wait()
        clock.pass_by(seconds=1)
        await alarm(desk, case_id="fam-1", at=clock.now)
        await other.take_up()
        assert other.lanes == {}
        server.opened.set()
        await one.settled()
        await other.take_up()
        await other.settled()
    assert len(server.received) == 1
    assert await states(desk) == [("delivered", None), ("waiting", "budget")]


# --- what is not sent


@pytest.mark.parametrize("first", [True, False], ids=["before it", "after it"])
@pytest.mark.parametrize("reason", SILENT)
async def test_a_safety_hold_or_wall_stops_it(desk: Desk, clock: Clock, reason: str, first: bool) -> None:
    """Sending it again changes nothing, and one message in place of many does not count it."""
    hold = put_case(case_facts(**SILENT[reason]))
    async with told(desk) as server:
        if first:
            await desk.write(hold)
        await alarm(desk, severity=3)
        await desk.write(hold)
        await turn(desk, clock, server)
        assert await states(desk) == [("withheld", reason)]
        async with transaction(desk.engine, desk.organization) as db:
            assert await replay(db, "mail", clock.now, None, [UUID((await only(desk, "mail")).event_id)]) == 1
        await alarm(desk, case_id="fam-1", severity=3, at=clock.now)
        await turn(desk, clock, server)
    assert sorted(await states(desk)) == [("delivered", None), ("withheld", reason)]
    assert [item.letter["Subject"] for item in server.received] == ["There is something new in Evenkeel."]


async def test_what_somebody_handled_meanwhile_needs_nobody(desk: Desk, clock: Clock) -> None:
    async with told(desk) as server:
        await alarm(desk)
        await turn(desk, clock, server)  # it waits for the digest
        await acknowledge(desk, clock)
        clock.pass_by(days=1)
        await turn(desk, clock, server)
    assert (server.received, await states(desk)) == ([], [("withheld", "handled")])


async def test_who_lost_a_case_is_told_no_more_of_it(desk: Desk, clock: Clock) -> None:
    async with told(desk) as server:
        await desk.write(put_case(case_facts(therapists=["dr-7"])))
        await alarm(desk)
        await turn(desk, clock, server)
        await desk.write(put_case(case_facts(therapists=["dr-9"])))
        clock.pass_by(days=1)
        await turn(desk, clock, server)
    assert (server.received, await states(desk)) == ([], [("withheld", "handed-over")])


async def test_old_stories_and_other_peoples_cases_are_not_told(desk: Desk, clock: Clock) -> None:
    async with told(desk, therapists=("dr-9",), person="dr-9") as server:
        await alarm(desk, severity=3)
        await subscribe(desk, person(desk, "mine"))
        await alarm(desk, case_id="fam-1", severity=3, backfill=True)
        await turn(desk, clock, server)
    assert server.received == []


# --- supervisors


async def test_a_supervisor_hears_of_what_nobody_handled_and_of_nothing_else(desk: Desk, clock: Clock) -> None:
    facts: dict[str, Any] = {"person": "sup-1", "role": Role.supervisor, "therapists": ("dr-7", "dr-9")}
    async with told(desk, **facts) as server:
        await set_to(desk, EVERYBODY, DeliverySettings(escalate_after=30))
        await alarm(desk, severity=3)
        for minutes, letters in ((0, 0), (29, 0), (1, 1), (60, 1)):
            clock.pass_by(minutes=minutes)
            await turn(desk, clock, server)
            assert len(server.received) == letters
    assert (await only(desk, "mail")).event is Event.escalated


async def test_what_is_handled_before_it_is_sent_is_not_escalated(desk: Desk, clock: Clock) -> None:
    facts: dict[str, Any] = {"person": "sup-1", "role": Role.supervisor}
    async with told(desk, **facts) as server:
        await set_to(desk, EVERYBODY, DeliverySettings(escalate_after=30).over(NIGHT))
        clock.now = NOW.replace(hour=21)
        await alarm(desk, severity=3, at=clock.now)
        clock.pass_by(minutes=30)
        await turn(desk, clock, server)
        assert await states(desk) == [("waiting", "quiet-hours")]
        await acknowledge(desk, clock)
        clock.pass_by(days=1)
        await turn(desk, clock, server)
    assert (server.received, await states(desk)) == ([], [("withheld", "handled")])


# --- faults


async def test_a_server_that_is_down_loses_nothing(desk: Desk, clock: Clock) -> None:
    async with told(desk) as server:
        for number in range(3):
            await alarm(desk, case_id=f"fam-{number}", severity=3)
        server.to_recipient = "450 Busy"
        await turn(desk, clock, server)
        assert {(item.state, item.tried) for item in await delivered_to(desk, "mail")} == {(DeliveryState.waiting, 1)}
        server.to_recipient = None
        await turn(desk, clock, server)  # not due yet
        assert server.received == []
        clock.pass_by(seconds=10)
        await turn(desk, clock, server)
    (got,) = server.received
    assert got.letter["Subject"] == "There are 3 new things in Evenkeel."
    assert sorted(await states(desk)) == [("delivered", None), ("merged", None), ("merged", None)]


async def test_a_digest_that_did_not_arrive_waits_for_no_other(desk: Desk, clock: Clock) -> None:
    async with told(desk) as server:
        await alarm(desk)
        await turn(desk, clock, server)
        clock.now = NOW.replace(hour=8) + DAY
        server.to_recipient = "450 Busy"
        await turn(desk, clock, server)
        assert await states(desk) == [("waiting", "digest")]
        server.to_recipient = None
        clock.pass_by(seconds=10)
        await turn(desk, clock, server)
    assert await states(desk) == [("delivered", None)]


async def test_an_address_that_is_refused_for_good_ends_the_subscription(desk: Desk, clock: Clock) -> None:
    async with told(desk) as server:
        await alarm(desk, severity=3)
        server.to_recipient = "550 No such user"
        await turn(desk, clock, server)
        await alarm(desk, case_id="fam-1", severity=3)
    assert await states(desk) == [("failed", "gone")]
    assert (await stored(desk, "mail")).state is SubscriptionState.disabled


async def test_a_worker_that_dies_with_a_digest_in_hand_loses_nothing(desk: Desk, clock: Clock) -> None:
    """What it took up is due again after the lease, all of it in one message, under the same id if it had gone out."""
    async with told(desk) as server:
        for number in range(3):
            await alarm(desk, case_id=f"fam-{number}", severity=3)
        dying = worker(desk, clock, server)
        await dying.take_up()
        for task in dying.lanes.values():
            task.cancel()
        await dying.settled()
        first = [item.letter["Message-ID"] for item in server.received]
        await turn(desk, clock, server)
        assert len(server.received) == len(first)  # its lease is not over
        clock.now += delivering.LEASE
        await turn(desk, clock, server)
    assert {item.letter["Message-ID"] for item in server.received[-1:]} >= set(first)
    assert sorted(await states(desk)) == [("delivered", None), ("merged", None), ("merged", None)]


async def test_two_workers_make_one_digest(desk: Desk, clock: Clock) -> None:
    async with told(desk) as server:
        for number in range(6):
            await alarm(desk, case_id=f"fam-{number}")
        await turn(desk, clock, server)
        clock.pass_by(days=1)
        workers = [worker(desk, clock, server) for _ in range(2)]
        await asyncio.gather(*(one.take_up() for one in workers))
        await asyncio.gather(*(one.settled() for one in workers))
    assert [item.letter["Subject"] for item in server.received] == ["There are 6 new things in Evenkeel."]


# --- on a phone


async def test_a_push_is_read_by_the_device_alone_until_it_is_gone(desk: Desk, clock: Clock) -> None:
    signed_by = await push_key(desk.engine, desk.organization, KEYS)
    async with receiving(status(201)) as service, mail_server() as server:
        device = {"endpoint": service.address, **DEVICE["keys"], "signed_by": signed_by}
        kept = encrypt(KEYS, PEOPLE, desk.organization, json.dumps(device))
        await subscribe(desk, person(desk, channel="web-push", secret=kept, language="nb"))
        one = worker(desk, clock, server)
        one.means = Means(Connections(Egress(loopback=True)), server.mail())
        for code, state in ((201, "delivered"), (410, "failed")):
            service.reply = status(code)
            await alarm(desk, case_id=f"fam-{code}", at=clock.now)
            await one.take_up()
            await one.settled()
            assert (await states(desk))[-1] == (state, "gone" if code == 410 else None)
    first, _ = service.received
    assert json.loads(read(first.body)) == {"type": "something-new", "text": "Det er noe nytt i Evenkeel."}
    heads = " ".join([first.line, *first.headers.values()])
    assert not [word for word in ("fam-201", "dr-7", str(desk.organization)) if word in heads]
    assert (await stored(desk, "mail")).state is SubscriptionState.disabled
