"""Sustained-decline, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import RaterKind, SessionStatus, Severity, TherapySession
from tests.domain.rules.walking import concerns_of, states_of, walk
from tests.factories import couple, course, family, rating, therapy_session

CODE = "sustained-decline"
Totals = Sequence[float | None]
DECLINE = [96.0, 93, 90, 87, 84, 82]


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


# Six scores make 15 pairs; S is the rises less the falls among them. The reliable change is 2.8·5 = 14 for lines and
# 2.8·7 = 19.6 for Likert totals; the cut-off of the SRS is 90, the WAI-SR has none: its low mark 50 stands in.
FIRES = [
    ("S −15, a fall of 14", "srs", DECLINE),
    ("S −11: two rises", "srs", [96, 93, 94, 87, 88, 82]),
    ("S −13: two ties", "srs", [96, 93, 93, 87, 87, 82]),
    ("the last six scores", "srs", [50, 50, *DECLINE]),
    ("missing scores are left out", "srs", [96, None, 93, 90, None, 87, 84, 82]),
    ("a child's form", "csrs", DECLINE),
    ("a Likert form", "wai_sr", [69.1, 64, 59, 55, 52, 49.4]),
]
QUIET = [
    ("five scores", "srs", [98, 94, 90, 86, 80]),
    ("S −9: three rises", "srs", [96, 92, 94, 87, 93, 82]),
    ("just less of a fall", "srs", [96, 93, 90, 87, 84, 82.1]),
    ("one deep fall among even scores", "srs", [96, 96, 96, 96, 96, 60]),
    ("a rise", "srs", DECLINE[::-1]),
    ("a Likert form at its low mark", "wai_sr", [80, 75, 70, 65, 60, 50]),
    ("a Likert form, just less of a fall", "wai_sr", [69, 66, 62, 58, 54, 49.5]),
]


@pytest.mark.parametrize(("instrument", "totals"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(instrument: str, totals: Totals) -> None:
    (concern,) = concerns(course(instrument, ana=totals))
    assert (concern.subject, concern.severity, concern.number) == (("member/ana",), Severity.warning, len(totals))


@pytest.mark.parametrize(("instrument", "totals"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(instrument: str, totals: Totals) -> None:
    assert concerns(course(instrument, ana=totals)) == []


def test_quiet_about_what_the_therapist_says() -> None:
    theirs = [
        therapy_session(number, rating("dr-7", total, kind=RaterKind.therapist))
        for number, total in enumerate(DECLINE, start=1)
    ]
    assert concerns(theirs) == []


def test_a_session_that_was_not_held_is_none_of_the_six() -> None:
    away = therapy_session(6, rating("ana", 82), status=SessionStatus.no_show)
    assert concerns([*course(ana=DECLINE[:5]), away]) == []


def test_its_basis_tells_the_figures_and_the_limits() -> None:
    (concern,) = concerns(course(ana=DECLINE))
    assert concern.signal.values == pytest.approx(
        {
            "series": "member/ana|srs|post|therapist|total",
            "total": 82,
            "first_total": 96,
            "fall": 14,
            "mann_kendall": -15,
            "scores": 6,
        }
    )
    assert concern.signal.thresholds == pytest.approx({"mann_kendall": -11, "fall": 14, "cut": 90})


def test_over_several_forms_the_larger_fall_stands() -> None:
    both = [
        therapy_session(number, rating("ana", lines), rating("ana", likert, instrument="wai_sr"))
        for number, (lines, likert) in enumerate(zip(DECLINE, [80, 75, 70, 65, 60, 45], strict=True), start=1)
    ]
    (concern,) = concerns(both)
    assert concern.signal.values["series"] == "member/ana|wai_sr|post|therapist|total"
    assert concern.signal.value("fall") == pytest.approx(35)


# A split with Tom as its low member: the gap is 1.5·10 or more and he is at 80 or below, twice.
def test_it_is_not_told_beside_a_split_with_the_same_low_member() -> None:
    sessions = course(eva=[95] * 7, tom=[93, 90, 87, 80, 79, 77, 75])
    assert len(concerns_of("split-alliance", sessions, couple())) == 1
    assert concerns_of(CODE, sessions, couple()) == []


def test_one_that_stands_goes_on_beside_a_split() -> None:
    sessions = course(eva=[*[None] * 6, 95, 95], tom=[*DECLINE, 76, 72])
    split, decline = (concerns_of(code, sessions, couple())[0] for code in ("split-alliance", CODE))
    assert (split.opened_session_id, decline.opened_session_id, decline.number) == ("s8", "s6", 8)


def test_a_split_with_another_low_member_does_not_hide_it() -> None:
    sessions = course(eva=[95] * 6, tom=[70] * 6, ana=DECLINE)
    split, decline = (concerns_of(code, sessions, family())[0] for code in ("split-alliance", CODE))
    assert split.active
    assert (split.signal.values["low_member"], decline.subject) == ("member/tom", ("member/ana",))


OPEN, RECOVERED, CLOSED = State.open, State.recovered, State.closed

CLEARS = [
    ("84 82 84: slopes −2, 2 and 0", [84], [OPEN, RECOVERED]),
    ("84 82 83: slopes −2, 1 and −0.5; 82 83 83", [83, 83], [OPEN, OPEN, RECOVERED]),
    ("still going down", [81, 80, 79], [OPEN] * 4),
    ("steady is no longer going down", [82, 82], [OPEN, OPEN, RECOVERED]),
    ("absence says nothing", [None, 84], [OPEN, OPEN, RECOVERED]),
    ("six held sessions without a total", [None] * 6, [OPEN] * 6 + [CLOSED]),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(after: Totals, states: list[State]) -> None:
    sessions = course(ana=[*DECLINE, *after])
    assert states_of(CODE, sessions, family())[5:] == states


def test_six_held_sessions_without_a_total_pass_its_window() -> None:
    (concern,) = concerns(course(ana=[*DECLINE, *[None] * 6]))
    assert concern.reason is Reason.window_passed


def test_it_opens_again_where_the_decline_goes_on() -> None:
    # 87 84 82 84 81 73: of fifteen pairs thirteen fall and one rises, S −12, and the last lies 14 below the first
    (concern,) = concerns(course(ana=[*DECLINE, 84, 81, 73]))
    assert (concern.openings, concern.state, concern.opened_session_id) == (2, OPEN, "s6")


def test_its_scores_stay_part_of_what_is_usual() -> None:
    likert = walk(course("wai_sr", ana=[69.1, 64, 59, 55, 52, 49.4]), family())[-1]  # no other rule speaks of these
    assert {code for code, found in likert.signals.items() if found} == {CODE}
    assert likert.carry.series["member/ana|wai_sr|post|therapist|total"].prior[-1] == pytest.approx(49.4)
