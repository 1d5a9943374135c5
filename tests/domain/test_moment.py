"""What a rule may see at one session."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.concern import Concern, Signal, State, ended, opened
from service.domain.model import (
    Attendance,
    Family,
    Member,
    MemberRole,
    Phase,
    RaterKind,
    Rating,
    SessionStatus,
    Severity,
    TherapySession,
)
from service.domain.moment import Moment, matches, series_name
from service.domain.references import in_force
from service.domain.trajectory import Series, at_most
from tests.factories import family, indicator, own_reference, rating, therapy_session

BOND = "member/ana|srs|post|therapist|bond"


def moment(session: TherapySession, known: Family | None = None, **options: Any) -> Moment:
    return Moment(session, options.pop("number", 1), known or family(), options.pop("series", {}), **options)


def raters(session: TherapySession, part: str = "primary", **options: Any) -> list[tuple[str, str]]:
    return [(item.rater, item.key.instrument) for item in moment(session).figures(part, **options)]


@pytest.mark.parametrize(
    ("rated", "part", "options", "seen"),
    [
        (rating("ana"), "primary", {}, True),
        (rating("ana"), "bond", {}, True),
        (rating("ana"), "safety", {}, False),  # the SRS has none
        (rating("ana", instrument="softa_s"), "safety", {}, True),
        (rating("ana", dimensions={"bond": None}), "bond", {}, False),
        (rating("ana", instrument="ors"), "primary", {}, False),
        (rating("ana", phase=Phase.pre), "primary", {}, False),
        (rating("ana", about="therapist/dr-8"), "primary", {}, True),
        (rating("ana", about="family"), "primary", {}, False),
        (rating("ana", about="family"), "primary", {"about": "family"}, True),
        (rating("ana", about="member/tom"), "primary", {"about": "member"}, True),
        (rating("ana", about="member/tom"), "primary", {"about": ""}, True),
        (rating("dr-7"), "primary", {"about": ""}, False),
        (rating("dr-7"), "primary", {"about": "", "kind": RaterKind.therapist}, True),
    ],
)
def test_figures_are_post_scores_of_alliance_forms(
    rated: Rating, part: str, options: Mapping[str, Any], seen: bool
) -> None:
    assert bool(raters(therapy_session(1, rated), part, **options)) is seen


def test_figures_come_in_the_order_of_natural_keys_and_not_from_a_session_not_held() -> None:
    given = (rating("tom"), rating("ana", instrument="wai_sr"), rating("ana"))
    session = replace(therapy_session(1), ratings=given)
    assert raters(session) == [("ana", "srs"), ("ana", "wai_sr"), ("tom", "srs")]
    assert raters(replace(session, status=SessionStatus.no_show)) == []


def test_a_figure_has_the_reference_that_is_nearest() -> None:
    """An sp of 14 instead of 7 halves z; the reliable change is 1.96·20·√(2·0.2) = 24.79."""
    series = {BOND: Series((90.0, 90.0, 90.0), (90.0, 90.0, 90.0), 3)}
    own = in_force({"srs": [own_reference("bond", "youth", sd=20, sp=14, reliability=0.8)]})
    (figure,) = moment(therapy_session(4, rating("ana", 72.5)), series=series, references=own).figures("bond")
    assert (figure.sp, figure.sd) == (14, 20)
    assert figure.z == pytest.approx(-1.25)
    assert figure.reliable_change == pytest.approx(24.792, abs=5e-4)
    (parent,) = moment(therapy_session(4, rating("eva", 72.5)), references=own).figures("bond")
    assert (parent.sp, parent.sd) == (7, 14)


def test_a_baseline_without_a_rating_of_today_has_the_reference_of_the_members_role() -> None:
    series = {BOND: Series((90.0, 90.0, 90.0), (90.0, 90.0, 90.0), 3)}
    own = in_force({"srs": [own_reference("bond", "youth", sp=10), own_reference("bond", "youth", locale="nl", sp=12)]})
    absent = moment(therapy_session(4), series=series, references=own).baseline_before("ana", "bond")
    there = therapy_session(4, rating("ana", locale="nl"))
    rated = moment(there, series=series, references=own).baseline_before("ana", "bond")
    assert absent is not None
    assert absent.sigma == pytest.approx(8.660, abs=5e-4)  # √(6·100/8)
    assert absent.unit == "own"
    assert rated is not None
    assert rated.sigma == pytest.approx(10.392, abs=5e-4)  # √(6·144/8)


def test_a_figure_stands_beside_the_series_before_it() -> None:
    series = {BOND: Series((90.0, 90.0, 90.0), (90.0, 90.0, 90.0), 3)}
    (figure,) = moment(therapy_session(4, rating("ana", 72.5)), series=series).figures("bond")
    assert (figure.rater, figure.value, figure.sp, figure.low_mark) == ("ana", 72.5, 7, 80)
    assert figure.baseline is not None
    assert (figure.baseline.mu, figure.baseline.n) == (90, 3)
    assert figure.z == pytest.approx(-2.5)  # sigma·√(4/3) = √(6·49/8)·√(4/3) = 7
    assert figure.reliable_change == pytest.approx(2.8 * 7)


MARKS = st.integers(0, 100).map(float) | st.floats(80, 100)


@given(st.lists(MARKS, max_size=8), MARKS, st.sampled_from((-0.5, -1.0, -1.5, -2.0, -2.5, -3.5)))
def test_whoever_fell_is_found_though_few_spreads_are_worked_out(prior: list[float], mark: float, limit: float) -> None:
    series = {BOND: Series(tuple(prior), tuple(prior[:3]), len(prior))}
    (figure,) = moment(therapy_session(9, rating("ana", mark)), series=series).figures("bond")
    z = figure.z
    assert figure.fallen_to(limit) == (z if z is not None and at_most(z, limit) else None)


def test_a_figure_is_made_once_in_a_session() -> None:
    now = moment(therapy_session(1, rating("ana")))
    (figure,) = now.figures("bond")
    assert now.figure_of(BOND) is figure
    assert now.hearing(()).figures("bond")[0] is figure


@pytest.mark.parametrize(
    ("instrument", "part", "cut"),
    [
        ("srs", "primary", 90.0),  # 36 of 40
        ("srs", "bond", 90.0),  # 9 of 10
        ("csrs", "primary", 90.0),
        ("wai_sr", "primary", 50.0),  # no cut-off: its low mark
        ("wai_sr", "bond", 50.0),
    ],
)
def test_the_cut_off_in_percent(instrument: str, part: str, cut: float) -> None:
    for value, below in ((cut, False), (cut - 0.1, True)):
        (figure,) = moment(therapy_session(1, rating("ana", value, instrument=instrument))).figures(part)
        assert figure.cut == pytest.approx(cut)
        assert figure.is_below_cut is below


ATTENDED, LATE, EXCUSED = Attendance.attended, Attendance.late, Attendance.excused
CANCELLED, NO_SHOW, NOT_INVITED = Attendance.late_cancelled, Attendance.no_show, Attendance.not_invited


@pytest.mark.parametrize(
    ("entry", "held", "rated", "present", "stayed_away", "invited"),
    [
        (ATTENDED, True, False, True, False, True),
        (LATE, True, False, True, False, True),
        (EXCUSED, True, False, False, False, True),
        (CANCELLED, True, False, False, False, True),
        (NO_SHOW, True, False, False, True, True),
        (NOT_INVITED, True, False, False, False, False),
        (None, True, True, True, False, True),
        (None, True, False, None, False, False),  # nothing known: neither invited nor absent
        (None, False, False, False, True, True),  # nobody came
        (EXCUSED, False, False, False, False, True),
        (NOT_INVITED, False, False, False, False, False),
        (NO_SHOW, True, True, False, True, True),  # an entry decides
    ],
)
def test_who_was_there(
    entry: Attendance | None, held: bool, rated: bool, present: bool | None, stayed_away: bool, invited: bool
) -> None:
    now = moment(
        therapy_session(
            1,
            *((rating("ana"),) if rated else ()),
            attendance={"ana": entry} if entry else {},
            status=SessionStatus.held if held else SessionStatus.no_show,
        )
    )
    assert (now.present("ana"), now.stayed_away("ana"), now.invited("ana")) == (present, stayed_away, invited)


def test_a_rating_before_the_session_does_not_say_that_somebody_came() -> None:
    assert moment(therapy_session(1, rating("ana", phase=Phase.pre))).present("ana") is None


@pytest.mark.parametrize(
    ("member", "away"),
    [
        (Member(MemberRole.youth), True),
        (Member(MemberRole.youth, active=False), False),
        (Member(MemberRole.youth, expected=False), False),
        (Member(MemberRole.youth, supporter=True), False),
        (None, False),
    ],
)
def test_only_who_is_expected_stays_away_from_a_session_nobody_came_to(member: Member | None, away: bool) -> None:
    known = Family(members={"ana": member} if member else {})
    now = moment(therapy_session(1, status=SessionStatus.no_show), known)
    assert (now.stayed_away("ana"), now.invited("ana")) == (away, away)


def test_observed_means_held_and_looked_at() -> None:
    assert moment(therapy_session(1, indicators_observed=True)).observed
    assert not moment(therapy_session(1)).observed
    assert not moment(therapy_session(1, indicators_observed=True, status=SessionStatus.no_show)).observed


def test_indicators_come_the_gravest_first() -> None:
    seen = (indicator("hostility", severity=1), indicator("sarcasm", severity=3), indicator("blame", "eva", "tom"))
    now = moment(therapy_session(1, indicators=seen))
    assert [item.severity for item in now.indicators(frozenset({"hostility", "sarcasm"}))] == [3, 1]
    assert [item.kind for item in now.indicators(frozenset({"blame"}))] == ["blame"]


@pytest.mark.parametrize(
    ("series", "score"),
    [
        (BOND, 80.0),
        ("member/ana|srs|post|therapist|total", 90.0),
        ("member/ana|srs|pre|therapist|bond", None),
        ("member/ana|wai_sr|post|therapist|bond", None),
        ("member/tom|srs|post|therapist|bond", None),
        ("member/ana|srs|post|family|bond", None),
    ],
)
def test_today_s_score_of_a_series(series: str, score: float | None) -> None:
    session = therapy_session(1, rating("ana", 90, dimensions={"bond": 80}))
    assert moment(session).score_of(series) == score
    assert moment(replace(session, status=SessionStatus.no_show)).score_of(series) is None


def test_the_level_before_of_somebody_who_did_not_rate_today() -> None:
    series = {
        "member/ana|ors|post|therapist|total": Series((10.0,), (10.0,), 1),
        "member/ana|srs|post|family|bond": Series((20.0,), (20.0,), 1),
        BOND: Series((90.0, 80.0), (90.0, 80.0), 2),
    }
    now = moment(therapy_session(3), series=series)
    baseline = now.baseline_before("ana", "bond")
    assert baseline is not None
    assert (baseline.series, baseline.mu, baseline.n) == (BOND, 85, 2)
    assert now.baseline_before("ana", "safety") is None
    assert now.baseline_before("tom", "bond") is None


def test_concerns_and_signals_by_rule_and_subject() -> None:
    def concern(who: str) -> Concern:
        return opened(Signal((f"member/{who}",), Severity.info, {}), "sudden-drop", 1, therapy_session(1), 1)

    ana, tom = concern("ana"), ended(concern("tom"), State.recovered, None, 1)
    found = {"sudden-drop": (ana.signal, tom.signal)}
    now = moment(therapy_session(1), concerns=(ana, tom), signals=found)
    assert now.active("sudden-drop", ("member/ana",)) == ana
    assert now.active("sudden-drop", ("member/tom",)) is None
    assert list(now.active_of("sudden-drop")) == [ana]
    assert list(now.active_of("early-low")) == []
    assert now.signalled("sudden-drop", ("member/tom",)) == tom.signal
    assert now.signalled("sudden-drop") == ana.signal
    assert now.signalled("early-low") is None


@pytest.mark.parametrize(
    ("about", "wanted", "same"),
    [
        ("therapist", "therapist", True),
        ("therapist/dr-7", "therapist", True),
        ("member/ana", "member", True),
        ("member/ana", "member/ana", True),
        ("member/ana", "member/an", False),
        ("family", "therapist", False),
        ("family", "", True),
    ],
)
def test_what_a_rating_is_about(about: str, wanted: str, same: bool) -> None:
    assert matches(about, wanted) is same


def test_a_series_is_named_by_rater_form_phase_about_and_dimension() -> None:
    assert series_name(rating("ana"), "bond") == BOND
    assert series_name(rating("dr-7"), "total") == "therapist/dr-7|srs|post|family|total"
    assert moment(therapy_session(1), family("tom", "ana")).member_ids() == ["ana", "tom"]
