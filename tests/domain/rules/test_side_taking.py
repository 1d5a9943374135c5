"""Side-taking, by folding whole small courses."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Attendance, Family, Indicator, Rating, SessionStatus, Severity, TherapySession
from service.domain.rules import rules
from tests.domain.rules.walking import concerns_of, long_course, memories_of, states_of, walk
from tests.factories import couple, family, indicator, rating, therapy_session

CODE = "side-taking"
EVA = ("member/eva",)

Level = int | None  # what was told of the therapist and Eva; 0: somebody looked and saw none; None: nobody looked


def told(severity: int = 2, toward: str | None = "eva", from_: str = "dr-7", source: str = "o1") -> Indicator:
    return indicator("side-taking", from_, toward, severity, source)


def session(number: int, level: Level, *ratings: Rating, **options: Any) -> TherapySession:
    marks = (told(level),) if level else ()
    return therapy_session(
        number, *ratings, **{"indicators": marks, "indicators_observed": level is not None, **options}
    )


def course_of(levels: Sequence[Level]) -> list[TherapySession]:
    return [session(number, level) for number, level in enumerate(levels, start=1)]


def rated(number: int, level: Level, **options: Any) -> TherapySession:
    """Return a session with everybody's bond at 90, but those named at theirs (None: not rated)."""
    bonds: Mapping[str, float | None] = {"eva": 90, "tom": 90, "ana": 90, **options.pop("bonds", {})}
    ratings = [rating(who, 90, dimensions={"bond": bond}) for who, bond in bonds.items() if bond is not None]
    return session(number, level, *ratings, **options)


def only(sessions: Sequence[TherapySession], known: Family | None = None) -> Concern:
    (concern,) = concerns_of(CODE, sessions, known or family())
    return concern


FIRES = [
    ("clear, once, in the first session", [2], Severity.warning),
    ("severe once is no repetition", [3], Severity.warning),
    ("mild twice in a row", [1, 1], Severity.warning),
    ("mild in two of three", [1, 0, 1], Severity.warning),
    ("mild in two of three observed", [1, None, None, None, 1], Severity.warning),
    ("clear twice", [2, 2], Severity.critical),
    ("clear in two of three observed", [2, None, 0, 2], Severity.critical),
    ("clear again in the fourth observed session", [2, 0, 1, 2], Severity.warning),
]

QUIET = [
    ("none", [0, 0]),
    ("nobody looked", [None, None]),
    ("mild once", [0, 1, 0]),
    ("mild again in the fourth observed session", [1, 0, 0, 1]),
]


