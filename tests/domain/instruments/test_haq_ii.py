import pytest

from service.domain.instruments.haq_ii import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of, refusal_of, sheet

SHEET = "6 5 4 3 2 1 6 5 4 3 2 1 6 5 4 3 2 1 6"


def test_key() -> None:
    """Luborsky et al. 1996: one score, five of nineteen items reversed."""
    assert key_of(INSTRUMENT) == {"total": "1 2 3 -4 5 6 7 -8 9 10 -11 12 13 14 15 -16 17 18 -19"}


def test_golden() -> None:
    # as answered 3 · 21 + 6 = 69, of which 4, 8, 11, 16 and 19 are 3 + 5 + 2 + 3 + 6 = 19 and turn into 5 · 7 − 19 = 16
    score = score_answers(INSTRUMENT, sheet(SHEET))["total"]
    assert score.raw == pytest.approx(69 - 19 + 16)
    assert score.percent == pytest.approx(49.474, abs=5e-4)  # (66/19 − 1) / 5


@pytest.mark.parametrize(("positive", "negative", "raw", "percent"), [(1, 6, 19, 0), (6, 1, 114, 100)])
def test_ends_of_the_range(positive: float, negative: float, raw: float, percent: float) -> None:
    answers = {item: negative if item in INSTRUMENT.reversed_items else positive for item in INSTRUMENT.items}
    score = score_answers(INSTRUMENT, answers)["total"]
    assert (score.raw, score.percent) == pytest.approx((raw, percent))


def test_three_missing_answers_are_prorated_after_reversal() -> None:
    answers = {item: value for item, value in sheet(SHEET).items() if item not in ("1", "4", "19")}
    score = score_answers(INSTRUMENT, answers)["total"]
    assert score.raw == pytest.approx((66 - 6 - 4 - 1) / 16 * 19)  # 4 counted 7 − 3, 19 counted 7 − 6
    assert (score.answered, score.prorated) == (16, True)
    del answers["2"]
    assert refusal_of(INSTRUMENT, answers) == [("/answers", "missing-items")]


def test_range_and_raters() -> None:
    assert (INSTRUMENT.minimum, INSTRUMENT.maximum, INSTRUMENT.step) == (1, 6, 1)
    assert INSTRUMENT.rater_kinds == {RaterKind.member, RaterKind.therapist}
    assert INSTRUMENT.key.verified


def test_its_score_stands_for_no_bond() -> None:
    assert INSTRUMENT.watched == ("total",)
    assert INSTRUMENT.dimension_of("bond") is None
