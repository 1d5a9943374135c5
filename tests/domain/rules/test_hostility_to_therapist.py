"""Hostility to the therapist, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Attendance, Indicator, SessionStatus, Severity, TherapySession
from tests.domain.rules.walking import concerns_of, long_course, memories_of, states_of, walk
from tests.factories import family, indicator, rating, therapy_session

CODE = "hostility-to-therapist"
ANA = ("member/ana",)

Level = int | None  # what was seen of Ana towards the therapist; 0: somebody looked and saw none; None: nobody looked


def session(number: int, level: Level, ana: Attendance | None = Attendance.attended) -> TherapySession:
    return therapy_session(
        number,
        indicators=(indicator("hostility", severity=level),) if level else (),
        indicators_observed=level is not None,
        attendance={"ana": ana} if ana else {},
    )


def course_of(levels: Sequence[Level]) -> list[TherapySession]:
    return [session(number, level) for number, level in enumerate(levels, start=1)]


def only(sessions: Sequence[TherapySession]) -> Concern:
    (concern,) = concerns_of(CODE, sessions, family())
    return concern


FIRES = [
    ("clear, once, in the first session", [2], Severity.warning, "once"),
    ("severe", [3], Severity.critical, "once"),
    ("mild twice in a row", [1, 1], Severity.warning, "again"),
    ("mild in two of three", [1, 0, 1], Severity.warning, "again"),
    ("mild in two of three observed, however far apart", [1, None, None, None, 1], Severity.warning, "again"),
    ("clear after mild", [1, 2], Severity.warning, "once"),
    ("clear twice in a row", [2, 2], Severity.critical, "once"),
    ("clear in two of three", [2, 0, 2], Severity.critical, "once"),
    ("clear in two of three observed", [2, None, 0, None, 2], Severity.critical, "once"),
]

QUIET = [
    ("nothing seen", [0, 0, 0]),
    ("nobody looked", [None, None]),
    ("mild once", [0, 1, 0]),
    ("mild again in the fourth observed session", [1, 0, 0, 1]),
    ("mild once, and nobody looked since", [1, None, None]),
]


@pytest.mark.parametrize(("levels", "severity", "route"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(levels: list[Level], severity: Severity, route: str) -> None:
    concern = only(course_of(levels))
    assert (concern.subject, concern.severity, concern.signal.route) == (ANA, severity, route)


@pytest.mark.parametrize("levels", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(levels: list[Level]) -> None:
    assert concerns_of(CODE, course_of(levels), family()) == []


def test_clear_in_the_fourth_observed_session_is_no_repetition() -> None:
    assert only(course_of([2, 0, None, 0, 2])).severity is Severity.warning


@pytest.mark.parametrize(
    "mark",
    [
        indicator("complaint", severity=3),  # confrontation, no hostility
        indicator("blame", severity=3),
        indicator("hostility", toward="eva", severity=3),
        indicator("hostility", toward=None, severity=3),
        indicator("hostility", from_="dr-7", toward="dr-7", severity=3),
        indicator("hostility", from_="o1", severity=3),
    ],
)
def test_other_behaviour_is_quiet(mark: Indicator) -> None:
    assert concerns_of(CODE, [therapy_session(1, indicators=(mark,))], family()) == []


def test_kinds_and_sources_pool_by_the_highest_and_the_source_is_in_the_basis() -> None:
    marks = (
        indicator("hostility", severity=1, source="dr-7"),
        indicator("sarcasm", severity=2, source="o1"),
        indicator("hostility", severity=1, source="eva"),
    )
    values = only([therapy_session(1, indicators=marks)]).signal.values
    assert (values["level"], values["kind"], values["source"]) == (2, "sarcasm", "observer/o1")


def test_two_mild_kinds_in_one_session_are_one_mild_session() -> None:
    marks = (indicator("hostility", severity=1), indicator("sarcasm", severity=1))
    assert concerns_of(CODE, [therapy_session(1, indicators=marks)], family()) == []


def test_a_mark_counts_even_if_nobody_said_that_somebody_looked() -> None:
    unsaid = therapy_session(1, indicators=(indicator("hostility", severity=3),), indicators_observed=False)
    assert only([unsaid]).severity is Severity.critical


def test_a_session_that_was_not_held_shows_nothing() -> None:
    mark = indicator("hostility", severity=3)
    assert concerns_of(CODE, [therapy_session(1, indicators=(mark,), status=SessionStatus.no_show)], family()) == []


def test_each_member_has_a_concern_of_their_own() -> None:
    marks = (indicator("hostility", "ana"), indicator("hostility", "tom", severity=3))
    found = concerns_of(CODE, [therapy_session(1, indicators=marks)], family())
    assert {item.subject: item.severity for item in found} == {
        ("member/ana",): Severity.warning,
        ("member/tom",): Severity.critical,
    }


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

CLEARS = [
    ("two clean sessions", [2, 0, 0], [OPEN, RECOVERING, RECOVERED]),
    ("one clean session is not enough", [2, 0], [OPEN, RECOVERING]),
    ("nobody looked", [2, None, 0, None, 0], [OPEN, OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("mild again within three fires", [2, 0, 1], [OPEN, RECOVERING, OPEN]),
    # the mark of the first session has left the window, so mild does not fire; but it is not clean either
    ("clean sessions count in a row", [2, None, 0, 1, 0, 0], [OPEN, OPEN, RECOVERING, OPEN, RECOVERING, RECOVERED]),
    ("six sessions without anybody looking", [2, *[None] * 6], [*[OPEN] * 6, CLOSED]),
]


@pytest.mark.parametrize(("levels", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(levels: list[Level], states: list[State]) -> None:
    assert states_of(CODE, course_of(levels), family()) == states


def test_mild_without_firing_is_not_clean() -> None:
    sessions = [
        *course_of([2, 0]),
        session(3, 0, Attendance.no_show),  # looked at, but absent: it leaves the window and clears nothing
        session(4, 1),  # one mild mark among the last three observed: quiet, and not clean
    ]
    assert states_of(CODE, sessions, family()) == [OPEN, RECOVERING, RECOVERING, OPEN]


@pytest.mark.parametrize("ana", [Attendance.no_show, Attendance.excused, Attendance.not_invited, None])
def test_absence_neither_clears_nor_counts_against(ana: Attendance | None) -> None:
    sessions = [session(1, 2), session(2, 0, ana), session(3, 0, Attendance.late), session(4, 0)]
    assert states_of(CODE, sessions, family()) == [OPEN, OPEN, RECOVERING, RECOVERED]


def test_window_passed_has_a_reason() -> None:
    assert only(course_of([2, *[None] * 6])).reason is Reason.window_passed


def bonds(scores: Sequence[float], hostile: int) -> list[TherapySession]:
    """Return sessions with Ana's bond, everything observed, hostility in one of them."""
    return [
        therapy_session(
            number,
            rating("ana", 90, dimensions={"bond": bond}),
            indicators=(indicator("hostility"),) if number == hostile else (),
            indicators_observed=True,
        )
        for number, bond in enumerate(scores, start=1)
    ]


