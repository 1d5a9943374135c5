from datetime import timedelta

import pytest

from service.db.engine import transaction
from service.db.rule_health import alerts_since, count_cases, rule_health
from service.domain.handling import DismissalReason
from service.domain.rule_health import RuleHealth
from tests.factories import NOW
from tests.subscribed import alarm
from tests.writes import Desk

pytestmark = pytest.mark.anyio


async def test_an_alert_that_nobody_touched(desk: Desk) -> None:
    await alarm(desk)
    async with transaction(desk.engine, desk.organization) as db:
        found = await rule_health(db, NOW)
    assert found == [
        RuleHealth(
            rule="hostility-to-therapist",
            rule_version=1,
            shadow=False,
            fired=1,
            standing=1,
            retracted=0,
            acknowledged=0,
            repaired=0,
            dismissed=dict.fromkeys(DismissalReason, 0),
            useful=0,
        )
    ]


async def test_a_case_counts_once_for_a_therapist(desk: Desk) -> None:
    await alarm(desk)
    await alarm(desk, 2, severity=3)
    (alert, *_) = (await desk.stored()).alerts
    async with transaction(desk.engine, desk.organization) as db:
        counted = {person: await count_cases(db, person) for person in (*alert.therapists, "dr-none")}
    assert counted == {**dict.fromkeys(alert.therapists, 1), "dr-none": 0}


async def test_all_that_opened_of_late_by_what_was_done(desk: Desk) -> None:
    def counted(found: list[tuple[str, str, int]]) -> int:
        return sum(count for rule, handling, count in found if (rule, handling) == ("hostility-to-therapist", "new"))

    before = counted(await alerts_since(desk.engine, NOW))
    await alarm(desk)
    assert counted(await alerts_since(desk.engine, NOW)) == before + 1
    await alarm(desk, case_id="fam-1", backfill=True)
    assert counted(await alerts_since(desk.engine, NOW)) == before + 1
    assert await alerts_since(desk.engine, NOW + timedelta(days=99_999)) == []
