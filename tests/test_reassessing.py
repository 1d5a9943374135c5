"""Judging cases anew: what differs is brought in line and nothing else is written, whoever writes meanwhile."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from service.db.engine import Db, transaction
from service.db.jobs import Result
from service.db.ranges import cases_among, courses_among
from service.db.rulebooks import write_setting
from service.db.stores import write_alerts
from service.domain.concern import Reason, State
from service.domain.model import Severity
from service.domain.parameters import named
from service.domain.reconcile import Alert, Origin
from service.domain.rulebook import Setting
from service.domain.rules import rules
from service.reassessing import KEPT, reassess
from service.writing import apply
from tests.factories import (
    CASE,
    NOW,
    held_at,
    post,
    put_case,
    put_session,
    rating_facts,
    rule_setting,
    session_facts,
    srs,
)
from tests.writes import Desk, Stored

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(days=1)
ONE = UUID(int=1)
LOSS = "trust-bond-loss"
OWN = named(rules()[LOSS].parameters)
ALL = ("a", "z")  # every case of these tests
FALLING = (9.0, 9.0, 9.0, 9.0, 2.0, 2.0)


async def _course(desk: Desk, case_id: str = CASE, marks: Sequence[float] = FALLING) -> None:
    """Store one course of Ana's: by the marks given, something opens in the fifth session."""
    for number, mark in enumerate(marks, 1):
        facts = rating_facts("ana", srs(mark), case_id=case_id, session_id=f"s{number}", held_at=held_at(number))
        await desk.one(post(facts))


async def _reassess(desk: Desk, keep: bool = True, at: datetime = LATER) -> Result:
    async with transaction(desk.engine, desk.organization) as db:
        return await reassess(db, ALL, at, keep)


async def _as_if(desk: Desk, *alerts: Alert) -> None:
    """Store alerts as an earlier version of the rules might have left them."""
    async with transaction(desk.engine, desk.organization) as db:
        await write_alerts(db, alerts)


async def _forget_alerts(desk: Desk) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        await db.driver.execute("DELETE FROM alerts WHERE organization_id = $1", desk.organization)


async def _versions(desk: Desk) -> dict[str, list[str]]:
    """Return by table which transactions wrote its rows."""
    found = {}
    async with transaction(desk.engine, desk.organization) as db:
        for table in ("cases", "sessions", "ratings", "carries", "alerts"):
            mine = text(f"SELECT xmin::text FROM {table} WHERE organization_id = :mine ORDER BY 1")
            found[table] = list((await db.execute(mine, {"mine": db.organization_id})).scalars())
    return found


async def test_what_is_in_line_is_not_written_again(desk: Desk) -> None:
    await _course(desk)
    await _course(desk, "other", (9.0, 9.0))
    before, stored = await _versions(desk), await desk.stored()
    result = await _reassess(desk)
    assert (result.alerts_changed, result.member_sessions, list(result.differences)) == (0, 8, [])
    assert {rule: dict(counted) for rule, counted in result.counts.items()} == {
        alert.concern.rule: {"before": 1, "after": 1} for alert in stored.alerts
    }
    assert await _versions(desk) == before
    assert await desk.stored() == stored


async def test_an_alert_that_is_missing_opens_with_an_origin_of_its_own(desk: Desk) -> None:
    await _course(desk)
    before = (await desk.stored()).alerts
    await _forget_alerts(desk)
    result = await _reassess(desk)
    now = await desk.stored()
    now.check()
    assert result.alerts_changed == len(before) > 1
    assert [alert.concern for alert in now.alerts] == _in_order(now, before)
    assert {(alert.origin, alert.opened_at, alert.therapists) for alert in now.alerts} == {
        (Origin.reassessment, LATER, before[0].therapists)
    }
    assert min(alert.change_number for alert in now.alerts) > max(alert.change_number for alert in before)


def _in_order(now: Stored, before: Sequence[Alert]) -> list[object]:
    """Return concerns in the order of the alerts that now stand for them."""
    known = {alert.concern.identity: alert.concern for alert in before}
    return [known[alert.concern.identity] for alert in now.alerts]