# Three bonds of 90 before: s = 0, sigma = sqrt(6·7²/8) = 6.062, times sqrt(1 + 1/3) = 7.0; so z = −1 at 83.
@pytest.mark.parametrize(
    ("after", "state"),
    [
        ([83, 83], OPEN),
        ([82, 90], RECOVERING),
        ([84, 84], RECOVERED),
        ([84, 83], OPEN),
    ],
)
def test_the_bond_must_be_near_its_old_level(after: list[float], state: State) -> None:
    assert states_of(CODE, bonds([90, 90, 90, 50, *after], hostile=4), family())[-1] is state


def test_with_fewer_than_three_bonds_before_the_same_figure_holds() -> None:
    # One bond of 90: sigma = sp = 7, times sqrt(2) = 9.899; z = −1 at 80.1.
    assert states_of(CODE, bonds([90, 60, 80, 80], hostile=2), family())[-1] is OPEN
    assert states_of(CODE, bonds([90, 60, 81, 81], hostile=2), family())[-1] is RECOVERED


def test_the_level_before_is_frozen_at_the_opening() -> None:
    low = bonds([90, 90, 90, 50, 50, 50, 50, 50], hostile=4)
    concern = only(low)
    assert concern.state is OPEN
    assert concern.signal.baseline is not None
    assert (concern.signal.baseline.mu, concern.signal.baseline.n) == (90, 3)


def test_no_bond_before_leaves_the_observation_alone() -> None:
    assert states_of(CODE, bonds([40, 40, 40], hostile=1), family()) == [OPEN, RECOVERING, RECOVERED]


def test_scores_inside_the_concern_stay_out_of_prior() -> None:
    # 88 is near enough for no other concern; the session that closes it counts again
    carry = walk(bonds([90, 90, 90, 88, 88, 89], hostile=4), family())[-1].carry
    series = carry.series["member/ana|srs|post|therapist|bond"]
    assert [round(score) for score in series.prior] == [90, 90, 90, 89]
    assert [round(score) for score in series.recent] == [90, 90, 90, 88, 88, 89]


@pytest.mark.parametrize(("gap", "openings"), [(0, [2]), (2, [2]), (3, [1, 1])])
def test_reopens_within_three_held_sessions(gap: int, openings: list[int]) -> None:
    sessions = course_of([2, 0, 0, *[0] * gap, 2])
    found = concerns_of(CODE, sessions, family())
    assert [item.openings for item in found] == openings


def test_severity_never_falls_within_one_opening() -> None:
    assert only(course_of([3, 0, 2])).severity is Severity.critical


@pytest.mark.parametrize("seed", range(3))
def test_memory_is_bounded_and_stored(seed: int) -> None:
    sizes = [
        [len(run) for run in memory.runs.values()] for memory in memories_of(CODE, long_course(seed), family("eva"))
    ]
    assert len(sizes) == 200
    assert all(len(runs) <= 4 and all(length <= 3 for length in runs) for runs in sizes)
    assert any(sizes)
