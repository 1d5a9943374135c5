import doctest
from statistics import fmean, pstdev, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import spread
from service.domain.spread import mean_of, population_sd, sample_sd

scores = st.lists(st.floats(0, 100), min_size=2, max_size=12)


def test_docstrings_tell_the_truth() -> None:
    found = doctest.testmod(spread)
    assert found.attempted == 3
    assert found.failed == 0


@given(scores)
@settings(deadline=None, max_examples=100)
def test_agrees_with_exact_fractions(values: list[float]) -> None:
    assert mean_of(values) == pytest.approx(fmean(values))
    assert population_sd(values) == pytest.approx(pstdev(values), abs=1e-9)
    assert sample_sd(values) == pytest.approx(stdev(values), abs=1e-9)


@given(st.floats(0, 100), st.integers(2, 12))
@settings(deadline=None, max_examples=40)
def test_equal_scores_have_no_spread(value: float, n: int) -> None:
    assert population_sd([value] * n) == pytest.approx(0, abs=1e-9)
    assert mean_of([value] * n) == pytest.approx(value)


@given(scores)
@settings(deadline=None, max_examples=40)
def test_the_order_does_not_matter_to_the_last_bit(values: list[float]) -> None:
    assert mean_of(values) == mean_of(values[::-1])
    assert population_sd(values) == population_sd(sorted(values))
