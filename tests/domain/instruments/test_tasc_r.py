import pytest

from service.domain.instruments.tasc_r import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of, refusal_of, sheet

SHEET = "4 1 3 2 4 3 2 1 4 3 2 1"


def test_key() -> None:
    """Shirk & Saiz 1992 as revised: five of twelve items are reversed, for child and caregiver alike."""
    assert key_of(INSTRUMENT) == {"total": "1 -2 3 4 -5 6 -7 -8 9 10 -11 12"}


def test_golden() -> None:
    # positive 4 + 3 + 2 + 3 + 4 + 3 + 1 = 20; negative 2, 5, 7, 8, 11: (5−1) + (5−4) + (5−2) + (5−1) + (5−2) = 15
    score = score_answers(INSTRUMENT, sheet(SHEET))["total"]
    assert score.raw == pytest.approx(20 + 15)
    assert score.percent == pytest.approx(63.889, abs=5e-4)  # (35/12 − 1) / 3


@pytest.mark.parametrize(("positive", "negative", "raw", "percent"), [(1, 4, 12, 0), (4, 1, 48, 100)])
def test_ends_of_the_range(positive: float, negative: float, raw: float, percent: float) -> None:
    answers = {item: negative if item in INSTRUMENT.reversed_items else positive for item in INSTRUMENT.items}
    score = score_answers(INSTRUMENT, answers)["total"]
    assert (score.raw, score.percent) == pytest.approx((raw, percent))


def test_two_missing_answers_are_prorated_after_reversal() -> None:
    answers = {item: value for item, value in sheet(SHEET).items() if item not in ("1", "2")}
    assert score_answers(INSTRUMENT, answers)["total"].raw == pytest.approx((35 - 4 - 4) / 10 * 12)  # 2 counted 5 − 1
    del answers["3"]
    assert refusal_of(INSTRUMENT, answers) == [("/answers", "missing-items")]


def test_range_and_raters() -> None:
    assert (INSTRUMENT.minimum, INSTRUMENT.maximum, INSTRUMENT.step) == (1, 4, 1)
    assert INSTRUMENT.rater_kinds == {RaterKind.member, RaterKind.therapist}
    assert INSTRUMENT.key.verified
    assert INSTRUMENT.child_form


def test_its_score_stands_for_no_bond_and_has_no_published_cut_off() -> None:
    assert INSTRUMENT.watched == ("total",)
    assert INSTRUMENT.cutoffs == ()
