"""Going up, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import TherapySession
from tests.domain.rules.walking import concerns_of, states_of
from tests.factories import course, family, rating, therapy_session

CODE = "rising"
ANA = ("member/ana",)
Totals = Sequence[float | None]


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


# The reliable change of the SRS is 2.8 · 5 = 14.
FIRES = [
    ("step by step", [60, 67, 74]),
    ("at once, two sessions ago", [60, 74, 74]),
    ("at once, today", [60, 60, 74]),
    ("after it stood still for long", [80, 80, 80, 80, 87, 95]),
    ("one session without a rating in between", [60, None, 67, 74]),
]
QUIET = [
    ("a little less than the reliable change", [60, 67, 73.9]),
    ("two scores", [60, 80]),
    ("down in between", [60, 58, 80]),
    ("up and down again", [60, 80, 79]),
    ("four scores", [60, 65, 70, 74, 79]),
    ("falling", [80, 70, 60]),
]


@pytest.mark.parametrize("totals", [row[1] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(totals: Totals) -> None:
    (concern,) = concerns(course(ana=totals, eva=[90.0] * len(totals)))
    assert (concern.subject, concern.severity, concern.number) == (ANA, "info", len(totals))


@pytest.mark.parametrize("totals", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(totals: Totals) -> None:
    assert concerns(course(ana=totals, eva=[90.0] * len(totals))) == []


def test_its_basis_tells_how_far() -> None:
    (concern,) = concerns(course(ana=[60, 67, 75]))
    assert concern.signal.values == pytest.approx(
        {"series": "member/ana|srs|post|therapist|total", "total": 75, "rise": 15}
    )
    assert concern.signal.thresholds == pytest.approx({"rise": 14, "scores": 3})


def test_of_two_forms_it_is_the_one_that_rose_most() -> None:
    both = [
        therapy_session(number, rating("ana", srs), rating("ana", wai, instrument="haq_ii"))
        for number, (srs, wai) in enumerate(((60, 40), (67, 55), (75, 70)), start=1)
    ]
    (concern,) = concerns(both)
    assert concern.signal.series == "member/ana|haq_ii|post|therapist|total"


OPEN, CLOSED = State.open, State.closed


@pytest.mark.parametrize(
    ("totals", "states"),
    [
        ([60, 67, 74, 74, 74], [OPEN, CLOSED, CLOSED]),
        ([60, 67, 74, 81, 88], [OPEN, OPEN, OPEN]),  # it goes on as long as it rises
        ([60, 67, 74, None], [OPEN, CLOSED]),
    ],
)
def test_its_time_is_the_session_in_which_it_is_told(totals: Totals, states: list[State]) -> None:
    sessions = course(ana=totals, eva=[90.0] * len(totals))
    assert states_of(CODE, sessions, family())[2:] == states
    assert {item.reason for item in concerns(sessions) if not item.active} <= {Reason.window_passed}


def test_a_later_rise_is_news_of_its_own() -> None:
    assert len(concerns(course(ana=[60, 67, 74, 74, 74, 81, 88]))) == 2
