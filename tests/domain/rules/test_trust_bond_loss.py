"""Trust-bond-loss, by folding whole small courses."""

from collections.abc import Mapping, Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Attendance, SessionStatus, TherapySession
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import family, rating, therapy_session

CODE = "trust-bond-loss"
ANA = ("member/ana",)
Bonds = Sequence[float | None]


def course_of(bonds: Bonds, instrument: str = "srs", first: int = 1) -> list[TherapySession]:
    """Return sessions from Ana's bonds in percent (None: she did not rate); everything else stays at 90."""
    part = {"srs": "bond", "csrs": "bond", "wai_sr": "bond", "softa_s": "connection"}[instrument]
    return [
        therapy_session(
            number,
            rating("eva", 90),
            *(() if bond is None else [rating("ana", 90, instrument=instrument, dimensions={part: bond})]),
        )
        for number, bond in enumerate(bonds, start=first)
    ]


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


# Three scores at 90, a line's spread of 7: sigma = √((6·49 + 2·0)/8) = 6.062 and z = (x − 90)/(6.062·√(4/3)) =
# (x − 90)/7. A Likert subscale's spread of 9 gives (x − 90)/9 in the same way.
FIRES = [
    ("z −2.5", "srs", [90, 90, 90, 72.5], "warning"),
    ("z −3.486", "srs", [90, 90, 90, 65.6], "warning"),
    ("z −3.5", "srs", [90, 90, 90, 65.5], "critical"),
    ("a child's form", "csrs", [90, 90, 90, 72.5], "warning"),
    ("a Likert subscale at z −2.5", "wai_sr", [90, 90, 90, 67.5], "warning"),
    ("connection is the bond of SOFTA", "softa_s", [90, 90, 90, 67.5], "warning"),
    ("missing scores are left out", "srs", [90, None, 90, None, 90, 72.5], "warning"),
    # eight at 100: sigma = √(6·49/13) = 4.756, z = (84.9 − 100)/(4.756·√(9/8)) = −2.99
    ("just below 85", "srs", [100] * 8 + [84.9], "warning"),
    # the last eight only: 60 a long time ago would widen sigma to 9.6
    ("the last eight scores", "srs", [60, *[90.0] * 8, 75], "warning"),
]
QUIET = [
    ("z −2.486", "srs", [90, 90, 90, 72.6]),
    ("two earlier scores", "srs", [90, 90, 20]),
    ("85 is no loss, whatever its z", "srs", [100] * 8 + [85]),
    ("a Likert subscale at z −2.49", "wai_sr", [90, 90, 90, 67.6]),
    ("low from the first", "srs", [50, 50, 50, 50]),
    ("a gradual fall of a wide spread", "srs", [90, 70, 90, 70, 65]),
]