async def test_an_alert_without_ground_is_retracted_and_says_why(desk: Desk) -> None:
    await _course(desk)
    first, *_ = (await desk.stored()).alerts
    wrong = replace(first.concern, rule="early-low", sessions=("s2",), opened_session_id="s2")
    await _as_if(desk, replace(first, alert_id=str(ONE), concern=wrong, change_number=99))
    await _reassess(desk)
    (found,) = [alert for alert in (await desk.stored()).alerts if alert.alert_id == str(ONE)]
    assert (found.concern.state, found.concern.reason) == (State.retracted, Reason.reassessed)
    assert (found.origin, found.revision, found.changed_at) == (first.origin, first.revision + 1, LATER)


async def test_an_alert_that_moves_keeps_its_id_and_handling(desk: Desk) -> None:
    await _course(desk)
    first, *others = (await desk.stored()).alerts
    milder = replace(first.concern, severity=Severity.info)
    await _as_if(desk, replace(first, concern=milder, handled={"by": "dr-7"}))
    result = await _reassess(desk)
    found, *rest = (await desk.stored()).alerts
    assert (found.alert_id, found.concern, found.handled) == (first.alert_id, first.concern, {"by": "dr-7"})
    assert (found.revision, found.change_number > first.change_number) == (first.revision + 1, True)
    assert rest == others
    assert result.counts[first.concern.rule] == {"before": 1, "after": 1, "moved": 1, "more-severe": 1}


async def test_a_dry_run_tells_the_difference_and_stores_nothing(desk: Desk) -> None:
    await _course(desk)
    first, *_ = (await desk.stored()).alerts
    later = replace(first.concern, severity=Severity.info, opened_session_id="s6", opened_held_at=held_at(6))
    await _as_if(desk, replace(first, concern=later))
    before, stored = await _versions(desk), await desk.stored()
    result = await _reassess(desk, keep=False)
    assert await _versions(desk) == before
    assert await desk.stored() == stored
    (told,) = result.differences
    assert (told["case_id"], told["rule"], told["change"]) == (CASE, first.concern.rule, "moved")
    assert told["moves"] == ["opened-earlier", "more-severe"]
    assert told["alert_id"] == first.alert_id
    assert result.alerts_changed == 1
    kept = await _reassess(desk)
    assert (kept.counts, kept.alerts_changed, list(kept.differences)) == (result.counts, 1, [])


async def test_carries_folded_with_something_else_are_replaced_where_a_later_form_needs_them(desk: Desk) -> None:
    await _course(desk)
    async with transaction(desk.engine, desk.organization) as db:
        await db.driver.execute("UPDATE carries SET folded_with = 'old' WHERE organization_id = $1", desk.organization)
    await _reassess(desk)
    stored = await desk.stored()
    fresh = {key[1] for key, (name, _) in stored.carries.items() if name != "old"}
    assert fresh == {f"s{number}" for number in range(len(FALLING) - KEPT + 1, len(FALLING) + 1)}
    facts = rating_facts("ana", srs(2.0), session_id="s7", held_at=held_at(7))
    await desk.one(post(facts))
    assert {key[1] for key, (name, _) in (await desk.stored()).carries.items() if name != "old"} == {*fresh, "s7"}
    await desk.one(post(rating_facts("eva", srs(9.0), session_id="s3", held_at=held_at(3))))  # a late one: all anew
    (await desk.stored()).check()


async def _set(desk: Desk, *settings: Setting) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        for setting in settings:
            await write_setting(db, setting)


