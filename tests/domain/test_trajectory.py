import doctest
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import trajectory
from service.domain.concern import Baseline
from service.domain.trajectory import (
    KEPT,
    Series,
    SeriesKey,
    above,
    at_least,
    at_most,
    baseline_of,
    below,
    is_recovered,
    is_settled,
    own_median,
    pooled_sigma,
    reliable_change,
    z_against,
)

KEY = SeriesKey("member/ana", "srs", "post", "therapist", "bond")


def series_of(*scores: float) -> Series:
    series = Series()
    for score in scores:
        series = series.with_score(score, counts_for_prior=True)
    return series


def test_docstrings_tell_the_truth() -> None:
    found = doctest.testmod(trajectory)
    assert found.attempted >= 3
    assert found.failed == 0


def test_key_is_one_text() -> None:
    assert KEY.text == "member/ana|srs|post|therapist|bond"
    assert SeriesKey(*KEY.text.split("|")) == KEY


@pytest.mark.parametrize(
    ("value", "limit", "low", "most", "least", "high"),
    [
        (0.1 + 0.2, 0.3, False, True, True, False),  # equal after rounding, though not in binary
        ((5.8 - 3.6) / 1.1, 2.0, False, True, True, False),  # 1.9999999999999996
        (0.3 - 1e-8, 0.3, True, True, False, False),
        (0.3 + 1e-8, 0.3, False, False, True, True),
    ],
)
def test_comparisons_round_to_nine_decimals(
    value: float, limit: float, low: bool, most: bool, least: bool, high: bool
) -> None:
    found = (below(value, limit), at_most(value, limit), at_least(value, limit), above(value, limit))
    assert found == (low, most, least, high)


@pytest.mark.parametrize(
    ("prior", "score", "sigma", "z"),
    [
        # Raw SRS points with sp 1.8; s of the first is 0.6455: sqrt((6·3.24 + 3·0.4167) / 9) = 1.5162
        ((37, 38, 36.5, 37.5), 33, 1.5162, -2.507),
        ((40, 40, 40, 40), 38.5, 1.4697, -0.913),  # flat before: sqrt(19.44 / 9), not zero
        ((38, 31, 39, 30, 37), 31, 2.9907, -1.221),  # volatile before: quiet
    ],
)
def test_shrunk_z_worked_by_hand(prior: tuple[float, ...], score: float, sigma: float, z: float) -> None:
    """Raw points of 40 as percent times 2.5, so that the floor of 2 percent points (0.8 raw) stays out of it."""
    percent = [2.5 * x for x in prior]
    found = pooled_sigma(percent, 4.5)
    assert found / 2.5 == pytest.approx(sigma, abs=5e-5)
    baseline = baseline_of(KEY.text, series_of(*percent), 4.5)
    assert z_against(2.5 * score, baseline) == pytest.approx(z, abs=5e-4)


def test_sigma_never_falls_below_two_points() -> None:
    assert pooled_sigma([90.0] * 8, sp=0.5) == 2.0
    assert pooled_sigma([90.0], sp=5.0) == 5.0  # one score says nothing of the spread


@pytest.mark.parametrize(("n", "has_z"), [(0, False), (1, False), (2, False), (3, True)])
def test_z_needs_three_earlier_scores(n: int, has_z: bool) -> None:
    z = z_against(70.0, Baseline("s", mu=90, sigma=5, n=n))
    assert (z is not None) is has_z
    if has_z:
        assert z == pytest.approx(-20 / (5 * sqrt(4 / 3)))


def test_z_from_one_score_on_where_a_rule_asks_so() -> None:
    assert z_against(80.0, Baseline("s", mu=90, sigma=5, n=1), at_least_n=1) == pytest.approx(-10 / (5 * sqrt(2)))
    assert z_against(80.0, Baseline("s", mu=90, sigma=5, n=0), at_least_n=0) is None
    assert z_against(80.0, None) is None


def test_series_keeps_eight_recent_and_three_first() -> None:
    series = series_of(*(float(score) for score in range(50, 60)))
    assert series.recent == tuple(range(52, 60))
    assert len(series.recent) == KEPT
    assert series.prior == series.recent
    assert series.first == (50, 51, 52)
    assert series.count == 10


