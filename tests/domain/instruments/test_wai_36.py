import pytest

from service.domain.instruments.wai_36 import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import score_answers
from tests.domain.instruments.sweep import key_of, sheet

SHEET = "5 1 4 7 3 6 2 5 1 4 7 3 6 2 5 1 4 7 3 6 2 5 1 4 7 3 6 2 5 1 4 7 3 6 2 5"

# Horvath & Greenberg 1989; task and goal as in a public data set whose 277 totals they reproduce.
KEY = {
    "tasks": "2 4 -7 -11 13 -15 16 18 24 -31 -33 35",
    "bond": "-1 5 8 17 19 -20 21 23 26 28 -29 36",
    "goals": "-3 6 -9 -10 -12 14 22 25 -27 30 32 -34",
}


def test_key() -> None:
    found = key_of(INSTRUMENT)
    assert {dimension: found[dimension] for dimension in KEY} == KEY
    everything = " ".join(KEY.values()).split()
    assert sorted(found["total"].split()) == sorted(everything)
    assert len(everything) == 36
    assert sum(item.startswith("-") for item in everything) == 14


@pytest.mark.parametrize(
    ("dimension", "raw", "percent"),
    [
        # 1 + 7 + (8-2) + (8-7) + 6 + (8-5) + 1 + 7 + 4 + (8-4) + (8-3) + 2; (47/12 - 1) / 6
        ("tasks", 47, 48.611),
        # (8-5) + 3 + 5 + 4 + 3 + (8-6) + 2 + 1 + 3 + 2 + (8-5) + 5; (36/12 - 1) / 6. With 28 for 29 it would be 42.
        ("bond", 36, 33.333),
        # (8-4) + 6 + (8-1) + (8-4) + (8-3) + 2 + 5 + 7 + (8-6) + 1 + 7 + (8-6); (52/12 - 1) / 6
        ("goals", 52, 55.556),
        ("total", 47 + 36 + 52, 45.833),  # 135/36 = 3.75
    ],
)
def test_golden(dimension: str, raw: float, percent: float) -> None:
    score = score_answers(INSTRUMENT, sheet(SHEET))[dimension]
    assert score.raw == pytest.approx(raw)
    assert score.percent == pytest.approx(percent, abs=5e-4)
    assert score.flags == ()


def test_two_missing_items_of_a_subscale_are_prorated() -> None:
    answers = sheet(SHEET)
    del answers["5"], answers["8"]
    bond = score_answers(INSTRUMENT, answers)["bond"]
    assert (bond.answered, bond.items, bond.prorated) == (10, 12, True)
    assert bond.raw == pytest.approx(33.6)  # the other ten add to 36 - 3 - 5 = 28; 28/10 · 12


def test_three_missing_items_leave_no_subscale_but_a_total() -> None:
    answers = {item: value for item, value in sheet(SHEET).items() if item not in ("5", "8", "17")}
    scores = score_answers(INSTRUMENT, answers)
    assert set(scores) == {"tasks", "goals", "total"}
    assert scores["total"].answered == 33
    assert scores["total"].raw == pytest.approx((135 - 3 - 5 - 4) / 33 * 36)


@pytest.mark.parametrize(("missing", "scored"), [(7, True), (8, False)])
def test_total_needs_29_answers(missing: int, scored: bool) -> None:
    left_out = [str(item) for item in (2, 5, 6, 4, 8, 9, 17, 14)[:missing]]
    answers = {item: value for item, value in sheet(SHEET).items() if item not in left_out}
    assert ("total" in score_answers(INSTRUMENT, answers)) is scored


def test_range_and_raters() -> None:
    assert (INSTRUMENT.minimum, INSTRUMENT.maximum, INSTRUMENT.step) == (1, 7, 1)
    assert INSTRUMENT.rater_kinds == {RaterKind.member, RaterKind.therapist}
    assert INSTRUMENT.cutoffs == ()  # none was ever published
    assert not INSTRUMENT.key.verified  # item 29 rests on its meaning until somebody has seen the form