@pytest.mark.parametrize(("instrument", "bonds", "severity"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(instrument: str, bonds: Bonds, severity: str) -> None:
    (concern,) = concerns(course_of(bonds, instrument))
    assert (concern.subject, concern.severity, concern.opened_session_id) == (ANA, severity, f"s{len(bonds)}")


@pytest.mark.parametrize(("instrument", "bonds"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(instrument: str, bonds: Bonds) -> None:
    assert concerns(course_of(bonds, instrument)) == []


def test_a_form_without_a_bond_says_nothing() -> None:
    fallen = [
        therapy_session(number, rating("ana", total, instrument="core4"))
        for number, total in enumerate([90, 90, 90, 90, 10], start=1)
    ]
    assert concerns(fallen) == []


def test_over_several_forms_the_lowest_z_stands() -> None:
    both = [
        therapy_session(
            number,
            rating("ana", 90, dimensions={"bond": 72.5 if number == 4 else 90}),
            rating("ana", 90, instrument="wai_sr", dimensions={"bond": 60 if number == 4 else 90}),
        )
        for number in range(1, 5)
    ]
    (concern,) = concerns(both)
    assert concern.signal.series == "member/ana|wai_sr|post|therapist|bond"
    assert concern.signal.value("z") == pytest.approx(-30 / 9)


LOST = [90.0, 90.0, 90.0, 72.0]


@pytest.mark.parametrize(
    ("entries", "severity"),
    [
        ([{"ana": Attendance.no_show}], "critical"),
        ([{"ana": Attendance.not_invited}, {"ana": Attendance.no_show}], "critical"),
        ([{}, {"ana": Attendance.no_show}], "critical"),  # nothing known: not the next invited session
        ([{"ana": Attendance.excused}], "warning"),
        ([{"ana": Attendance.late_cancelled}, {"ana": Attendance.no_show}], "warning"),
        ([{"ana": Attendance.attended}, {"ana": Attendance.no_show}], "warning"),
        ([{"eva": Attendance.no_show}], "warning"),
    ],
)
def test_a_no_show_next_makes_it_critical(entries: list[Mapping[str, Attendance]], severity: str) -> None:
    later = [therapy_session(number, attendance=entry) for number, entry in enumerate(entries, start=5)]
    (concern,) = concerns([*course_of(LOST), *later])
    assert (concern.state, concern.severity) == (State.open, severity)
    assert concern.signal.route == ("no-show-next" if severity == "critical" else "default")


def test_a_session_nobody_came_to_is_a_no_show_of_hers_too() -> None:
    (concern,) = concerns([*course_of(LOST), therapy_session(5, status=SessionStatus.no_show)])
    assert (concern.severity, concern.sessions) == ("critical", ("s4", "s5"))
    assert concern.signal.value("bond") == pytest.approx(72)


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

# Back is max(90, min(90, 90 + 6.062)) − 0.75·6.062 = 85.453, against the level frozen at the opening.
CLEARS = [
    ("back twice", [85.5, 85.5], [OPEN, RECOVERING, RECOVERED]),
    ("just below", [85.4, 85.5], [OPEN, OPEN, RECOVERING]),
    ("back and away again", [85.5, 85.4, 85.5, 85.5], [OPEN, RECOVERING, OPEN, RECOVERING, RECOVERED]),
    ("absence says nothing", [85.5, None, 85.5], [OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("fires again", [85.5, 70], [OPEN, RECOVERING, OPEN]),
    ("steady is not settled here", [78, 78, 78, 78], [OPEN] * 5),
    ("six held sessions without a bond", [None] * 6, [OPEN] * 6 + [CLOSED]),
    ("five and one with", [*[None] * 5, 78, *[None] * 5], [OPEN] * 12),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(after: Bonds, states: list[State]) -> None:
    assert states_of(CODE, course_of([*LOST, *after]), family())[3:] == states


def test_where_the_last_score_was_the_higher_one_that_one_is_aimed_at() -> None:
    # before 84 84 84 92: mu 86, s 4, sigma = √((6·49 + 3·16)/9) = 6.164; aim min(92, 92.164) = 92, back at 87.377
    for value, state in ((87.3, OPEN), (87.4, RECOVERING)):
        assert concerns(course_of([84, 84, 84, 92, 65, value]))[0].state is state


@pytest.mark.parametrize("talked_at", [4, 5])
def test_once_talked_about_one_session_is_enough(talked_at: int) -> None:
    (*before, _, _) = course_of([*LOST, 86.0])
    talked = frozenset({(CODE, ANA)})
    opening = therapy_session(
        4, rating("ana", 90, dimensions={"bond": 72}), discussed=talked if talked_at == 4 else frozenset()
    )
    back = therapy_session(
        5, rating("ana", 90, dimensions={"bond": 86}), discussed=talked if talked_at == 5 else frozenset()
    )
    assert concerns([*before, opening, back])[0].state is RECOVERED


def test_talking_about_something_else_is_not_talking_about_it() -> None:
    other = frozenset({(CODE, ("member/eva",)), ("sudden-drop", ANA)})
    back = therapy_session(5, rating("ana", 90, dimensions={"bond": 86}), discussed=other)
    assert concerns([*course_of(LOST), back])[0].state is RECOVERING


def test_window_passed_says_so() -> None:
    assert concerns(course_of([*LOST, *[None] * 6]))[0].reason is Reason.window_passed


def test_it_opens_again_within_three_held_sessions_and_anew_later() -> None:
    back = [*LOST, 90, 90]
    (again,) = concerns(course_of([*back, 90, 90, 60]))
    assert (again.openings, again.state, again.opened_session_id) == (2, OPEN, "s4")
    assert again.severity == "critical"
    assert [item.opened_session_id for item in concerns(course_of([*back, 90, 90, 90, 60]))] == ["s4", "s10"]


def test_its_severity_never_falls_while_it_stands() -> None:
    (concern,) = concerns(course_of([90, 90, 90, 60, 72]))
    assert (concern.severity, concern.number) == ("critical", 5)
    assert concern.signal.value("bond") == pytest.approx(60)


def test_a_reopening_starts_with_a_severity_of_its_own() -> None:
    # before 90 ×3, 90, 90 (60 is left out, 90 at the first session back too): z(70) = −20/(√(294/10)·√(1.2)) = −3.37
    (concern,) = concerns(course_of([90, 90, 90, 60, 90, 90, 90, 70]))
    assert (concern.openings, concern.severity) == (2, "warning")


def test_what_it_remembers_is_bounded() -> None:
    for memory in memories_of(CODE, course_of([*LOST, None, 90, 90] * 10), family()):
        assert memory.awaited <= {"ana"}