async def test_what_rules_are_set_to_now_judges_old_sessions_too(desk: Desk) -> None:
    """Until then a setting judges sessions from its time on; afterwards nothing older judges any."""
    await _course(desk)
    (loss,) = [alert for alert in (await desk.stored()).alerts if alert.concern.rule == LOSS]
    await _set(desk, rule_setting(1, z_critical=-100.0), rule_setting(2, "sudden-drop", mode="off"))
    later = rating_facts("ana", srs(2.0), session_id="s7", held_at=held_at(7))
    await desk.one(post(later))
    assert loss.concern.severity is Severity.critical
    assert [a.concern.severity for a in (await desk.stored()).alerts if a.alert_id == loss.alert_id] == ["critical"]
    tried = await _reassess(desk, keep=False)
    told = {item["rule"]: item for item in tried.differences}
    assert told[LOSS]["moves"] == ["less-severe"]
    assert (await desk.stored()).cases[CASE][0].rules_since == 0
    done = await _reassess(desk)
    assert (done.counts, done.alerts_changed) == (tried.counts, tried.alerts_changed)
    stored = await desk.stored()
    assert stored.cases[CASE][0].rules_since == 2
    (now,) = [alert for alert in stored.alerts if alert.alert_id == loss.alert_id]
    assert (now.concern.severity, now.concern.parameters and now.concern.parameters["z_critical"]) == (
        "warning",
        -100.0,
    )
    assert {alert.concern.reason for alert in stored.alerts if alert.concern.rule == "sudden-drop"} <= {
        Reason.reassessed
    }
    await desk.one(post(rating_facts("ana", srs(2.0), session_id="s8", held_at=held_at(8))))
    await desk.one(post(rating_facts("eva", srs(9.0), session_id="s1", held_at=held_at(1))))
    (await desk.stored()).check()
    assert (await _reassess(desk)).alerts_changed == 0


async def test_what_goes_into_shadow_vanishes_from_sight(desk: Desk) -> None:
    """One in shadow is another alert, so nobody who was told of the first hears of it again."""
    await _course(desk)
    await _set(desk, rule_setting(1, mode="shadow"))
    done = await _reassess(desk)
    assert done.counts[LOSS] == {"before": 1, "vanished": 1}
    stored = await desk.stored()
    assert sorted(
        (alert.concern.shadow, alert.concern.reason) for alert in stored.alerts if alert.concern.rule == LOSS
    ) == [(False, Reason.reassessed), (True, None)]
    assert (await _reassess(desk)).alerts_changed == 0


async def test_how_far_a_case_has_come_is_put_right(desk: Desk) -> None:
    await _course(desk)
    wrong = "UPDATE cases SET held_sessions = 0, last_session_id = NULL WHERE organization_id = $1"
    async with transaction(desk.engine, desk.organization) as db:
        await db.driver.execute(wrong, desk.organization)
    await _reassess(desk)
    (await desk.stored()).check()


async def test_only_the_range_is_judged(desk: Desk) -> None:
    for case_id in ("a1", "a2", "a3"):
        await _course(desk, case_id)
    await _forget_alerts(desk)
    async with transaction(desk.engine, desk.organization) as db:
        await reassess(db, ("a1", "a2"), LATER, keep=True)
    assert {alert.case_id for alert in (await desk.stored()).alerts} == {"a1", "a2"}


async def test_what_is_no_part_of_a_course_is_left_out(desk: Desk) -> None:
    cancelled = session_facts(held_at=held_at(3).isoformat(), status="cancelled")
    await desk.write(put_case(case_id="empty"), put_session(cancelled, "s3"))
    await desk.write(post(rating_facts("ana", session_id="s3", held_at=held_at(3))))
    result = await _reassess(desk)
    assert (result.alerts_changed, result.member_sessions) == (0, 0)
    (await desk.stored()).check()


async def _waits_for_a_lock(db: Db) -> bool:
    """Tell whether somebody waits for what this transaction has locked."""
    asked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    return bool(await db.driver.fetchval(asked))


async def test_what_is_written_while_courses_are_folded_is_not_lost(desk: Desk) -> None:
    """A post holds the case when the reassessment has folded its course as it was before, and wants to store."""
    await _course(desk)
    await _course(desk, "other")
    await _forget_alerts(desk)
    async with transaction(desk.engine, desk.organization) as db:
        await apply(db, [post(rating_facts("ana", srs(9.5), session_id="s7", held_at=held_at(7)))])
        judging = asyncio.create_task(_reassess(desk))
        while not await _waits_for_a_lock(db):
            assert not judging.done()
    await judging
    stored = await desk.stored()
    assert stored.cases[CASE][1] == 7
    stored.check()


async def test_nobody_waits_while_courses_are_folded(desk: Desk) -> None:
    """A reassessment holds no lock until it stores; a dry run that ended holds none at all."""
    await _course(desk)
    async with transaction(desk.engine, desk.organization) as db:
        courses = await courses_among(db, ALL)
        assert await cases_among(db, ALL)
        assert await desk.one(post(rating_facts("ana", session_id="s7", held_at=held_at(7))))
    assert [len(course) for course in courses.values()] == [6]
