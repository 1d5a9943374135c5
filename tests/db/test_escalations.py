import asyncio
import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from service.db import escalations
from service.db.engine import transaction
from service.domain.delivery import Delivery, DeliveryState, Event
from service.domain.handling import Act, Action
from service.domain.model import Severity
from service.domain.subscription import Role, SubscriptionState
from service.handling import handle
from tests.factories import CASE, NOW, case_facts, put_case
from tests.subscribed import SILENT, alarm, delivered_to, subscribe, subscription
from tests.writes import Desk

pytestmark = pytest.mark.anyio

WAIT, WITHIN = timedelta(minutes=30), timedelta(days=7)
SUPERVISOR: dict[str, Any] = {
    "person": "sup-1",
    "role": Role.supervisor,
    "therapists": ("dr-7", "dr-9"),
    "channel": "email",
}


async def escalate(desk: Desk, now: datetime = NOW + WAIT) -> list[Delivery]:
    """Look for what waits too long, and return what the supervisor is told by then."""
    async with transaction(desk.engine, desk.organization) as db:
        await escalations.escalate(db, now, now - WAIT, now - WAIT - WITHIN)
    return await delivered_to(desk, "sup")


async def waiting(desk: Desk, **facts: Any) -> None:
    """Let an alert be critical from now on, and a supervisor be told."""
    await subscribe(desk, subscription("sup", **{**SUPERVISOR, **facts}))
    await alarm(desk, severity=3)


async def test_what_nobody_handled_in_time_is_told_to_the_supervisor_once(desk: Desk) -> None:
    await waiting(desk)
    assert await escalate(desk, NOW + WAIT - timedelta(microseconds=1)) == []
    (told,) = await escalate(desk)
    (alert,) = (await desk.stored()).live_alerts(CASE)
    facts = (told.event, told.alert_id, told.severity, told.occurred_at, told.due_at)
    assert facts == (Event.escalated, alert.alert_id, Severity.critical, NOW + WAIT, NOW + WAIT)
    assert await escalate(desk, NOW + WAIT + timedelta(minutes=1)) == [told]


async def test_many_workers_tell_it_once(desk: Desk) -> None:
    await waiting(desk)
    found = await asyncio.gather(*(escalate(desk) for _ in range(6)))
    assert {len(item) for item in found} <= {0, 1}
    assert len(await delivered_to(desk, "sup")) == 1


async def test_what_was_handled_is_not_told_until_it_waits_again(desk: Desk) -> None:
    await waiting(desk)
    (alert,) = (await desk.stored()).live_alerts(CASE)
    act = Act(id="h-1", action=Action.acknowledge, by="dr-7")
    await handle(desk.engine, desk.bearer(), UUID(alert.alert_id), act, NOW)
    assert await escalate(desk) == []
    back = Act(id="h-2", action=Action.unhandle, by="dr-7")
    await handle(desk.engine, desk.bearer(), UUID(alert.alert_id), back, NOW)
    assert len(await escalate(desk)) == 1


@pytest.mark.parametrize(
    "facts",
    [
        {"therapists": ("dr-9",)},
        {"rules": ("early-low",)},
        {"role": Role.therapist},
        {"state": SubscriptionState.disabled},
    ],
)
async def test_nobody_else_is_told(desk: Desk, facts: dict[str, Any]) -> None:
    await waiting(desk, **facts)
    told = [item.event for item in await escalate(desk)]
    assert Event.escalated not in told


async def test_a_warning_is_not_told(desk: Desk) -> None:
    await subscribe(desk, subscription("sup", **SUPERVISOR))
    await alarm(desk)
    assert await escalate(desk) == []


@pytest.mark.parametrize("reason", SILENT)
async def test_nothing_of_a_case_about_which_all_is_silent_until_that_is_over(desk: Desk, reason: str) -> None:
    await waiting(desk)
    await desk.write(put_case(case_facts(**SILENT[reason])))
    for minutes in (0, 1):
        (noted,) = await escalate(desk, NOW + WAIT + timedelta(minutes=minutes))
    assert (noted.state, noted.state_reason, noted.occurred_at) == (DeliveryState.withheld, reason, NOW + WAIT)
    await desk.write(put_case(case_facts()))
    later = NOW + WAIT + timedelta(minutes=2)
    told = {item.state: item for item in await escalate(desk, later)}
    assert (told[DeliveryState.withheld], told[DeliveryState.waiting].occurred_at) == (noted, later)
    await desk.write(put_case(case_facts(**SILENT[reason])))
    assert len(await escalate(desk, later)) == 2  # it was told: nothing is withheld


async def test_old_stories_and_old_news_are_not_told(desk: Desk) -> None:
    await subscribe(desk, subscription("sup", **SUPERVISOR))
    await alarm(desk, severity=3, backfill=True)
    assert await escalate(desk) == []
    await alarm(desk, case_id="fam-1", severity=3)
    assert await escalate(desk, NOW + WAIT + WITHIN) == []
    assert len(await escalate(desk, NOW + WAIT + WITHIN - timedelta(seconds=1))) == 1


async def test_what_rose_later_has_waited_from_then_on(desk: Desk) -> None:
    await subscribe(desk, subscription("sup", **SUPERVISOR))
    await alarm(desk)
    later = NOW + timedelta(hours=1)
    await alarm(desk, 2, at=later, severity=3)
    assert await escalate(desk, later + WAIT - timedelta(seconds=1)) == []
    assert len(await escalate(desk, later + WAIT)) == 1


async def test_systems_are_told_if_they_want_to_know(desk: Desk) -> None:
    await waiting(desk)
    await subscribe(desk, subscription("all"), subscription("few", events=("alert.opened",)))
    await escalate(desk)
    assert [[item.event for item in await delivered_to(desk, name)] for name in ("all", "few")] == [
        [Event.escalated],
        [],
    ]


OTHERS = """
INSERT INTO alerts SELECT (jsonb_populate_record(alerts, changed || jsonb_build_object(
    'alert_id', gen_random_uuid(), 'change_number', 1000 + row_number() OVER ()))).*
FROM alerts, generate_series(1, 700), unnest(CAST($2 AS jsonb[])) changed
WHERE organization_id = $1
"""
OTHERWISE = {"severity": "warning", "handling": "dismissed", "state": "closed", "origin": "backfill", "shadow": True}


async def test_what_waits_is_found_among_all_alerts_by_its_index(desk: Desk) -> None:
    """By a plan for any parameters too, which a database comes to use for what it is asked each minute."""
    await waiting(desk)
    async with transaction(desk.engine, desk.organization, keep=False) as db:
        await db.driver.execute(
            OTHERS, desk.organization, [json.dumps({name: value}) for name, value in OTHERWISE.items()]
        )
        await db.driver.execute("ANALYZE alerts")
        await db.driver.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await db.driver.execute(f"PREPARE escalating AS {escalations.ESCALATE.sql}")
        given = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", escalations.ESCALATE.sql))))
        plan = [row[0] for row in await db.driver.fetch(f"EXPLAIN (COSTS OFF) EXECUTE escalating({given})")]
        await db.driver.execute("DEALLOCATE escalating")
    assert [line.strip() for line in plan if " on alerts" in line] == [
        "->  Index Scan using ix_alerts_unanswered on alerts"
    ]
