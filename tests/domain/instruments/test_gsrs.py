import pytest

from service.domain.instruments.gsrs import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of
from tests.factories import srs


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
        ("total", 35.8, 89.5, True),  # 10 + 7.2 + 9.5 + 9.1 of 40
        ("bond", 10.0, 100.0, False),
        ("goals", 7.2, 72.0, True),
        ("tasks", 9.5, 95.0, False),
        ("overall", 9.1, 91.0, False),
    ],
)
def test_golden(dimension: str, raw: float, percent: float, low: bool) -> None:
    score = score_answers(INSTRUMENT, srs(10, 7.2, 9.5, 9.1))[dimension]
    assert (score.raw, score.percent) == pytest.approx((raw, percent))
    assert bool(score.flags) is low


def test_facts() -> None:
    assert INSTRUMENT.family == "gsrs"  # a group's relationship line is about leader and group: not comparable
    assert INSTRUMENT.rater_kinds == {RaterKind.member}
    assert not any(cutoff.fact.verified for cutoff in INSTRUMENT.cutoffs)
