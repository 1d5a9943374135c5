import doctest
from itertools import permutations
from statistics import stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import trends as module
from service.domain.model import SessionStatus
from service.domain.trends import mann_kendall, theil_sen, trends
from tests.factories import course, rating, therapy_session


def test_docstrings_tell_the_truth() -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    ("scores", "slope"),
    [
        ([38, 37.5, 37, 36, 34.5], -0.8125),  # pairs −0.5 −0.5 −0.667 −0.875 −0.5 −0.75 −1 −1 −1.25 −1.5
        ([38, 36, 37, 36.5, 37], -0.125),  # −2 −0.5 −0.5 −0.25 1 0.25 0.333 −0.5 0 0.5: between −0.25 and 0
        ([90, 90, 90], 0),
        ([80, 100], 20),
        ([0, 90, 91, 92, 93], 1.0),  # one odd score at the start does not carry it: 90 45.5 30.67 23.25 1 1 1 1 1 1
    ],
)
def test_theil_sen(scores: list[float], slope: float) -> None:
    assert theil_sen(scores) == pytest.approx(slope)


def test_one_trend_per_rater_of_totals() -> None:
    found = trends(course(eva=[80, 82, 90], tom=[70, None, 66]))
    assert [(item.subject, item.n) for item in found] == [("member/eva", 3), ("member/tom", 2)]
    eva, tom = found
    assert eva.series == "member/eva|srs|post|therapist|total"
    assert eva.mean == pytest.approx(84)
    assert eva.sd == pytest.approx(stdev([80, 82, 90]))
    assert eva.slope == pytest.approx(5)  # 2, 8 and (90 − 80) / 2
    assert tom.slope == pytest.approx(-4)  # per rated session, the missed one is no point


def test_one_score_has_no_slope_and_no_spread() -> None:
    (found,) = trends(course(eva=[80]))
    assert (found.n, found.sd, found.slope) == (1, None, None)


def test_a_form_without_a_total_goes_by_dimension() -> None:
    marks = rating("o1", 50, instrument="softa_o", about="member/ana", dimensions={"purpose": None})
    found = trends([therapy_session(1, marks)])
    assert [item.series.split("|")[-1] for item in found] == ["connection", "engagement", "safety"]


def test_a_session_nobody_came_to_is_no_point() -> None:
    sessions = course(eva=[80, 90])
    no_show = therapy_session(3, rating("eva", 10), status=SessionStatus.no_show)
    assert trends([*sessions, no_show]) == trends(sessions)


def test_nothing_has_no_trend() -> None:
    assert trends([]) == ()


@given(st.lists(st.floats(0, 100), min_size=2, max_size=10), st.floats(0.1, 2), st.floats(-5, 5))
@settings(deadline=None, max_examples=60)
def test_a_slope_scales_with_its_scores_and_adds_a_line(scores: list[float], factor: float, tilt: float) -> None:
    tilted = [factor * score + tilt * place for place, score in enumerate(scores)]
    assert theil_sen(tilted) == pytest.approx(factor * theil_sen(scores) + tilt, abs=1e-6)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([38, 37.5, 37, 36, 34.5], -10),  # all ten pairs fall
        ([38, 36, 37, 36.5, 37], -1),  # four rises, five falls, one tie
        ([80, 80, 80], 0),
        ([0.1 + 0.2, 0.3], 0),  # a difference of binary fractions is none
        ([80], 0),
        ([], 0),
    ],
)
def test_mann_kendall_counts_rises_less_falls(scores: list[float], expected: int) -> None:
    assert mann_kendall(scores) == expected


def test_mann_kendall_by_chance() -> None:
    orders = [mann_kendall(order) for order in permutations(range(6))]
    assert sum(found <= -11 for found in orders) == 20  # of 720: 2.8 of 100
    assert sum(orders) == 0
