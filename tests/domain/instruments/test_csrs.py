import pytest

from service.domain.instruments import csrs as child
from service.domain.instruments import srs as adult
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of
from tests.factories import srs

INSTRUMENT = child.INSTRUMENT


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
        ("total", 29.6, 74.0, True),  # 6.1 + 9.4 + 5 + 9.1 of 40
        ("bond", 6.1, 61.0, True),
        ("goals", 9.4, 94.0, False),
        ("tasks", 5.0, 50.0, True),
        ("overall", 9.1, 91.0, False),
    ],
)
def test_golden(dimension: str, raw: float, percent: float, low: bool) -> None:
    score = score_answers(INSTRUMENT, srs(6.1, 9.4, 5.0, 9.1))[dimension]
    assert (score.raw, score.percent) == pytest.approx((raw, percent))
    assert bool(score.flags) is low


def test_stands_beside_the_adult_form_but_is_not_validated() -> None:
    assert INSTRUMENT.family == adult.INSTRUMENT.family
    assert INSTRUMENT.child_form
    assert not INSTRUMENT.validated
    assert not any(cutoff.fact.verified for cutoff in INSTRUMENT.cutoffs)  # 36 and 9 by convention only
    assert INSTRUMENT.rater_kinds == {RaterKind.member}
