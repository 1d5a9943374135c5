import pytest

from service.domain.instruments.ors import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of

SHEET = {"individual": 4.2, "interpersonal": 7.9, "social": 3.1, "overall": 6.0}


def test_key() -> None:
    assert key_of(INSTRUMENT) == {
        "total": "individual interpersonal social overall",
        "individual": "individual",
        "interpersonal": "interpersonal",
        "social": "social",
        "overall": "overall",
    }


@pytest.mark.parametrize(
    ("dimension", "raw", "percent"),
    [
        ("total", 21.2, 53.0),  # 4.2 + 7.9 + 3.1 + 6 of 40
        ("individual", 4.2, 42.0),
        ("interpersonal", 7.9, 79.0),
        ("social", 3.1, 31.0),
        ("overall", 6.0, 60.0),
    ],
)
def test_golden(dimension: str, raw: float, percent: float) -> None:
    score = score_answers(INSTRUMENT, SHEET)[dimension]
    assert (score.raw, score.percent) == pytest.approx((raw, percent))


@pytest.mark.parametrize(("overall", "low"), [(9.8, False), (9.7, True)])  # 15.2 + 9.8 = 25.0
def test_cut_off(overall: float, low: bool) -> None:
    scores = score_answers(INSTRUMENT, {**SHEET, "overall": overall})
    assert bool(scores["total"].flags) is low
    assert not any(scores[dimension].flags for dimension in ("individual", "interpersonal", "social", "overall"))


def test_is_outcome_and_no_alliance() -> None:
    assert INSTRUMENT.context == "outcome"
    parts = ("bond", "goals", "tasks", "safety", "within")
    assert [INSTRUMENT.dimension_of(part) for part in parts] == [None] * 5
    assert INSTRUMENT.rater_kinds == {RaterKind.member}
