import pytest

from service.domain.errors import InvalidAnswers
from service.domain.instruments.sai import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import accept_scores
from tests.domain.instruments.sweep import refusal_of


@pytest.mark.parametrize(("mean", "percent"), [(0, 0), (2.5, 50), (3.75, 75), (25 / 6, 83.333), (5, 100)])  # mean / 5
def test_golden(mean: float, percent: float) -> None:
    score = accept_scores(INSTRUMENT, {"total": mean})["total"]
    assert score.raw == pytest.approx(mean)
    assert score.percent == pytest.approx(percent, abs=5e-4)


def test_answers_are_refused_while_nobody_checked_the_form() -> None:
    assert not INSTRUMENT.key.verified
    assert refusal_of(INSTRUMENT, {"1": 4.0}) == [("/answers", "scores-only")]


@pytest.mark.parametrize("mean", [-0.1, 5.1, 25])  # 25 would be a sum of six answers
def test_only_means_are_in_its_range(mean: float) -> None:
    with pytest.raises(InvalidAnswers):
        accept_scores(INSTRUMENT, {"total": mean})


def test_a_member_fills_it_in_and_its_score_stands_for_no_bond() -> None:
    assert INSTRUMENT.rater_kinds == {RaterKind.member}
    assert INSTRUMENT.watched == ("total",)
