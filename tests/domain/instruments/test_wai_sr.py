import pytest

from service.domain.errors import InvalidAnswers
from service.domain.instruments.wai_sr import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of, sheet

# The map 1-4, 5-8, 9-12 that some programs use gives 10, 11 and 12 here, with the same total of 33.
SHEET = "1 2 3 4 5 1 2 3 4 5 1 2"

KEY = {"tasks": "1 2 10 12", "bond": "3 5 7 9", "goals": "4 6 8 11"}  # Hatcher & Gillaspy 2006


def test_key() -> None:
    found = key_of(INSTRUMENT)
    assert {dimension: found[dimension] for dimension in KEY} == KEY
    assert found["total"] == "1 2 3 4 5 6 7 8 9 10 11 12"  # nothing is reversed


@pytest.mark.parametrize(
    ("dimension", "raw", "mean", "percent"),
    [
        ("goals", 4 + 1 + 3 + 1, 2.25, 31.25),
        ("tasks", 1 + 2 + 5 + 2, 2.5, 37.5),
        ("bond", 3 + 5 + 2 + 4, 3.5, 62.5),
        ("total", 33, 2.75, 43.75),
    ],
)
def test_golden(dimension: str, raw: float, mean: float, percent: float) -> None:
    score = score_answers(INSTRUMENT, sheet(SHEET))[dimension]
    assert (score.raw, score.mean, score.percent) == pytest.approx((raw, mean, percent))


def test_two_answers_may_be_missing_from_the_total_and_none_from_a_subscale() -> None:
    answers = {item: value for item, value in sheet(SHEET).items() if item not in ("1", "3")}
    scores = score_answers(INSTRUMENT, answers)
    assert set(scores) == {"goals", "total"}
    assert scores["total"].raw == pytest.approx((33 - 1 - 3) / 10 * 12)


def test_three_missing_answers_of_three_subscales_leave_nothing() -> None:
    answers = {item: value for item, value in sheet(SHEET).items() if item not in ("1", "3", "4")}
    with pytest.raises(InvalidAnswers) as caught:
        score_answers(INSTRUMENT, answers)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [("/answers", "missing-items")]


def test_range_and_raters() -> None:
    assert (INSTRUMENT.minimum, INSTRUMENT.maximum, INSTRUMENT.step) == (1, 5, 1)
    assert INSTRUMENT.rater_kinds == {RaterKind.member}
    assert INSTRUMENT.key.verified
