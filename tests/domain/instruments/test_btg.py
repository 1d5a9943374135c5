import pytest

from service.domain.instruments.btg import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of


def test_key() -> None:
    assert key_of(INSTRUMENT) == {"total": "bond tasks goals", "bond": "bond", "tasks": "tasks", "goals": "goals"}


@pytest.mark.parametrize(
    ("dimension", "raw", "percent"),
    [
        ("total", 22.6, 75.333),  # 7.5 + 6 + 9.1 of 30
        ("bond", 7.5, 75.0),
        ("tasks", 6.0, 60.0),
        ("goals", 9.1, 91.0),
    ],
)
def test_golden(dimension: str, raw: float, percent: float) -> None:
    score = score_answers(INSTRUMENT, {"bond": 7.5, "tasks": 6, "goals": 9.1})[dimension]
    assert (score.raw, score.percent) == pytest.approx((raw, percent), abs=5e-4)


def test_one_missing_line_takes_the_total() -> None:
    assert set(score_answers(INSTRUMENT, {"bond": 7.5, "goals": 9.1})) == {"bond", "goals"}


def test_is_free_for_everybody_and_says_that_it_is_not_validated() -> None:
    assert INSTRUMENT.rater_kinds == set(RaterKind)
    assert not INSTRUMENT.validated
    assert "Not validated" in INSTRUMENT.notes
    assert "Free" in INSTRUMENT.licence
    assert INSTRUMENT.cutoffs == ()
