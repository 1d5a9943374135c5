"""Overdue: what is planned after the last session of a course, and when it counts as missed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.domain.carry import default_parameters
from service.domain.model import Family, Member, MemberRole, Period
from service.domain.overdue import ATTENDANCE, Look, Plan, Timed, look, look_at
from service.domain.records import SessionRecord
from service.domain.rules import rules
from tests.factories import NOW, START, family, session_facts

KNOWN = family("ana")
GIVEN = default_parameters()


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def session(name: str, at: float, plan: float | None = None, status: str = "held") -> Timed:
    """Return a session held, or meant to be, on a day after the start, which plans the next for another day."""
    planned = None if plan is None else day(plan).isoformat()
    facts = session_facts(held_at=day(at).isoformat(), status=status, next_planned_at=planned)
    record = SessionRecord(
        case_id="fam-42", session_id=name, facts=facts, inherited=None, revision=1, created_at=NOW, changed_at=NOW
    )
    return Timed(record, day(at))


def scheduled(name: str, at: float) -> Timed:
    return session(name, at, status="scheduled")


def cancelled(name: str, at: float, plan: float | None = None) -> Timed:
    return session(name, at, plan, status="cancelled")


def seen(last: Timed, *outside: Timed, on: float, known: Family = KNOWN, given: Any = GIVEN) -> Look:
    return look(last, outside, known, given, day(on))


def overdue(on: float) -> Look:
    return Look(overdue_at=day(on))


def again(on: float, name: str = "s1") -> Look:
    return Look(again=Plan(day(on), name))


PLANS: list[tuple[str, Timed, Sequence[Timed], float, Look]] = [
    ("nothing is planned", session("s1", 0), (), 30, Look()),
    ("its time and the grace have passed", session("s1", 0, 7), (), 9, overdue(9)),
    ("whenever somebody looks", session("s1", 0, 7), (), 20, overdue(9)),
    ("the grace has not passed", session("s1", 0, 7), (), 8.9, again(9)),
    ("its time has not come", session("s1", 0, 7), (), 1, again(9)),
    ("too long ago to be news", session("s1", 0, 7), (), 9 + 28.1, Look()),
    ("the last moment of news", session("s1", 0, 7), (), 9 + 28, overdue(9)),
    ("a plan before the session itself", session("s1", 8, 7), (), 20, Look()),
    ("a session stands as scheduled", session("s1", 0), (scheduled("a", 7),), 10, overdue(9)),
    ("the first of those scheduled", session("s1", 0), (scheduled("b", 14), scheduled("a", 7)), 8, again(9, "a")),
    ("what is scheduled overrules the plan", session("s1", 0, 7), (scheduled("a", 10),), 11, again(12, "a")),
    ("an appointment of the session itself", session("s1", 0), (scheduled("a", 0.1),), 10, Look()),
    ("an appointment before it", session("s1", 10), (scheduled("a", 7),), 20, Look()),
    ("cancelled", session("s1", 0, 7), (cancelled("a", 7),), 10, Look()),
    ("cancelled, another day", session("s1", 0, 7), (cancelled("a", 14),), 10, overdue(9)),
    ("cancelled and planned anew", session("s1", 0, 7), (cancelled("a", 7, plan=10),), 11, again(12, "a")),
    ("late-cancelled", session("s1", 0, 7), (session("a", 7, status="late-cancelled"),), 10, Look()),
    ("cancelled, others scheduled", session("s1", 0, 7), (cancelled("a", 7), scheduled("b", 8)), 11, overdue(10)),
    ("a session to which nobody came plans too", session("s1", 0, 7, status="no-show"), (), 10, overdue(9)),
]


@pytest.mark.parametrize(("last", "outside", "on", "expected"), [row[1:] for row in PLANS], ids=[r[0] for r in PLANS])
def test_what_is_planned(last: Timed, outside: Sequence[Timed], on: float, expected: Look) -> None:
    assert seen(last, *outside, on=on) == expected


def test_nobody_is_overdue_once_treatment_has_ended_or_nobody_is_awaited() -> None:
    planned = session("s1", 0, 7)
    ended = family("ana", periods=[Period("2026-01-01", day(3).date().isoformat(), "completed")])
    assert seen(planned, on=10, known=ended) == Look()
    away = Family(members={"ana": Member(MemberRole.youth, active=False)})
    assert seen(planned, on=10, known=away) == Look()
    assert seen(planned, on=10, known=Family()) == overdue(9)  # nobody announced who is in it


def test_the_grace_is_a_parameter_and_a_rule_that_is_off_looks_at_nothing() -> None:
    planned, rule = session("s1", 0, 7), rules()[ATTENDANCE]
    day_of_grace = replace(GIVEN, parameters={**GIVEN.parameters, ATTENDANCE: replace(rule.parameters, grace_hours=24)})
    assert seen(planned, on=8, given=day_of_grace) == overdue(8)
    assert seen(planned, on=10, given=replace(GIVEN, off=frozenset({ATTENDANCE}))) == Look()


def test_what_was_noted_in_time_stays_noted() -> None:
    planned = session("s1", 0, 7)
    noted = Timed(replace(planned.record, overdue_at=day(9)), planned.held_at)
    assert seen(noted, on=100) == overdue(9)
    assert seen(noted, cancelled("a", 7), on=100) == Look()


def test_a_written_session_is_looked_at_when_it_may_matter() -> None:
    planned = session("s1", 0, 7).record
    assert look_at(planned, True, NOW) == day(7)
    assert look_at(session("s1", 0).record, True, NOW) is None
    assert look_at(replace(planned, facts=None), True, NOW) is None
    assert look_at(planned, False, NOW) == NOW
    assert look_at(replace(planned, overdue_at=day(9)), True, NOW) == NOW
