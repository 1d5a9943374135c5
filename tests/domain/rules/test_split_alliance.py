"""Split alliance, by folding whole small courses. SRS totals: SD 10, usual spread 5, low mark 80, cut-off 90."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, Signal, State
from service.domain.model import Attendance, Severity, TherapySession
from service.domain.rules import rules
from tests.domain.rules.walking import concerns_of, long_course, memories_of, states_of, walk
from tests.factories import course, family, rating, therapy_session

CODE = "split-alliance"

Totals = Sequence[float | None]


def signals_of(sessions: Sequence[TherapySession]) -> list[Signal | None]:
    """Return what the rule found in each session."""
    return [next(iter(step.signals[CODE]), None) for step in walk(sessions, family("eva"))]


def routes_of(sessions: Sequence[TherapySession]) -> list[str | None]:
    return [signal.route if signal else None for signal in signals_of(sessions)]


def only(sessions: Sequence[TherapySession]) -> Concern:
    (concern,) = concerns_of(CODE, sessions, family("eva"))
    return concern


LOW, WIDER = "low-member", "widening"

# A course of four sessions that stay as they are: nothing widens, so only (a) can speak.
# Moderate limits: 15 for two raters, 20 for three, 23 for four, 25 for five and more.
STEADY = [
    ("two at the limit", {"eva": 95, "ana": 80}, True),
    ("two above it", {"eva": 95.1, "ana": 80}, True),
    ("two below it", {"eva": 94.9, "ana": 80}, False),
    ("the lowest just above the low mark", {"eva": 96, "ana": 80.1}, False),
    ("the lowest below the low mark", {"eva": 96, "ana": 79.9}, True),
    ("three at the limit", {"eva": 100, "tom": 90, "ana": 80}, True),
    ("three below it", {"eva": 99.9, "tom": 90, "ana": 80}, False),
    ("four at the limit", {"eva": 100, "tom": 90, "oma": 90, "ana": 77}, True),
    ("four below it", {"eva": 100, "tom": 90, "oma": 90, "ana": 77.1}, False),
    ("five at the limit", {"eva": 100, "tom": 90, "oma": 90, "kim": 90, "ana": 75}, True),
    ("five below it", {"eva": 100, "tom": 90, "oma": 90, "kim": 90, "ana": 75.1}, False),
    ("six at the limit of five", {"eva": 100, "tom": 90, "oma": 90, "kim": 90, "ben": 90, "ana": 75}, True),
    ("a parent may be the low one", {"eva": 70, "ana": 90}, True),
    ("one rater", {"ana": 20}, False),
    ("nobody", {}, False),
]


@pytest.mark.parametrize(("totals", "fires"), [row[1:] for row in STEADY], ids=[row[0] for row in STEADY])
def test_a_low_member_far_from_the_others(totals: dict[str, float], fires: bool) -> None:
    sessions = course("srs", **{who: [total] * 4 for who, total in totals.items()})
    assert routes_of(sessions) == ([None, LOW, LOW, LOW] if fires else [None] * len(sessions))


def test_the_basis() -> None:
    signal = only(course(eva=[95] * 4, ana=[80] * 4)).signal
    assert signal.subject == ("family",)
    assert signal.values == {
        "series": "member/ana|srs|post|therapist|total",
        "low_member": "member/ana",
        "low_today": "member/ana",
        "opening_total": pytest.approx(80),
        "total": pytest.approx(80),
        "first_total": pytest.approx(80),
        "gap": pytest.approx(15),
        "gap_sd": pytest.approx(1.5),
        "n": 2,
    }
    limits = {"mild": 10, "moderate": 15, "severe": 20, "low_mark": 80, "rise": 5, "fall": 10}
    assert signal.thresholds == limits
    assert signal.raters == ("member/ana", "member/eva")


def test_likert_totals_have_limits_of_their_own() -> None:
    # SD 17: two raters 1.5·17 = 25.5; low mark 50
    assert routes_of(course("wai_s", eva=[75.5] * 2, ana=[50] * 2)) == [None, LOW]
    assert routes_of(course("wai_s", eva=[75.4] * 2, ana=[50] * 2)) == [None, None]
    assert routes_of(course("wai_s", eva=[80] * 2, ana=[50.1] * 2)) == [None, None]


def test_a_free_form_may_be_a_pole() -> None:
    assert routes_of(course("btg", eva=[95] * 2, ana=[80] * 2)) == [None, LOW]


# Ana at 80; w: a gap of 15, n: none. The gap of the first two sessions keeps (b) quiet throughout.
@pytest.mark.parametrize(
    ("gaps", "routes"),
    [
        ("ww", [None, LOW]),
        ("wnw", [None, None, LOW]),
        ("wnnw", [None, None, None, None]),
        ("wnwnnw", [None, None, LOW, None, None, None]),
        ("wwn", [None, LOW, None]),
    ],
)
def test_in_two_of_the_last_three_joint_sessions_this_one_included(gaps: str, routes: list[str | None]) -> None:
    assert routes_of(course(eva=[95 if gap == "w" else 80 for gap in gaps], ana=[80] * len(gaps))) == routes


def test_only_joint_sessions_count() -> None:
    assert routes_of(course(eva=[95, None, 95, None, 95], ana=[80, 80, None, None, 80])) == [None] * 4 + [LOW]


def test_the_lowest_must_be_the_same_member() -> None:
    assert routes_of(course(eva=[100, 100], tom=[80, 90], ana=[90, 80])) == [None, None]
    assert routes_of(course(eva=[100, 100], tom=[80, 80], ana=[80, 80])) == [None, LOW]
    tied = only(course(eva=[100, 100], tom=[80, 80], ana=[80, 80]))
    assert tied.signal.values["low_member"] == "member/ana"  # ties go to the smallest id


def test_each_session_has_its_own_limit() -> None:
    # three raters at a gap of 18 do not reach their 20; two at 15 do
    assert routes_of(course(eva=[98, 95], tom=[90, None], ana=[80, 80])) == [None, None]
    assert routes_of(course(eva=[95, 100], tom=[None, 90], ana=[80, 80])) == [None, LOW]


def test_only_today_s_lowest_must_be_low() -> None:
    assert routes_of(course(eva=[97, 97], ana=[82, 80])) == [None, LOW]
    assert routes_of(course(eva=[97, 97], ana=[80, 82])) == [None, None]


@pytest.mark.parametrize(("today", "fires"), [(74.9, True), (75, False), (75.1, False)])
def test_a_member_who_rose_by_the_usual_spread_is_quiet(today: float, fires: bool) -> None:
    # 70 at first, so quiet from 75 on; a fourth session with a gap of 20, as in the first two
    assert routes_of(course(eva=[90, 90, 90, today + 20], ana=[70, 70, 70, today]))[-1] == (LOW if fires else None)


def test_sessions_1_to_3_of_the_case_are_info() -> None:
    severities = [signal.severity if signal else None for signal in signals_of(course(eva=[95] * 5, ana=[80] * 5))]
    assert severities == [None, Severity.info, Severity.info, Severity.warning, Severity.warning]


def test_a_child_s_form_is_never_a_pole() -> None:
    def with_kim(number: int, ana: float) -> TherapySession:
        return therapy_session(
            number, rating("eva", 95), rating("ana", ana), rating("kim", 20, instrument="csrs"), rating("tom", 95)
        )

    assert routes_of([with_kim(number, 90) for number in range(1, 5)]) == [None] * 4
    low = only([with_kim(number, 75) for number in range(1, 5)]).signal
    assert (low.values["low_member"], low.values["n"], low.not_evaluated) == ("member/ana", 3, ("member/kim",))


def test_ratings_given_not_alone_are_left_out() -> None:
    watched = [therapy_session(n, rating("eva", 95), rating("ana", 60, not_alone=True)) for n in range(1, 7)]
    assert routes_of(watched) == [None] * 6


@pytest.mark.parametrize("other", [{"instrument": "wai_s"}, {"about": "therapist/t2"}])
def test_what_is_not_comparable_has_no_gap(other: dict[str, str]) -> None:
    sessions = [
        therapy_session(
            number,
            rating("eva", 95),
            rating("ana", 20, instrument=other.get("instrument", "srs"), about=other.get("about", "therapist")),
        )
        for number in range(1, 7)
    ]
    assert routes_of(sessions) == [None] * 6


def test_the_worst_form_stands_in_the_basis() -> None:
    sessions = [
        therapy_session(
            number,
            *(rating(who, total) for who, total in (("eva", 95), ("ana", 80))),
            *(rating(who, total, instrument="btg") for who, total in (("eva", 95), ("ana", 75))),
        )
        for number in (1, 2)
    ]
    assert only(sessions).signal.values["series"] == "member/ana|btg|post|therapist|total"


# Widening: mean signed gap of the last two less that of the first two ≥ 10, larger in size, the lower one below 90.
@pytest.mark.parametrize(
    ("eva", "ana", "route"),
    [
        ([90, 90, 95, 95], [90, 90, 85, 85], WIDER),  # 0 → 10
        ([90, 90, 95, 95], [90, 90, 85.1, 85.1], None),  # 0 → 9.9
        ([90, 90, 95], [90, 90, 70], None),  # three joint sessions
        ([90, 90, 100, 100], [90, 90, 90, 90], None),  # the lower at the cut-off
        ([90, 90, 99.9, 99.9], [90, 90, 89.9, 89.9], WIDER),  # and just below it
        ([88, 88, 80, 80], [80, 80, 88, 88], None),  # turned round: −8 → 8 is no wider
        ([88, 88, 80, 80], [80, 80, 88, 88.4], WIDER),  # −8 → 8.2
        ([95, 95, 90, 90], [85, 85, 90, 90], None),  # 10 → 0 narrows
        ([90, None, 90, 95, None, 95], [90, 80, 90, 85, None, 85], WIDER),  # their own joint sessions
    ],
)
def test_a_distance_that_grows(eva: Totals, ana: Totals, route: str | None) -> None:
    assert routes_of(course(eva=eva, ana=ana))[-1] == route


def test_the_first_two_gaps_stay_the_first_two() -> None:
    # gaps 0 2 4 6 8 10 12: the last two mean 11 in the seventh session, the first two 1
    assert routes_of(course(eva=[95] * 7, ana=[95 - 2 * step for step in range(7)])) == [None] * 6 + [WIDER]


def test_two_of_several_may_drift_apart() -> None:
    signal = only(course(eva=[95] * 4, tom=[90, 90, 92, 92], ana=[91, 91, 80, 80])).signal
    # Ana less Eva −4 → −15, Ana less Tom 1 → −12: both fire, and 13 is the larger change
    assert (signal.route, signal.values["low_member"]) == (WIDER, "member/ana")
    assert signal.raters == ("member/ana", "member/tom")
    assert signal.values["change"] == pytest.approx(13)


def test_the_basis_of_widening() -> None:
    signal = only(course(eva=[90, 90, 95, 95], ana=[90, 90, 85, 85])).signal
    assert (signal.values["of"], signal.values["minus"]) == ("member/ana", "member/eva")
    assert signal.values["first_gap"] == 0
    assert signal.values["last_gap"] == pytest.approx(-10)
    assert (signal.thresholds["widening"], signal.thresholds["cut"]) == (10, 90)
    assert signal.severity is Severity.warning


# Critical: a gap of 20 in two of the last three, Ana lowest, ≥ 10 below the median of her own first three (90).
@pytest.mark.parametrize(
    ("eva", "ana", "severity"),
    [
        ([90, 90, 90, 100, 100], [90, 90, 90, 80, 80], Severity.critical),
        ([90, 90, 90, 99.9, 99.9], [90, 90, 90, 80, 80], Severity.warning),  # 19.9
        ([90, 90, 90, 100, 99.9], [90, 90, 90, 80, 80], Severity.warning),  # once
        ([90, 90, 90, 99.9, 100], [90, 90, 90, 80, 80], Severity.warning),  # once, at last
        ([90, 90, 90, 100, 100, 99.9], [90, 90, 90, 80, 80, 80], Severity.critical),  # it never falls
        ([90, 90, 90, 100, 90, 100], [90, 90, 90, 80, 80, 80], Severity.critical),  # two of three
        ([90, 90, 90, 100, 100], [89.9, 89.9, 90, 80, 80], Severity.warning),  # 9.9 below the median
        ([100] * 5, [70] * 5, Severity.warning),  # low from the start: never fell
    ],
)
def test_critical_at_the_severe_limit_when_the_low_member_fell(
    eva: list[float], ana: list[float], severity: Severity
) -> None:
    assert only(course(eva=eva, ana=ana)).severity is severity


def test_critical_has_limits_by_the_number_of_raters() -> None:
    # three raters: 24.5
    ana = [90, 90, 90, 75, 75]
    assert only(course(eva=[90, 90, 90, 99.5, 99.5], tom=[90] * 5, ana=ana)).severity is Severity.critical
    assert only(course(eva=[90, 90, 90, 99.4, 99.4], tom=[90] * 5, ana=ana)).severity is Severity.warning


def test_not_critical_before_the_fourth_session() -> None:
    assert only(course(eva=[100, 100, 100], ana=[90, 70, 70])).severity is Severity.info


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

# Four sessions of Eva 95 and Ana 70, then:
CLEARS = [
    ("gap below the mild limit twice", [84.8, 84.8], [74.9, 74.9], [RECOVERING, RECOVERED]),
    ("gap at the mild limit", [84, 84], [74, 74], [OPEN, OPEN]),
    ("gap below it once", [79, 84], [74, 74], [RECOVERING, OPEN]),
    ("above the low mark twice", [95, 95], [80.1, 80.1], [RECOVERING, RECOVERED]),
    ("risen by the usual spread", [95, 95], [75, 75], [RECOVERING, RECOVERED]),
    ("risen by a little less", [89, 89], [74.9, 74.9], [OPEN, OPEN]),
    ("fires again", [95, 95], [70, 75], [OPEN, RECOVERING]),
    ("the low member away", [95, 95], [None, None], [OPEN, OPEN]),
    ("away in between", [95, 95, 95], [75, None, 75], [RECOVERING, RECOVERING, RECOVERED]),
    ("the low member alone, still low", [None, None], [70, 70], [OPEN, OPEN]),
    ("alone in between", [79, None, 79], [74, 74, 74], [RECOVERING, RECOVERING, RECOVERED]),
    ("the low member alone, up", [None, None], [75, 75], [RECOVERING, RECOVERED]),
    ("six sessions without the low member", [95] * 6, [None] * 6, [*[OPEN] * 5, CLOSED]),
]


@pytest.mark.parametrize(("eva", "ana", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(eva: list[float | None], ana: list[float | None], states: list[State]) -> None:
    sessions = course(eva=[95.0] * 4 + eva, ana=[70.0] * 4 + ana)
    assert states_of(CODE, sessions, family("eva"))[4:] == states


def test_a_member_who_was_not_there_clears_nothing() -> None:
    absent = [
        therapy_session(n, rating("eva", 95), rating("ana", 85), attendance={"ana": Attendance.no_show}) for n in (5, 6)
    ]
    assert states_of(CODE, [*course(eva=[95] * 4, ana=[70] * 4), *absent], family())[-1] is OPEN


def test_a_rating_given_not_alone_clears_nothing() -> None:
    watched = [therapy_session(n, rating("eva", 95), rating("ana", 85, not_alone=True)) for n in (5, 6)]
    assert states_of(CODE, [*course(eva=[95] * 4, ana=[70] * 4), *watched], family())[-1] is OPEN


def test_a_low_member_who_settles_ends_an_info() -> None:
    # opened as info in the second session; gaps of 13 neither fire nor clear; three scores of 80 after the opening
    sessions = course(eva=[95, 95, 93, 93, 93], ana=[80] * 5)
    assert states_of(CODE, sessions, family("eva")) == [None, OPEN, OPEN, OPEN, CLOSED]
    assert only(sessions).reason is Reason.settled


def test_a_low_member_who_wanders_does_not_settle() -> None:
    sessions = course(eva=[95, 95, 93, 82, 93], ana=[80, 80, 80, 69.9, 80])  # 10.1 apart, twice the spread is 10
    assert states_of(CODE, sessions, family("eva"))[-1] is OPEN


def test_below_the_cut_a_warning_does_not_settle() -> None:
    sessions = course(eva=[95] * 4 + [93] * 4, ana=[80] * 8)
    assert states_of(CODE, sessions, family("eva"))[-1] is OPEN


def test_the_low_member_is_frozen_at_the_opening() -> None:
    # Ana is low in four sessions, then Tom in two: the alert goes on, and waits for Ana
    concern = only(course(eva=[100] * 6, tom=[90] * 4 + [78] * 2, ana=[78] * 4 + [90] * 2))
    assert (concern.state, concern.number) == (OPEN, 6)
    assert (concern.signal.values["low_member"], concern.signal.values["low_today"]) == ("member/ana", "member/tom")
    assert concern.signal.values["opening_total"] == pytest.approx(78)
    assert concern.signal.baseline is not None
    assert concern.signal.baseline.series == "member/ana|srs|post|therapist|total"


def test_one_alert_for_both_ways() -> None:
    # widening from the fourth session, a low member from the fifth
    found = concerns_of(CODE, course(eva=[90, 90, 90, 100, 100], ana=[90, 90, 90, 80, 80]), family("eva"))
    assert [(item.opened_number, item.number, item.signal.route) for item in found] == [(4, 5, LOW)]


@pytest.mark.parametrize(("gap", "openings"), [(1, [2]), (3, [1, 1])])
def test_reopens_within_three_held_sessions(gap: int, openings: list[int]) -> None:
    # recovered in the sixth session; fires again when wide twice, the second time `gap` + 2 sessions later
    eva, ana = [95.0] * 4 + [70] * (1 + gap) + [95] * 2, [70.0] * (7 + gap)
    found = concerns_of(CODE, course(eva=eva, ana=ana), family("eva"))
    assert [item.openings for item in found] == openings


def test_it_is_silent_on_safety_hold() -> None:
    assert rules()[CODE].silent_on_hold


@pytest.mark.parametrize("seed", range(3))
def test_memory_is_bounded_and_stored(seed: int) -> None:
    for memory in memories_of(CODE, long_course(seed), family("eva")):
        assert set(memory.forms) <= {"srs|therapist"}
        for form in memory.forms.values():
            assert len(form.joint) <= 3
            assert len(form.pairs) <= 6  # four members
            assert all(len(pair.first) <= 2 and len(pair.last) <= 2 for pair in form.pairs.values())
    assert form.pairs["ana|eva"].count > 100
