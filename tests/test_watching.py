"""Watching by a clock that the tests set: overdue, late, moved, in any order, side by side, stopped in the middle."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import Unavailable, connected, transaction
from service.db.tables import AuditRow, SessionRow, table_of
from service.domain.commands import AnyCommand, Result
from service.domain.concern import Reason, State
from service.domain.delivery import Event
from service.domain.reconcile import Alert
from service.settings import Settings
from service.watching import AT_ONCE, LATER, watch, watching
from tests.conftest import own_settings
from tests.factories import CASE, START, case_facts, patch_session, put_case, put_session, session_facts
from tests.subscribed import delivered_to, subscribe
from tests.writes import Desk

pytestmark = pytest.mark.anyio

sessions, audit = table_of(SessionRow), table_of(AuditRow)
GRACE = 2  # days


@pytest.fixture(scope="module")
def settings(server_url: str) -> Iterator[Settings]:
    """Return the settings of a database of this module's own: a watchdog looks at every organization that it finds."""
    with own_settings(server_url) as settings:
        yield settings


@pytest.fixture(autouse=True)
async def _nothing_left(engine: AsyncEngine) -> AsyncIterator[None]:
    yield
    async with connected(engine) as connection:
        await connection.execute(update(sessions).values(look_at=None))


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def told(name: str, on: float, plan: float | None = None, status: str = "held", case_id: str = CASE) -> AnyCommand:
    """Return a session of a day, sent on that day, which plans the next for another."""
    planned = None if plan is None else day(plan).isoformat()
    facts = session_facts(held_at=day(on).isoformat(), status=status, next_planned_at=planned, therapists=["dr-7"])
    return put_session(facts, session_id=name, case_id=case_id, at=day(on))


async def alerts(desk: Desk) -> list[Alert]:
    """Return the alerts about attendance, once all that is computed was held against a fold from scratch."""
    stored = await desk.stored()
    stored.check()
    return [alert for alert in stored.alerts if alert.concern.rule == "attendance"]


async def noted(desk: Desk) -> dict[str, datetime | None]:
    async with transaction(desk.engine, desk.organization) as db:
        mine = sessions.c.organization_id == desk.organization
        rows = await db.execute(select(sessions.c.session_id, sessions.c.overdue_at).where(mine))
        return {row.session_id: row.overdue_at for row in rows}


async def test_a_planned_session_of_which_nothing_was_recorded_is_told_once(desk: Desk) -> None:
    await subscribe(desk)
    await desk.write(put_case(case_facts(members={"ana": "youth"})), told("s1", 0, plan=7))
    await watch(desk.engine, day(7 + GRACE) - timedelta(seconds=1))
    assert await alerts(desk) == []
    for later in (7 + GRACE, 10, 40):
        await watch(desk.engine, day(later))
        (alert,) = await alerts(desk)
        concern = alert.concern
        assert (concern.subject, concern.severity, concern.signal.route) == (("family",), "info", "overdue")
        assert (concern.state, alert.therapists, alert.revision) == (State.open, ("dr-7",), 1)
        assert await noted(desk) == {"s1": day(7 + GRACE)}
    assert [item.event for item in await delivered_to(desk)] == [Event.opened]
    async with transaction(desk.engine, desk.organization) as db:
        mine = (audit.c.organization_id == desk.organization, audit.c.key_id == "watchdog")
        assert [row.action for row in await db.execute(select(audit.c.action).where(*mine))] == ["session.changed"]


async def test_a_scheduled_session_is_watched_and_who_comes_is_not_overdue(desk: Desk) -> None:
    await desk.write(told("s1", 0), replace(told("s2", 7, status="scheduled"), received_at=day(0)))
    await watch(desk.engine, day(1))
    await desk.one(told("s2", 7))
    await watch(desk.engine, day(20))
    assert await alerts(desk) == []
    await desk.one(replace(told("s3", 14, status="scheduled"), received_at=day(8)))
    await watch(desk.engine, day(9))
    assert await alerts(desk) == []
    await watch(desk.engine, day(16))
    assert [(alert.concern.sessions, alert.concern.state) for alert in await alerts(desk)] == [(("s2",), State.open)]


@pytest.mark.parametrize(
    ("arrives", "state", "reason"),
    [
        (7, State.retracted, Reason.facts_changed),
        (7 + GRACE, State.retracted, Reason.facts_changed),
        (7 + GRACE + 0.1, State.recovering, None),
    ],
)
async def test_a_session_told_late_takes_it_back_at_once_a_later_one_clears_it(
    desk: Desk, arrives: float, state: State, reason: Reason | None
) -> None:
    await desk.one(told("s1", 0, plan=7))
    await watch(desk.engine, day(10))
    await desk.one(told("s2", arrives))
    (alert,) = await alerts(desk)
    assert (alert.concern.state, alert.concern.reason, alert.revision) == (state, reason, 2)
    await watch(desk.engine, day(11))
    assert [item.concern for item in await alerts(desk)] == [alert.concern]


PLANS: dict[str, list[AnyCommand]] = {
    "moved": [patch_session({"next_planned_at": day(14).isoformat()}, at=day(10))],
    "given up": [patch_session({"next_planned_at": None}, at=day(10))],
    "cancelled": [replace(told("s2", 7, status="cancelled"), received_at=day(10))],
    "late-cancelled": [replace(told("s2", 6.5, status="late-cancelled"), received_at=day(10))],
    "scheduled for another day": [replace(told("s2", 14, status="scheduled"), received_at=day(10))],
    "nobody came": [replace(told("s2", 7, status="no-show"), received_at=day(10))],
}


