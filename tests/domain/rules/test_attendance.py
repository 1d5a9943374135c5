"""Attendance, by folding whole small courses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Attendance, Family, Member, MemberRole, Period, SessionStatus, TherapySession
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import START, family, indicator, rating, therapy_session

CODE = "attendance"
ENTRIES = {
    "a": Attendance.attended,
    "l": Attendance.late,
    "n": Attendance.no_show,
    "x": Attendance.excused,
    "c": Attendance.late_cancelled,
    "-": Attendance.not_invited,
}


def session(number: int, letter: str, who: str = "ana", **options: Any) -> TherapySession:
    """Return a session with one member's entry; `?` is none, `N` a session to which nobody came."""
    attendance = {who: ENTRIES[letter]} if letter in ENTRIES else {}
    status = SessionStatus.no_show if letter == "N" else SessionStatus.held
    return therapy_session(number, attendance=attendance, status=status, **options)


def course_of(letters: str) -> list[TherapySession]:
    return [session(number, letter) for number, letter in enumerate(letters, start=1)]


def concerns(sessions: Sequence[TherapySession], known: Family | None = None) -> list[Concern]:
    return concerns_of(CODE, sessions, known or family("ana"))


FIRES = [
    ("n", "warning", "early"),
    ("an", "warning", "early"),
    ("aan", "warning", "early"),
    ("xcn", "warning", "early"),  # excused and late-cancelled were invited
    ("a-a?n", "warning", "early"),  # not invited and unknown were not: this is the third
    ("nn", "warning", "repeated"),
    ("aaann", "warning", "repeated"),
    ("aaanan", "warning", "repeated"),
    ("aaanaan", "warning", "repeated"),
    ("aaanxcn", "warning", "repeated"),
    ("aaan-?-aan", "warning", "repeated"),
    ("aaannn", "critical", "repeated"),
    ("aaannan", "critical", "repeated"),
    ("nnn", "critical", "repeated"),
    ("aaanann", "critical", "repeated"),
]
QUIET = ["a", "l", "x", "c", "-", "?", "xc-?l", "aaan", "axcn", "aaanaaan", "llln"]


@pytest.mark.parametrize(("letters", "severity", "route"), FIRES, ids=[row[0] for row in FIRES])
def test_fires(letters: str, severity: str, route: str) -> None:
    concern = concerns(course_of(letters))[-1]
    assert (concern.subject, concern.severity, concern.signal.route) == (("member/ana",), severity, route)
    assert concern.sessions[-1] == f"s{len(letters)}"


@pytest.mark.parametrize("letters", QUIET)
def test_quiet(letters: str) -> None:
    assert concerns(course_of(letters)) == []


def test_three_in_four_are_of_the_last_four() -> None:
    # n at 4, 6 and 8: the last four are a n a n, two of them
    assert [item.severity for item in concerns(course_of("aaananan"))] == ["warning"]


@pytest.mark.parametrize(
    ("member", "attendance", "stayed_away"),
    [
        (Member(MemberRole.youth), {}, True),
        (Member(MemberRole.youth), {"ana": Attendance.excused}, False),
        (Member(MemberRole.youth), {"ana": Attendance.not_invited}, False),
        (Member(MemberRole.youth, active=False), {}, False),
        (Member(MemberRole.youth, expected=False), {}, False),
        (Member(MemberRole.youth, expected=False), {"ana": Attendance.no_show}, True),
    ],
)
def test_in_a_session_nobody_came_to_everybody_expected_stayed_away(
    member: Member, attendance: Mapping[str, Attendance], stayed_away: bool
) -> None:
    away = therapy_session(1, status=SessionStatus.no_show, attendance=attendance)
    assert len(concerns([away], Family(members={"ana": member}))) == stayed_away


def test_everybody_who_stayed_away_has_a_concern_of_their_own() -> None:
    found = concerns([session(1, "N")], family("eva", "ana"))
    assert [item.subject for item in found] == [("member/ana",), ("member/eva",)]


def test_somebody_whom_only_an_entry_names_counts_too() -> None:
    assert [item.subject for item in concerns([session(1, "n", "uncle")])] == [("member/uncle",)]


def test_a_rating_means_that_the_member_came() -> None:
    rated = [therapy_session(number, rating("ana")) for number in (1, 2, 3)]
    assert concerns([*rated, session(4, "n")]) == []


# Bond z of 60 against three or four sessions at 90 is about −4.7: trust-bond-loss opens at session 5.
HURT = [therapy_session(n, rating("ana", 90, dimensions={"bond": 60.0 if n == 5 else 90.0})) for n in range(1, 6)]


