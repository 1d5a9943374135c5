import pytest

from service.domain.instruments.core4 import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of

SHEET = {"empathy": 9.3, "respect": 4.4, "genuineness": 7.0, "warmth": 2.1}


def test_key() -> None:
    assert key_of(INSTRUMENT) == {
        "total": "empathy respect genuineness warmth",
        "empathy": "empathy",
        "respect": "respect",
        "genuineness": "genuineness",
        "warmth": "warmth",
    }


@pytest.mark.parametrize(
    ("dimension", "raw", "percent"),
    [
        ("total", 22.8, 57.0),  # 9.3 + 4.4 + 7 + 2.1 of 40
        ("empathy", 9.3, 93.0),
        ("respect", 4.4, 44.0),
        ("genuineness", 7.0, 70.0),
        ("warmth", 2.1, 21.0),
    ],
)
def test_golden(dimension: str, raw: float, percent: float) -> None:
    score = score_answers(INSTRUMENT, SHEET)[dimension]
    assert (score.raw, score.percent) == pytest.approx((raw, percent))


def test_its_total_stands_for_no_bond() -> None:
    assert INSTRUMENT.dimension_of("primary") == "total"
    assert [INSTRUMENT.dimension_of(part) for part in ("bond", "goals", "tasks", "safety", "within")] == [None] * 5


def test_is_free_for_everybody_and_says_that_it_is_not_validated() -> None:
    assert INSTRUMENT.rater_kinds == set(RaterKind)
    assert not INSTRUMENT.validated
    assert "Not validated" in INSTRUMENT.notes
    assert "Free" in INSTRUMENT.licence
