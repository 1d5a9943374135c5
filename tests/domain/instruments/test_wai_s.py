import pytest

from service.domain.instruments.wai_s import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of, sheet

SHEET = "7 6 5 1 2 3 4 5 6 2 7 3"

# Tracey & Kokotovic 1989; unlike the revised form, 8 belongs to tasks and 10 to goals, and two items are reversed.
KEY = {"tasks": "1 2 8 12", "bond": "3 5 7 9", "goals": "-4 6 -10 11"}


def test_key() -> None:
    found = key_of(INSTRUMENT)
    assert {dimension: found[dimension] for dimension in KEY} == KEY
    assert found["total"] == "1 2 3 -4 5 6 7 8 9 -10 11 12"


@pytest.mark.parametrize(
    ("dimension", "raw", "percent"),
    [
        ("tasks", 7 + 6 + 5 + 3, 70.833),  # (21/4 - 1) / 6
        ("bond", 5 + 2 + 4 + 6, 54.167),  # (17/4 - 1) / 6
        ("goals", (8 - 1) + 3 + (8 - 2) + 7, 79.167),  # (23/4 - 1) / 6
        ("total", 21 + 17 + 23, 68.056),  # (61/12 - 1) / 6
    ],
)
def test_golden(dimension: str, raw: float, percent: float) -> None:
    score = score_answers(INSTRUMENT, sheet(SHEET))[dimension]
    assert score.raw == pytest.approx(raw)
    assert score.percent == pytest.approx(percent, abs=5e-4)


def test_one_missing_answer_takes_its_subscale_and_prorates_the_total() -> None:
    answers = sheet(SHEET)
    del answers["4"]
    scores = score_answers(INSTRUMENT, answers)
    assert set(scores) == {"tasks", "bond", "total"}
    assert scores["total"].raw == pytest.approx((61 - 7) / 11 * 12)
    assert scores["total"].prorated


def test_range_and_raters() -> None:
    assert (INSTRUMENT.minimum, INSTRUMENT.maximum, INSTRUMENT.step) == (1, 7, 1)
    assert INSTRUMENT.rater_kinds == {RaterKind.member, RaterKind.therapist}
    assert not INSTRUMENT.key.verified
