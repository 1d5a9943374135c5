import pytest

from service.domain.errors import InvalidAnswers
from service.domain.instruments.ctas_sf import INSTRUMENT
from service.domain.levels import levels
from service.domain.model import RaterKind
from service.domain.scoring import accept_scores
from tests.domain.instruments.sweep import refusal_of
from tests.factories import couple, rating, therapy_session

SHEET = {
    "total": 5.0,
    "tasks": 5.5,
    "goals": 5.25,
    "bond": 4.25,
    "self": 6.0,
    "other": 5.0,
    "group": 4.0,
    "within": 2.5,
}


@pytest.mark.parametrize(
    ("dimension", "mean", "percent"),
    [  # (mean − 1) / 6
        ("total", 5.0, 66.667),
        ("tasks", 5.5, 75.0),
        ("goals", 5.25, 70.833),
        ("bond", 4.25, 54.167),
        ("self", 6.0, 83.333),
        ("other", 5.0, 66.667),
        ("group", 4.0, 50.0),
        ("within", 2.5, 25.0),
    ],
)
def test_golden(dimension: str, mean: float, percent: float) -> None:
    score = accept_scores(INSTRUMENT, SHEET)[dimension]
    assert score.raw == pytest.approx(mean)
    assert score.percent == pytest.approx(percent, abs=5e-4)


def test_three_contents_four_persons_and_their_total() -> None:
    assert list(INSTRUMENT.dimensions) == ["total", "tasks", "goals", "bond", "self", "other", "group", "within"]
    assert INSTRUMENT.watched == ("total", "bond", "goals", "tasks", "within")


def test_answers_are_refused_while_nobody_knows_the_key() -> None:
    assert not INSTRUMENT.key.verified
    assert refusal_of(INSTRUMENT, {"1": 4.0}) == [("/answers", "scores-only")]


@pytest.mark.parametrize("mean", [0.9, 7.1, 60])  # 60 would be a sum of answers
def test_only_means_are_in_its_range(mean: float) -> None:
    with pytest.raises(InvalidAnswers):
        accept_scores(INSTRUMENT, {"total": mean})


def test_within_is_a_level_of_its_own() -> None:
    marks = rating("eva", 70, instrument="ctas_sf", dimensions={"within": 25})
    (found,) = levels(therapy_session(1, marks), couple())
    assert found.individual == pytest.approx({"eva": 70})
    assert found.within == pytest.approx({"eva": 25})
    assert INSTRUMENT.rater_kinds == {RaterKind.member}