@pytest.mark.parametrize("change", PLANS.values(), ids=PLANS)
async def test_a_plan_that_is_changed_takes_it_back(desk: Desk, change: list[AnyCommand]) -> None:
    await desk.one(told("s1", 0, plan=7))
    await watch(desk.engine, day(10))
    await desk.write(*change)
    await watch(desk.engine, day(10))
    (alert,) = await alerts(desk)
    assert (alert.concern.state, alert.concern.reason) == (State.retracted, Reason.facts_changed)
    await watch(desk.engine, day(14 + GRACE))
    states = [item.concern.state for item in await alerts(desk)]
    expected = State.open if change in (PLANS["moved"], PLANS["scheduled for another day"]) else State.retracted
    assert states == [expected]


async def test_a_session_that_was_told_by_mistake_lets_it_stand_again(desk: Desk) -> None:
    await desk.one(told("s1", 0, plan=7))
    await watch(desk.engine, day(10))
    await desk.one(told("s2", 7))
    await desk.one(replace(told("s2", 7, status="scheduled"), received_at=day(10)))
    await watch(desk.engine, day(10))
    assert [(item.concern.state, item.revision) for item in await alerts(desk)] == [(State.open, 3)]


@pytest.mark.parametrize("seed", range(12))
async def test_the_order_of_arrival_never_matters(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    arrivals: list[Any] = [
        told("s1", 0, plan=7),
        told("s2", 8, plan=14),  # told late: within the grace of the first plan
        told("s3", 20, plan=27),
        told("s4", 41),
        patch_session({"next_planned_at": day(15).isoformat()}, "s2", at=day(9)),
    ]
    chance.shuffle(arrivals)
    for arrival in arrivals:
        await desk.one(replace(arrival, received_at=day(41)))  # a patch of what is not there yet is refused
        await watch(desk.engine, day(41 - chance.choice((0, 12))))
    await desk.one(replace(patch_session({"next_planned_at": day(15).isoformat()}, "s2"), received_at=day(41)))
    await watch(desk.engine, day(41))
    standing = [item.concern for item in await alerts(desk) if item.concern.state is not State.retracted]
    marks = {name: at for name, at in (await noted(desk)).items() if at is not None}
    assert marks.keys() <= {"s2", "s3"}  # what was seen before a later session arrived stays true
    assert len(standing) == bool(marks)


async def test_workers_side_by_side_tell_it_once_and_no_more_than_some_in_one_transaction(desk: Desk) -> None:
    count = AT_ONCE + 20
    await desk.write(*(told("s1", 0, plan=7, case_id=f"c{number:03}") for number in range(count)))
    await asyncio.gather(*(watch(desk.engine, day(20)) for _ in range(3)))
    found = await alerts(desk)
    assert sorted(alert.case_id for alert in found) == [f"c{number:03}" for number in range(count)]
    assert {alert.revision for alert in found} == {1}
    async with transaction(desk.engine, desk.organization) as db:
        mine = (audit.c.organization_id == desk.organization, audit.c.key_id == "watchdog")
        assert len((await db.execute(select(audit.c.at).where(*mine))).all()) == count


async def test_who_is_stopped_in_the_middle_leaves_nothing_behind(desk: Desk) -> None:
    await desk.one(told("s1", 0, plan=7))
    async with transaction(desk.engine, desk.organization) as db:
        await db.driver.execute("SELECT 1 FROM organizations WHERE organization_id = $1 FOR UPDATE", desk.organization)
        stopped = asyncio.create_task(watch(desk.engine, day(10)))  # waits for its number, all else is written
        while not await _end_who_waits(desk.engine):
            assert not stopped.done()
    with pytest.raises(Unavailable):
        await stopped
    assert (await noted(desk), await alerts(desk)) == ({"s1": None}, [])
    await watch(desk.engine, day(10))
    assert (await noted(desk), len(await alerts(desk))) == ({"s1": day(9)}, 1)


async def _end_who_waits(engine: AsyncEngine) -> bool:
    """End the connection that waits for a lock in this database; False if there is none."""
    waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    here = "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with connected(engine) as connection:
        return bool((await connection.execute(text(f"{waiting} {here}"))).all())


async def test_a_case_that_cannot_be_judged_keeps_no_other_waiting(desk: Desk) -> None:
    await desk.write(*(told("s1", 0, plan=7, case_id=case_id) for case_id in ("a", "b", "c")))
    broken = (sessions.c.organization_id == desk.organization, sessions.c.case_id == "b")
    unreadable = session_facts(held_at=day(0).isoformat(), status="unheard-of", next_planned_at=day(7).isoformat())
    async with transaction(desk.engine, desk.organization) as db:
        await db.execute(update(sessions).where(*broken).values(facts=unreadable))
    await watch(desk.engine, day(10))
    async with transaction(desk.engine, desk.organization) as db:
        mine = sessions.c.organization_id == desk.organization
        rows = await db.execute(select(sessions.c.case_id, sessions.c.overdue_at, sessions.c.look_at).where(mine))
        assert {row.case_id: (row.overdue_at, row.look_at) for row in rows} == {
            "a": (day(9), None),
            "b": (None, day(10) + LATER),
            "c": (day(9), None),
        }


async def test_a_worker_watches_until_it_is_told_to_end(desk: Desk, settings: Settings) -> None:
    await desk.one(told("s1", 0, plan=7))
    async with watching(settings, lambda: day(10)):
        async with asyncio.timeout(30):
            while not await alerts(desk):
                await asyncio.sleep(0.02)
    assert (await desk.one(told("s1", 0, plan=7))).decision.result is Result.same