@pytest.mark.parametrize(
    ("after", "severities"),
    [
        ("n", ["critical"]),
        ("N", ["critical"]),
        ("-n", ["critical"]),
        ("?n", ["critical"]),
        ("xn", []),  # excused was the next invited session
        ("an", []),
        ("a-n", []),
    ],
)
def test_a_no_show_at_the_next_invited_session_after_a_lost_bond(after: str, severities: list[str]) -> None:
    found = concerns([*HURT, *(session(6 + place, letter) for place, letter in enumerate(after))])
    assert [item.severity for item in found] == severities
    assert all(item.signal.values["after"] == "trust-bond-loss" for item in found)


def test_not_after_a_concern_that_ended_with_its_treatment() -> None:
    ended = [Period("2026-01-01", "2026-02-02", "completed")]  # the day of session 5
    assert concerns([*HURT, session(6, "n")], family("ana", periods=ended)) == []


@pytest.mark.parametrize("who", ["ana", "tom"])
def test_hostility_between_members_counts_for_both(who: str) -> None:
    shout = therapy_session(4, rating("ana"), rating("tom"), indicators=(indicator("hostility", "ana", "tom", 3),))
    calm = [therapy_session(number, rating("ana"), rating("tom")) for number in (1, 2, 3)]
    found = concerns([*calm, shout, session(5, "n", who)], family())
    assert [(item.subject, item.severity) for item in found] == [((f"member/{who}",), "critical")]


# the last one is a fall; with fewer than three scores before it there are no limits yet to fall out of
@pytest.mark.parametrize(("scores", "cause"), [((90, 90, 70), "sudden-drop"), ((90, 90, 90, 75), "out-of-limits")])
def test_a_fall_of_the_total_is_a_cause_until_it_recovers(scores: tuple[float, ...], cause: str) -> None:
    held: dict[str, float | None] = dict.fromkeys(("bond", "goals", "tasks"), 90)
    *fallen, back, better = (
        therapy_session(number, rating("ana", score, dimensions=held))
        for number, score in enumerate((*scores, 90, 90), start=1)
    )
    (after,) = concerns([*fallen, session(len(scores) + 1, "n")])
    assert (after.severity, after.signal.values["after"]) == ("critical", cause)
    assert concerns([*fallen, back, better, session(len(scores) + 3, "n")]) == []


CLEARS = [
    ("na", [State.open, State.recovering]),
    ("naa", [State.open, State.recovering, State.recovered]),
    ("nla", [State.open, State.recovering, State.recovered]),
    ("nan", [State.open, State.recovering, State.open]),
    ("nxac?a", [State.open, State.open, State.recovering, State.recovering, State.recovering, State.recovered]),
    # at 6 the last four invited sessions are x x a n: no signal, but no attended session either
    ("nxxxan", [State.open, State.open, State.open, State.open, State.recovering, State.open]),
    ("naN", [State.open, State.recovering, State.open]),
]


@pytest.mark.parametrize(("letters", "states"), CLEARS, ids=[row[0] for row in CLEARS])
def test_clears(letters: str, states: list[State]) -> None:
    assert states_of(CODE, course_of(letters), family("ana")) == states


@pytest.mark.parametrize("letter", ["x", "c", "-", "?"])
def test_six_held_sessions_without_an_answer_close_it(letter: str) -> None:
    assert concerns(course_of("n" + letter * 5))[0].state is State.open
    closed = concerns(course_of("n" + letter * 6))[0]
    assert (closed.state, closed.reason) == (State.closed, Reason.window_passed)


def test_talking_about_it_does_not_shorten_it() -> None:
    talked = session(2, "a", discussed=frozenset({(CODE, ("member/ana",))}))
    assert concerns([session(1, "n"), talked])[0].state is State.recovering


def test_it_opens_again_within_three_held_sessions_and_anew_later() -> None:
    (again,) = concerns(course_of("naan"))
    assert (again.openings, again.state, again.opened_session_id) == (2, State.open, "s1")
    assert [item.opened_session_id for item in concerns(course_of("naaaaann"))] == ["s1", "s8"]


def held_on(*days: float, status: SessionStatus = SessionStatus.held) -> list[TherapySession]:
    return [
        therapy_session(number, rating("ana"), held_at=START + timedelta(days=day), status=status)
        for number, day in enumerate(days, start=1)
    ]