def test_scores_inside_a_concern_stay_out_of_prior() -> None:
    series = series_of(90, 91).with_score(60, counts_for_prior=False)
    assert series.recent == (90, 91, 60)
    assert series.prior == (90, 91)
    baseline = baseline_of(KEY.text, series, sp=5)
    assert baseline is not None
    assert (baseline.mu, baseline.n, baseline.before) == (90.5, 2, 60)


def test_a_history_inside_concerns_has_a_level_but_no_z() -> None:
    baseline = baseline_of(KEY.text, Series().with_score(60, counts_for_prior=False), sp=5)
    assert baseline is not None
    assert (baseline.mu, baseline.n) == (60, 0)
    assert z_against(50, baseline, at_least_n=1) is None


def test_no_baseline_without_an_earlier_score() -> None:
    assert baseline_of(KEY.text, Series(), sp=5) is None


def test_settling_restarts_the_baseline_from_the_last_three() -> None:
    series = series_of(95, 94, 96, 70, 71, 72).restarted()
    assert series.prior == (70, 71, 72)
    assert series.first == (95, 94, 96)
    assert series.count == 6


@pytest.mark.parametrize(
    ("sd", "sp", "reliability", "change"),
    [
        (7.5, 5.0, 0.80, 9.2971),  # 1.96 · 7.5 · sqrt(2 · 0.2)
        (10.0, 5.0, None, 14.0),  # 2.8 · 5
        (17.0, 7.0, None, 19.6),
    ],
)
def test_reliable_change(sd: float, sp: float, reliability: float | None, change: float) -> None:
    assert reliable_change(sd, sp, reliability) == pytest.approx(change, abs=5e-5)


@pytest.mark.parametrize(
    ("before", "limit"),
    [
        (None, 86.25),  # mu − 0.75·5
        (88.0, 86.25),  # the level before was lower than usual: mu counts
        (93.0, 89.25),  # 93 − 3.75
        (99.0, 91.25),  # at most mu + sigma = 95, less 3.75
    ],
)
def test_recovered_is_near_the_level_before(before: float | None, limit: float) -> None:
    baseline = Baseline("s", mu=90, sigma=5, n=4, before=before)
    assert is_recovered(limit, baseline)
    assert not is_recovered(limit - 0.01, baseline)


@pytest.mark.parametrize(
    ("after", "settled"),
    [
        ((70.0, 75.0, 80.0), True),  # 10 = 2 · 5
        ((70.0, 75.0, 80.1), False),
        ((70.0, 75.0), False),
        ((40.0, 70.0, 75.0, 80.0), True),  # only the last three count
        ((95.0, 70.0, 75.0, 80.0), True),
    ],
)
def test_settled_is_three_scores_close_together(after: tuple[float, ...], settled: bool) -> None:
    assert is_settled(after, sp=5) is settled


def test_own_median_of_the_last_few() -> None:
    series = series_of(10, 80, 90, 84)
    assert own_median(series, 3) == 84
    assert own_median(series, 2) == 87
    assert own_median(Series(), 3) is None


scores = st.lists(st.floats(0, 100), min_size=3, max_size=12)


@given(scores, st.floats(0, 100), st.floats(0.5, 3), st.floats(-50, 50))
@settings(deadline=None, max_examples=60)
def test_z_does_not_depend_on_the_unit(prior: list[float], score: float, factor: float, shift: float) -> None:
    """An affine change of scale changes no z as long as the floor of sigma is not reached on either scale."""
    sp = 8.0  # sqrt(6/13)·8 · 0.5 = 2.7 > 2
    one = z_against(score, baseline_of(KEY.text, series_of(*prior), sp))
    moved = series_of(*(factor * x + shift for x in prior))
    other = z_against(factor * score + shift, baseline_of(KEY.text, moved, factor * sp))
    assert one == pytest.approx(other, rel=1e-6, abs=1e-6)


@given(scores)
@settings(deadline=None, max_examples=60)
def test_sigma_does_not_depend_on_the_order(prior: list[float]) -> None:
    assert pooled_sigma(prior, 5) == pytest.approx(pooled_sigma(prior[::-1], 5))
