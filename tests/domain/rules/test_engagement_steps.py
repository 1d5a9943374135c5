"""Engagement steps, by folding whole small courses."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.domain.concern import Concern, State
from service.domain.model import Family, SessionStatus, TherapySession
from service.domain.noted import ChecklistPoint, Noted
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import family, therapy_session

CODE = "engagement-steps"
OPEN = Noted("open")
SECOND_DAY = "2026-01-12"  # of the second session; the first is a week earlier


def told(**points: Noted) -> Family:
    """Return a family with a checklist; underscores stand for hyphens."""
    return replace(family(), checklist={point.replace("_", "-"): noted for point, noted in points.items()})


def held(sessions: int) -> list[TherapySession]:
    return [therapy_session(number) for number in range(1, sessions + 1)]


def concerns(known: Family, sessions: int = 1) -> list[Concern]:
    return concerns_of(CODE, held(sessions), known)


FIRES = [
    ("one open point", told(nobody_blamed=OPEN), {"nobody-blamed"}),
    ("one of two", told(nobody_blamed=OPEN, rationale_given=Noted("ticked", "s1")), {"nobody-blamed"}),
    ("ticked in a later session", told(rationale_given=Noted("ticked", "s2")), {"rationale-given"}),
    ("ticked a day later", told(rationale_given=Noted("ticked", None, "2026-01-06")), {"rationale-given"}),
    ("in a session that never comes", told(nobody_blamed=Noted("not-needed", "s77")), {"nobody-blamed"}),
    ("all five", told(**dict.fromkeys(ChecklistPoint, OPEN)), set(ChecklistPoint)),
]

QUIET = [
    ("no checklist was announced", family()),
    ("ticked in this session", told(nobody_blamed=Noted("ticked", "s1"))),
    ("ticked on this day", told(nobody_blamed=Noted("ticked", None, "2026-01-05"))),
    ("not needed, long ago", told(nobody_blamed=Noted("not-needed", None, "2025-12-01"))),
    ("by its day, whenever its session", told(nobody_blamed=Noted("ticked", "s9", "2026-01-01"))),
]


@pytest.mark.parametrize(("known", "points"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(known: Family, points: set[str]) -> None:
    (concern,) = concerns(known)
    assert (concern.subject, concern.severity, concern.opened_session_id) == (("family",), "info", "s1")
    counted = {"open": len(points), "of": len(known.checklist)}
    assert dict(concern.signal.values) == {**counted, **dict.fromkeys(points, "open")}


@pytest.mark.parametrize("known", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(known: Family) -> None:
    assert concerns(known) == []


def test_a_session_that_was_not_held_says_nothing() -> None:
    unheld = therapy_session(1, status=SessionStatus.no_show)
    assert concerns_of(CODE, [unheld], told(nobody_blamed=OPEN)) == []


CLEARS: list[tuple[str, Noted, Sequence[State]]] = [
    ("never", OPEN, [State.open] * 3),
    ("in the second session, at once", Noted("ticked", "s2"), [State.open, *[State.recovered] * 2]),
    ("on its day", Noted("not-needed", None, SECOND_DAY), [State.open, *[State.recovered] * 2]),
    ("between the second and the third", Noted("ticked", None, "2026-01-13"), [*[State.open] * 2, State.recovered]),
]


@pytest.mark.parametrize(("noted", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(noted: Noted, states: list[State]) -> None:
    assert states_of(CODE, held(3), told(nobody_blamed=noted)) == states


def test_one_point_of_two_clears_nothing() -> None:
    known = told(nobody_blamed=Noted("ticked", "s2"), rationale_given=OPEN)
    (concern,) = concerns(known, 2)
    assert concern.state is State.open
    assert dict(concern.signal.values) == {"open": 1, "of": 2, "rationale-given": "open"}  # what is left


def test_a_point_may_be_decided_in_a_session_that_nobody_came_to() -> None:
    sessions = [therapy_session(1), therapy_session(2, status=SessionStatus.no_show), therapy_session(3)]
    states = states_of(CODE, sessions, told(nobody_blamed=Noted("ticked", "s2")))
    assert states == [State.open, State.open, State.recovered]


def test_memory_is_bounded_and_stored() -> None:
    known = told(nobody_blamed=Noted("ticked", "s2"), rationale_given=Noted("ticked", "s4"), who_is_invited=OPEN)
    came = [memory.came for memory in memories_of(CODE, held(50), known)]
    assert came[0] == frozenset()
    assert came[1] == {"nobody-blamed"}
    assert came[-1] == {"nobody-blamed", "rationale-given"}