@pytest.mark.parametrize(("levels", "severity"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(levels: list[Level], severity: Severity) -> None:
    concern = only(course_of(levels))
    assert (concern.subject, concern.severity, concern.number) == (EVA, severity, len(levels))


@pytest.mark.parametrize("levels", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(levels: list[Level]) -> None:
    assert concerns_of(CODE, course_of(levels), family()) == []


@pytest.mark.parametrize(
    ("mark", "subject"),
    [
        (told(source="ana"), EVA),
        (told(source="eva"), EVA),
        (told(source="o1"), EVA),
        (told(toward="ana"), ("member/ana",)),
        (told(source="dr-7"), None),  # the therapist's own report opens no alert about the therapist
        (told(from_="tom"), None),
        (told(toward=None), None),
        (told(toward="family"), None),
        (indicator("judging", "dr-7", "eva", 3), None),
    ],
)
def test_who_tells_and_of_whom(mark: Indicator, subject: tuple[str] | None) -> None:
    found = concerns_of(CODE, [therapy_session(1, indicators=(mark,))], family())
    assert [item.subject for item in found] == ([subject] if subject else [])


def test_sources_pool_by_the_highest_and_a_therapist_s_own_counts_for_nothing() -> None:
    marks = (told(1, source="ana"), told(2, source="o1"), told(3, source="dr-7"))
    values = only([therapy_session(1, indicators=marks)]).signal.values
    assert (values["level"], values["source"], values["by"]) == (2, "observer/o1", "therapist/dr-7")


def test_a_session_that_was_not_held_shows_nothing() -> None:
    assert concerns_of(CODE, [session(1, 3, status=SessionStatus.no_show)], family()) == []


# Bond-asymmetry: the bond falls by ≥ 2.24·7 = 15.68 below the own median while the other side's holds.
FALL = {"ana": 70}


@pytest.mark.parametrize(("later", "severity"), [(0, "critical"), (1, "critical"), (3, "critical"), (4, "warning")])
def test_a_fall_on_the_other_side_before_the_report(later: int, severity: str) -> None:
    between = [rated(4 + gap, None) for gap in range(1, later)]
    fall = rated(4, 2 if later == 0 else None, bonds=FALL)
    report = [rated(4 + later, 2)] if later else []
    concern = only([*(rated(number, None) for number in (1, 2, 3)), fall, *between, *report])
    assert concern.severity == severity
    assert concern.signal.values["bond_fell"] == ("member/ana" if severity == "critical" else None)


@pytest.mark.parametrize(("later", "severity"), [(1, "critical"), (3, "critical"), (4, "warning")])
def test_a_fall_on_the_other_side_after_the_report(later: int, severity: str) -> None:
    between = [rated(3 + gap, None) for gap in range(1, later)]
    sessions = [rated(1, None), rated(2, None), rated(3, 2), *between, rated(3 + later, None, bonds=FALL)]
    concern = only(sessions)
    assert concern.severity == severity
    assert concern.signal.route == ("with-fall" if severity == "critical" else "default")
    assert concern.signal.values["level"] == 2


def test_a_fall_on_the_same_side_is_no_ground() -> None:
    sessions = [*(rated(number, None) for number in (1, 2, 3)), rated(4, 2, bonds={"tom": 70})]
    assert walk(sessions, family())[-1].signals["bond-asymmetry"]
    assert only(sessions).severity is Severity.warning


def test_the_favoured_one_s_own_fall_is_no_ground() -> None:
    sessions = [*(rated(number, None) for number in (1, 2, 3)), rated(4, 2, bonds={"eva": 70})]
    assert walk(sessions, family())[-1].signals["bond-asymmetry"]
    assert only(sessions).severity is Severity.warning


def test_in_a_couple_the_partner_is_the_other_side() -> None:
    sessions = [*(rated(number, None, bonds={"ana": None}) for number in (1, 2, 3))]
    fall = rated(4, 2, bonds={"ana": None, "tom": 70})
    assert only([*sessions, fall], couple()).severity is Severity.critical


def test_a_fall_after_recovery_opens_nothing() -> None:
    sessions = [rated(1, None), rated(2, 2), rated(3, 0), rated(4, 0), rated(5, None, bonds=FALL)]
    concern = only(sessions)
    assert (concern.state, concern.severity) == (State.recovered, Severity.warning)


def test_bond_asymmetry_is_asked_first() -> None:
    order = list(rules())
    assert order.index("bond-asymmetry") < order.index(CODE)


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

CLEARS = [
    ("two clean sessions", [2, 0, 0], [OPEN, RECOVERING, RECOVERED]),
    ("nobody looked", [2, None, 0, None, 0], [OPEN, OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("mild again", [2, 0, 1, 0, 0], [OPEN, RECOVERING, OPEN, RECOVERING, RECOVERED]),
    ("six sessions without anybody looking", [2, *[None] * 6], [*[OPEN] * 6, CLOSED]),
]


@pytest.mark.parametrize(("levels", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(levels: list[Level], states: list[State]) -> None:
    assert states_of(CODE, course_of(levels), family()) == states


def test_window_passed_has_a_reason() -> None:
    assert only(course_of([2, *[None] * 6])).reason is Reason.window_passed


def test_mild_without_firing_is_not_clean() -> None:
    away = session(3, 0, attendance={"eva": Attendance.no_show})
    states = states_of(CODE, [session(1, 2), session(2, 0), away, session(4, 1)], family())
    assert states == [OPEN, RECOVERING, RECOVERING, OPEN]


def test_a_session_without_the_favoured_one_clears_nothing() -> None:
    away = [session(number, 0, attendance={"eva": Attendance.excused}) for number in (2, 3)]
    assert states_of(CODE, [session(1, 2), *away, session(4, 0)], family())[1:] == [OPEN, OPEN, RECOVERING]


def before() -> list[TherapySession]:
    return [rated(number, None) for number in (1, 2, 3)]


# Three bonds of 90 before: sigma = sqrt(6·7²/8) = 6.062; recovered from 90 − 0.75·6.062 = 85.453 on.
@pytest.mark.parametrize(
    ("after", "state"),
    [
        ([85.5, 85.5], RECOVERED),
        ([85.4, 85.4], OPEN),
        ([85.5, 85.4], OPEN),
        ([85.4, 85.5], RECOVERING),
        ([85.5, None], RECOVERING),
        ([85.5, None, 85.5], RECOVERED),
    ],
)
@pytest.mark.parametrize("fallen", [80, 70])  # 80 is down, yet no bond-asymmetry; 70 is one
def test_the_bond_that_was_down_must_recover(fallen: float, after: list[float | None], state: State) -> None:
    later = [rated(number, 0, bonds={"ana": bond}) for number, bond in enumerate(after, start=5)]
    assert states_of(CODE, [*before(), rated(4, 2, bonds={"ana": fallen}), *later], family())[-1] is state


def test_the_bond_of_the_same_side_need_not_recover() -> None:
    down = {"tom": 60, "eva": 60}
    sessions = [*before(), *(rated(number, level, bonds=down) for number, level in ((4, 2), (5, 0), (6, 0)))]
    assert states_of(CODE, sessions, family())[-1] is RECOVERED


def test_of_several_the_one_furthest_down_must_recover() -> None:
    known = family("eva", "ana", "oma")
    start = [rated(number, None, bonds={"oma": 90}) for number in (1, 2, 3)]
    concern = only([*start, rated(4, 2, bonds={"ana": 80, "oma": 78})], known)
    assert concern.signal.baseline is not None
    assert concern.signal.baseline.series.startswith("member/oma|")


def test_a_fall_before_the_report_must_recover_though_nobody_rated_with_it() -> None:
    sessions = [*before(), rated(4, None, bonds=FALL), rated(5, 2, bonds={"ana": None})]
    baseline = only(sessions).signal.baseline
    assert baseline is not None
    assert (baseline.series, baseline.mu) == ("member/ana|srs|post|therapist|bond", 90)
    back = [rated(6, 0, bonds={"ana": 80}), rated(7, 0), rated(8, 0)]
    assert states_of(CODE, [*sessions, *back], family())[4:] == [OPEN, OPEN, RECOVERING, RECOVERED]


def test_a_fall_after_the_report_must_recover() -> None:
    sessions = [*before(), rated(4, 2), rated(5, 0, bonds=FALL), rated(6, 0, bonds={"ana": 80}), rated(7, 0)]
    assert states_of(CODE, sessions, family())[3:] == [OPEN, OPEN, OPEN, RECOVERING]


def test_a_child_s_bond_is_held_against_its_own_level() -> None:
    def with_kim(number: int, level: Level, bond: float) -> TherapySession:
        return session(number, level, rating("kim", 90, instrument="csrs", dimensions={"bond": bond}))

    course = [*(with_kim(number, None, 90) for number in (1, 2, 3)), with_kim(4, 2, 60), with_kim(5, 0, 60)]
    assert states_of(CODE, course, family("eva", "kim"))[-1] is OPEN


def test_a_rating_given_not_alone_is_left_out() -> None:
    def watched(number: int, level: Level, bond: float) -> TherapySession:
        return session(number, level, rating("ana", 90, not_alone=True, dimensions={"bond": bond}))

    down = only([*before(), watched(4, 2, 60)])
    assert down.signal.baseline is None
    later = [watched(number, 0, 90) for number in (5, 6)]
    assert states_of(CODE, [*before(), rated(4, 2, bonds=FALL), *later], family())[-1] is OPEN


def test_talked_about_the_bond_need_recover_once_but_two_sessions_must_be_clean() -> None:
    talked = rated(5, 0, discussed=frozenset({(CODE, EVA)}))
    start = [*before(), rated(4, 2, bonds={"ana": 80})]
    assert states_of(CODE, [*start, talked, rated(6, 0, bonds={"ana": 80})], family())[-2:] == [RECOVERING, RECOVERED]
    assert states_of(CODE, [*start, rated(5, 0), rated(6, 0, bonds={"ana": 80})], family())[-2:] == [RECOVERING, OPEN]


@pytest.mark.parametrize(("gap", "openings"), [(0, [2]), (2, [2]), (3, [1, 1])])
def test_reopens_within_three_held_sessions(gap: int, openings: list[int]) -> None:
    found = concerns_of(CODE, course_of([2, 0, 0, *[0] * gap, 2]), family())
    assert [item.openings for item in found] == openings


def test_it_is_silent_on_safety_hold() -> None:
    assert rules()[CODE].silent_on_hold


@pytest.mark.parametrize("seed", range(3))
def test_memory_is_bounded_and_stored(seed: int) -> None:
    met = 0
    for number, memory in enumerate(memories_of(CODE, long_course(seed), family("eva", "tom", "ana")), start=1):
        assert all(len(run) <= 3 for run in memory.runs.values())
        assert all(number - last <= 3 for last in (*memory.fired.values(), *memory.falls.values()))
        assert max(len(memory.runs), len(memory.fired), len(memory.falls)) <= 4
        met += bool(memory.fired) and bool(memory.falls)
    assert met
