import pytest

from service.domain.balance import balances
from service.domain.errors import InvalidAnswers
from service.domain.instruments.vtas_r_sf import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import accept_scores
from tests.domain.instruments.sweep import refusal_of
from tests.factories import family, rating, therapy_session


@pytest.mark.parametrize(("mean", "percent"), [(0, 0), (2.4, 48), (3.5, 70), (5, 100)])  # mean / 5
def test_golden(mean: float, percent: float) -> None:
    score = accept_scores(INSTRUMENT, {"total": mean})["total"]
    assert (score.raw, score.percent) == pytest.approx((mean, percent))


def test_answers_are_refused_while_nobody_checked_the_form() -> None:
    assert not INSTRUMENT.key.verified
    assert refusal_of(INSTRUMENT, {"1": 4.0}) == [("/answers", "scores-only")]


@pytest.mark.parametrize("mean", [-0.1, 5.1, 17])  # 17 would be a sum of five marks
def test_only_means_are_in_its_range(mean: float) -> None:
    with pytest.raises(InvalidAnswers):
        accept_scores(INSTRUMENT, {"total": mean})


def test_an_observer_rates_parent_and_youth_apart() -> None:
    assert INSTRUMENT.rater_kinds == {RaterKind.observer}
    seen = [
        rating("o1", level, instrument="vtas_r_sf", about=f"member/{who}") for who, level in (("eva", 80), ("ana", 40))
    ]
    (found,) = balances(therapy_session(1, *seen), family("eva", "ana"), {})
    assert (found.group.rater_kind, found.group.rater) == (RaterKind.observer, "o1")
    assert found.dimensions["total"].gap == pytest.approx(40)
    assert [(item.of, item.minus) for item in found.dimensions["total"].discrepancies] == [("parents", "youths")]
