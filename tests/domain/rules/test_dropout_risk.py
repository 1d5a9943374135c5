"""Several signs of leaving, by folding whole small courses."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from service.domain.concern import Concern, State, Value
from service.domain.model import Attendance, Indicator, Rating, SessionStatus, Severity, TherapySession
from service.domain.moment import Moment
from service.domain.rules.dropout_risk import Known, Memory, Parameters, check
from tests.domain.rules.walking import concerns_of, long_course, memories_of, states_of, walk
from tests.factories import family, indicator, rating, therapy_session

CODE = "dropout-risk"
ANA = ("member/ana",)
INFO, WARNING, CRITICAL = Severity.info, Severity.warning, Severity.critical
STILL: dict[str, float | None] = {"bond": 90, "goals": 90, "tasks": 90}

AWAY = "away"  # she was expected and did not come
SILENT = "silent"  # she came and gave no form
Told = float | str | None  # a total, one of these, or None: nothing is known of her in that session


def session(number: int, told: Told, seen: Sequence[Indicator] = (), tom: float | None = None) -> TherapySession:
    """Return a session of Kim, whose form for children is never a pole, and Ana; with Tom's total if it is told."""
    entry = {AWAY: Attendance.no_show, SILENT: Attendance.attended}
    entries = {"ana": entry[told]} if isinstance(told, str) else {}
    hers = [rating("ana", told, dimensions=STILL)] if isinstance(told, float | int) else []
    his: list[Rating] = [] if tom is None else [rating("tom", tom)]
    ratings = [rating("kim", 95, instrument="csrs"), *hers, *his]
    return therapy_session(number, *ratings, attendance=entries, indicators=tuple(seen), indicators_observed=True)


def course_of(*told: Told, seen: Mapping[int, Indicator] | None = None) -> list[TherapySession]:
    """Return sessions by what is told of Ana, with what was seen by number."""
    marks = seen or {}
    return [
        session(number, each, [marks[number]] if number in marks else []) for number, each in enumerate(told, start=1)
    ]


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family("kim", "ana"))


def complaint(severity: int = 2, toward: str | None = "dr-7") -> Indicator:
    return indicator("complaint", "ana", toward, severity)


# Three totals at 90: z = (x − 90)/5 (see the twin of out-of-limits), so 79 is a note and 77 a warning; the low mark is
# 80, and a total of 78 at the start is low.
FIRES = [
    # early no-show 2 + low since the start 1
    ("away early and low from the start", course_of(78, AWAY), WARNING, {"attendance": 2, "early_low": 1}),
    # early no-show 2 + a clear complaint 1
    (
        "away early, and a complaint",
        course_of(90, AWAY, seen={1: complaint()}),
        WARNING,
        {"attendance": 2, "confrontation": 1},
    ),
    # the first session after a fall: 2 + 3
    ("away right after a fall", course_of(90, 90, 90, 79, AWAY), CRITICAL, {"attendance": 2, "no_show_after": 3}),
    # a fall that stands for more than two sessions 2 + a complaint 1
    (
        "a fall that stands, and a complaint",
        course_of(90, 90, 90, 77, 77, 78, seen={6: complaint()}),
        WARNING,
        {"long_open": 2, "confrontation": 1},
    ),
    # the same, and two sessions that she came to without a form 1
    (
        "a fall that stands, a complaint, and no form twice",
        course_of(90, 90, 90, 77, 77, SILENT, SILENT, seen={7: complaint()}),
        WARNING,
        {"long_open": 2, "missing_ratings": 1, "confrontation": 1},
    ),
]  # fmt: skip
QUIET = [
    ("away early", course_of(90, AWAY)),
    ("away early and no longer low", course_of(78, 81, AWAY)),
    ("low in the fourth session only", course_of(90, 90, AWAY, 78)),
    ("away early, and a mild complaint", course_of(90, AWAY, seen={1: complaint(1)})),
    ("away early, and a complaint about somebody else", course_of(90, AWAY, seen={1: complaint(2, "eva")})),
    ("a fall open for two sessions, and a complaint", course_of(90, 90, 90, 77, 77, seen={5: complaint()})),
    ("a note that stands, and a complaint", course_of(90, 90, 90, 79, 79, 79, seen={6: complaint()})),
    ("a fall that stands", course_of(90, 90, 90, 77, 77, 78)),
    ("a fall that stands, and no form once", course_of(90, 90, 90, 77, 77, SILENT)),
    ("a fall that stands, and nothing known of her", course_of(90, 90, 90, 77, 77, None, None)),
    ("away, and no form either", course_of(90, AWAY, SILENT)),
    (
        "a complaint four observed sessions ago",
        course_of(90, 90, 90, 77, 77, 78, seen={3: complaint()}),
    ),
]


