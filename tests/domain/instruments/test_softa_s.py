import pytest

from service.domain.instruments.softa_s import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of, sheet

SHEET = "1 2 3 4 5 1 2 3 4 5 1 2 3 4 5 1"

# Friedlander, Escudero & Heatherington 2006: the four dimensions take turns, five items are reversed.
KEY = {
    "engagement": "1 -5 9 13",
    "connection": "2 6 10 -14",
    "safety": "3 7 -11 -15",
    "purpose": "4 8 -12 16",
}


def test_key() -> None:
    found = key_of(INSTRUMENT)
    assert {dimension: found[dimension] for dimension in KEY} == KEY
    assert found["total"] == "1 2 3 4 -5 6 7 8 9 10 -11 -12 13 -14 -15 16"


@pytest.mark.parametrize(
    ("dimension", "raw", "percent"),
    [
        ("engagement", 1 + (6 - 5) + 4 + 3, 31.25),  # (9/4 - 1) / 4
        ("connection", 2 + 1 + 5 + (6 - 4), 37.5),  # (10/4 - 1) / 4
        ("safety", 3 + 2 + (6 - 1) + (6 - 5), 43.75),  # (11/4 - 1) / 4
        ("purpose", 4 + 3 + (6 - 2) + 1, 50.0),  # (12/4 - 1) / 4
        ("total", 9 + 10 + 11 + 12, 40.625),  # (42/16 - 1) / 4
    ],
)
def test_golden(dimension: str, raw: float, percent: float) -> None:
    score = score_answers(INSTRUMENT, sheet(SHEET))[dimension]
    assert (score.raw, score.percent) == pytest.approx((raw, percent))


def test_parts() -> None:
    parts = {part: INSTRUMENT.dimension_of(part) for part in ("primary", "bond", "goals", "tasks", "safety", "within")}
    assert parts == {
        "primary": "total",
        "bond": "connection",
        "goals": None,
        "tasks": "engagement",
        "safety": "safety",
        "within": "purpose",
    }


def test_three_missing_answers_are_prorated_after_reversal() -> None:
    answers = {item: value for item, value in sheet(SHEET).items() if item not in ("5", "6", "7")}
    scores = score_answers(INSTRUMENT, answers)
    assert set(scores) == {"purpose", "total"}
    assert scores["total"].raw == pytest.approx((42 - 1 - 1 - 2) / 13 * 16)  # 5 counted 6 - 5 = 1


def test_range_and_raters() -> None:
    assert (INSTRUMENT.minimum, INSTRUMENT.maximum, INSTRUMENT.step) == (1, 5, 1)
    assert INSTRUMENT.rater_kinds == {RaterKind.member, RaterKind.therapist}
    assert not INSTRUMENT.key.verified
