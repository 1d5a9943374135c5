import pytest

from service.domain.instruments.srs import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of
from tests.factories import srs

LINES = {"bond", "goals", "tasks", "overall"}


def test_key() -> None:
    assert key_of(INSTRUMENT) == {
        "total": "relationship goals approach overall",
        "bond": "relationship",
        "goals": "goals",
        "tasks": "approach",
        "overall": "overall",
    }


@pytest.mark.parametrize(
    ("dimension", "raw", "percent", "low"),
    [
        ("total", 33.0, 82.5, True),  # 8.5 + 9 + 7.5 + 8 of 40
        ("bond", 8.5, 85.0, True),
        ("goals", 9.0, 90.0, False),
        ("tasks", 7.5, 75.0, True),
        ("overall", 8.0, 80.0, True),
    ],
)
def test_golden(dimension: str, raw: float, percent: float, low: bool) -> None:
    score = score_answers(INSTRUMENT, srs(8.5, 9.0, 7.5, 8.0))[dimension]
    assert (score.raw, score.percent) == pytest.approx((raw, percent))
    assert score.flags == (("below-cutoff",) if low else ())


@pytest.mark.parametrize(
    ("marks", "flagged"),
    [
        ((9, 9, 9, 9), set[str]()),  # 36.0 is not below 36, 9 not below 9
        ((9, 9, 9, 8.9), {"total", "overall"}),  # 35.9
        ((10, 10, 10, 8.9), {"overall"}),  # 38.9: one line alone
        ((8.9, 9, 9, 9.1), {"bond"}),  # 36.0, though 8.9 + 9 + 9 + 9.1 need not be so in binary
        ((9.7, 8.9, 8.7, 8.7), {"goals", "tasks", "overall"}),  # 36.0 again
    ],
)
def test_cut_off(marks: tuple[float, ...], flagged: set[str]) -> None:
    scores = score_answers(INSTRUMENT, srs(*marks))
    assert {dimension for dimension, score in scores.items() if score.flags} == flagged


@pytest.mark.parametrize("missing", ["relationship", "goals", "approach", "overall"])
def test_one_missing_line_takes_the_total(missing: str) -> None:
    answers = {item: mark for item, mark in srs(9.0).items() if item != missing}
    lines = LINES - {{"relationship": "bond", "approach": "tasks"}.get(missing, missing)}
    assert set(score_answers(INSTRUMENT, answers)) == lines


def test_facts() -> None:
    assert (INSTRUMENT.minimum, INSTRUMENT.maximum, INSTRUMENT.step) == (0, 10, 0.1)
    assert {unit.low_mark for unit in INSTRUMENT.dimensions.values()} == {80}  # (36 - 4) of 40
    assert all(cutoff.fact.verified for cutoff in INSTRUMENT.cutoffs)
    assert RaterKind.observer not in INSTRUMENT.rater_kinds
    assert INSTRUMENT.validated
    total, line = INSTRUMENT.dimensions["total"].reference, INSTRUMENT.dimensions["bond"].reference
    assert (total.sd, total.sp, line.sp) == (10, 5, 7)
    assert total.kind == "ours"