@pytest.mark.parametrize(("sessions", "severity", "points"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(sessions: list[TherapySession], severity: Severity, points: dict[str, Value]) -> None:
    (concern,) = concerns(sessions)
    assert (concern.subject, concern.severity) == (ANA, severity)
    assert concern.signal.values == {"points": sum(int(str(each)) for each in points.values()), **points}
    assert concern.signal.thresholds == {"warning": 3, "critical": 5}
    assert concern.signal.route == ("away" if "attendance" in points else "default")


@pytest.mark.parametrize("sessions", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(sessions: list[TherapySession]) -> None:
    assert concerns(sessions) == []


def test_four_points_are_no_five() -> None:
    missed = course_of(78, AWAY, seen={1: complaint()})
    (concern,) = concerns(missed)
    assert (concern.signal.values["points"], concern.severity) == (4, WARNING)


def split(*hers: Told, tom: float = 95) -> list[TherapySession]:
    """Return sessions in which Tom gives a total as well."""
    return [session(number, each, tom=tom) for number, each in enumerate(hers, start=1)]


FOUR = family("tom", "ana", "kim")


def test_the_low_member_of_a_split_has_a_point_and_nobody_else() -> None:
    (concern,) = concerns_of(CODE, [*split(70, 70, 70), session(4, 70, [complaint()], tom=95)], FOUR)
    assert concern.subject == ANA
    assert concern.signal.values == {"points": 3, "early_low": 1, "split": 1, "confrontation": 1}


@pytest.mark.parametrize(("told", "severity"), [((70, 70, SILENT, SILENT), WARNING), ((70, 70, SILENT), None)])
def test_forms_that_fail_to_come_beside_a_split(told: Sequence[Told], severity: Severity | None) -> None:
    found = concerns_of(CODE, split(*told), FOUR)
    assert [item.severity for item in found] == ([severity] if severity else [])


def test_from_ratings_alone_it_is_a_note_in_the_first_three_sessions() -> None:
    moment = Moment(session(3, 70), 3, FOUR, {}, concerns=(standing_split(),))
    memory = Memory({"ana": Known(low=True, silent=2)})
    _, (signal,) = check(moment, memory, Parameters(early_low=2))
    assert signal.severity is INFO
    _, (later,) = check(replace(moment, number=4), memory, Parameters(early_low=2))
    assert later.severity is WARNING


def standing_split() -> Concern:
    """Return the split of three sessions of Tom and Ana."""
    *_, last = walk(split(70, 70, 70), FOUR)
    (concern,) = [item for item in last.concerns if item.rule == "split-alliance"]
    return concern


def test_a_growing_distance_counts_more_than_a_distance() -> None:
    growing = split(95, 94, 92, 88, 84, 82)
    *_, last = walk(growing, FOUR)
    assert [signal.route for signal in last.signals["split-alliance"]] == ["widening"]
    (concern,) = concerns_of(CODE, [*growing, session(7, 81, [complaint()], tom=95)], FOUR)
    assert {name: concern.signal.values.get(name) for name in ("split", "falling")} == {"split": 1, "falling": 1}


def test_a_sustained_decline_counts() -> None:
    (concern,) = concerns(course_of(98, 95, 92, 89, 86, 83, AWAY, AWAY))
    assert concern.signal.values == {"points": 3, "attendance": 2, "falling": 1}


# One absence is one story. ----------------------------------------------------------------------------------------


def rules_of(sessions: Sequence[TherapySession]) -> dict[str, Severity]:
    *_, last = walk(sessions, family("kim", "ana"))
    return {item.rule: item.severity for item in last.concerns if item.active and item.rule in ("attendance", CODE)}


def test_an_absence_that_it_counts_opens_no_second_alert() -> None:
    assert rules_of(course_of(90, AWAY)) == {"attendance": WARNING}
    assert rules_of(course_of(78, AWAY)) == {CODE: WARNING}


def test_a_critical_absence_always_opens() -> None:
    assert rules_of(course_of(90, 90, 90, 79, AWAY)) == {"attendance": CRITICAL, CODE: CRITICAL}


def test_an_alert_about_staying_away_that_stands_goes_on() -> None:
    sessions = course_of(90, AWAY, AWAY, seen={3: complaint()})
    assert rules_of(sessions[:2]) == {"attendance": WARNING}
    assert rules_of(sessions) == {"attendance": WARNING, CODE: WARNING}


def test_an_absence_that_opened_nothing_counts_until_two_attended_sessions() -> None:
    steps = walk(course_of(78, AWAY, 78, 79), family("kim", "ana"))
    left = [step.carry.memories[CODE].known["ana"] for step in steps]
    assert [item.away for item in left] == [0, 2, 1, 0]


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

CLEARS = [
    # after two sessions that she came to 1 point is left, and that for two sessions
    ("fewer than two points twice", (78, AWAY, 78, 78, 78), [OPEN, OPEN, RECOVERING, RECOVERED]),
    ("none left", (78, AWAY, 85, 85, 85), [OPEN, OPEN, RECOVERING, RECOVERED]),
    ("absence says nothing", (78, AWAY, 78, 78, None, 78), [OPEN, OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("away again", (78, AWAY, 78, AWAY, 78, 78, 78), [OPEN, OPEN, OPEN, OPEN, RECOVERING, RECOVERED]),
    ("nothing known for six sessions", (78, AWAY, *[None] * 6), [*[OPEN] * 6, CLOSED]),
]


@pytest.mark.parametrize(("told", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(told: Sequence[Told], states: list[State]) -> None:
    assert states_of(CODE, course_of(*told), family("kim", "ana"))[1:] == states


def test_a_session_that_nobody_came_to_clears_nothing() -> None:
    sessions = course_of(78, AWAY, 85, 85)
    nobody = therapy_session(5, status=SessionStatus.no_show)
    assert states_of(CODE, [*sessions, nobody], family("kim", "ana"))[-2:] == [RECOVERING, OPEN]


def test_its_memory_keeps_members_and_what_was_seen_of_them() -> None:
    *_, last = memories_of(CODE, course_of(78, AWAY, SILENT, seen={1: complaint()}), family("kim", "ana"))
    assert last == Memory({"ana": Known(away=1, low=True, silent=1), "kim": Known(silent=0)}, {"member/ana": (2, 0, 0)})
    *_, long = memories_of(CODE, long_course(seed=5), family())
    assert set(long.known) <= {"eva", "tom", "ana", "oma"}
    assert all(len(run) <= 3 for run in long.runs.values())