GAPS = [
    ("more than twice the usual week", (0, 7, 14, 21, 36), True),
    ("twice the usual week", (0, 7, 14, 21, 35), False),
    ("twice and some hours", (0, 7, 14, 21, 35.4), False),
    ("only two intervals before", (0, 7, 14, 29), False),
    ("median of four is 10.5", (0, 7, 14, 28, 42, 64), True),
    ("21 is twice 10.5", (0, 7, 14, 28, 42, 63), False),
    ("sessions of one day make no interval", (0, 0.1, 0.2, 0.3, 7, 14, 30), False),
    ("the last eight intervals are the usual", (*range(0, 71, 7), *range(84, 183, 14), 196 + 14), False),
]


@pytest.mark.parametrize(("days", "late"), [row[1:] for row in GAPS], ids=[row[0] for row in GAPS])
def test_a_long_interval_speaks_when_the_next_held_session_arrives(days: tuple[float, ...], late: bool) -> None:
    found = concerns(held_on(*days))
    expected = [(("family",), "warning", "gap", f"s{len(days)}")] if late else []
    assert [(item.subject, item.severity, item.signal.route, item.opened_session_id) for item in found] == expected


def test_a_session_nobody_came_to_ends_no_interval() -> None:
    before, last = held_on(0, 7, 14, 21), held_on(0, 0, 0, 0, 0, 36)[-1]
    away = therapy_session(5, held_at=START + timedelta(days=28), status=SessionStatus.no_show)
    found = concerns([*before, away, last], family(roles={"ana": MemberRole.youth}))
    assert ("family",) in [item.subject for item in found]
    assert [item.signal.values["gap_days"] for item in found if item.subject == ("family",)] == [15]


def test_a_pause_between_two_treatments_is_no_gap() -> None:
    periods = [Period("2026-01-05", "2026-01-30", "completed"), Period("2026-03-01", None, None)]
    assert concerns(held_on(0, 7, 14, 21, 60), family("ana", periods=periods)) == []
    assert len(concerns(held_on(0, 7, 14, 21, 60), family("ana"))) == 1


def test_what_was_noted_as_overdue_is_told_until_two_sessions_were_held() -> None:
    first, *later = held_on(0, 7, 14)
    noted = replace(first, overdue_at=START + timedelta(days=4))
    (found,) = concerns([noted])
    assert (found.subject, found.severity, found.signal.route) == (("family",), "info", "overdue")
    assert (found.signal.values, found.signal.thresholds) == ({"overdue_after_days": 4}, {"grace_hours": 48})
    assert states_of(CODE, [noted, *later], family("ana")) == [State.open, State.recovering, State.recovered]
    assert concerns([first]) == []


def test_a_longer_gap_and_an_overdue_session_are_one_concern_and_the_graver_is_told() -> None:
    *before, late = held_on(0, 7, 14, 21, 36)
    noted = replace(before[-1], overdue_at=START + timedelta(days=30))
    (found,) = concerns([*before[:-1], noted, late])
    assert (found.opened_session_id, found.severity, found.signal.route) == ("s4", "warning", "gap")
    (at_once,) = concerns([*before, replace(late, overdue_at=START + timedelta(days=45))])
    assert (at_once.opened_session_id, at_once.severity, at_once.signal.route) == ("s5", "warning", "gap")


def test_two_sessions_at_the_usual_interval_clear_it() -> None:
    states = states_of(CODE, held_on(0, 7, 14, 21, 36, 43, 50), family("ana"))
    assert states == [None, None, None, None, State.open, State.recovering, State.recovered]


def test_what_it_remembers_is_bounded() -> None:
    for memory in memories_of(CODE, course_of("nax-?c" * 20), family("ana")):
        assert len(memory.intervals) <= 8
        assert all(len(invited.away) <= 4 for invited in memory.invited.values())


@pytest.mark.parametrize(("between", "openings"), [([], [2]), (["a"], [1, 1])])
def test_a_session_nobody_came_to_counts_no_held_session_of_the_three(between: list[str], openings: list[int]) -> None:
    # recovered at the third held session; the bond falls at the sixth (and again at a seventh), then nobody comes
    first = [session(1, "n"), *(therapy_session(n, rating("ana", 90)) for n in range(2, 6))]
    fallen = [
        therapy_session(6 + n, rating("ana", 90, dimensions={"bond": 55 - 5 * n})) for n in range(len(between) + 1)
    ]
    found = concerns([*first, *fallen, session(6 + len(fallen), "N")])
    assert [item.openings for item in found] == openings
