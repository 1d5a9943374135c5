import doctest
from dataclasses import replace
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import calibration
from service.domain.calibration import (
    Answered,
    Estimate,
    calibrated,
    cronbach_alpha,
    estimate_of,
    estimates,
    reference_of,
    sd_between,
    sd_within,
)
from service.domain.instruments import instruments
from service.domain.model import MemberRole, RaterKind
from service.domain.references import checked
from service.domain.spread import sample_sd
from tests.factories import own_reference, srs

SRS = instruments()["srs"]
score = st.floats(0, 100)
persons = st.lists(st.lists(score, min_size=1, max_size=12), min_size=2, max_size=8)


def test_docstrings_tell_the_truth() -> None:
    found = doctest.testmod(calibration)
    assert found.attempted == 3
    assert found.failed == 0


def test_golden_spreads() -> None:
    """Two persons at 80, 84, 88 and 60, 64, 68.

    Within: (16 + 0 + 16) · 2 over 2 · 2 = 16, so 4. Between: the means 84 and 64 lie 10 from 74, MSB = 3·200/1 = 600,
    n0 = (6 − 18/6) / 1 = 3, B = (600 − 16) / 3 = 194.67; √(194.67 + 16) = 14.514.
    """
    known = [[80.0, 84.0, 88.0], [60.0, 64.0, 68.0]]
    found = estimate_of(known, [])
    assert (found.persons, found.ratings, found.mean, found.sp) == (2, 6, 74.0, 4.0)
    assert found.sd == pytest.approx(14.514, abs=5e-4)
    assert (found.alpha, found.alpha_persons) == (None, 0)


def test_persons_count_alike_however_often_they_rated() -> None:
    assert estimate_of([[90.0] * 9, [60.0]], []).mean == 75


def test_persons_who_do_not_differ_spread_as_much_as_each_of_them() -> None:
    """Both means are 50, so MSB = 0 and B, which would be negative, is 0; MSW = (25 + 25) · 2 / 2 = 50."""
    assert sd_between([[45.0, 55.0], [45.0, 55.0]]) == pytest.approx(sqrt(50))


def test_with_one_score_a_person_it_is_the_sample_sd() -> None:
    assert sd_between([[60.0], [80.0], [100.0]]) == pytest.approx(20)
    assert sd_between([[60.0, 80.0]]) == 0
    assert sd_within([[60.0], [80.0, 90.0]]) is None


def test_a_slow_rise_is_not_how_one_varies() -> None:
    """Eight weeks at 60 and eight at 80: each run is flat, though the SD of all sixteen is 10.3."""
    assert sd_within([[60.0] * 8 + [80.0] * 8]) == 0
    # a run of 8 at 60, then 60 and 70: 50 over 7 + 1
    assert sd_within([[60.0] * 8 + [60.0, 70.0]]) == pytest.approx(2.5)


def test_golden_alpha() -> None:
    """Items 1, 2, 3 and 2, 2, 5: variances 1 and 3; sums 3, 4, 8 have 7; 2/1 · (1 − 4/7) = 0.857."""
    assert cronbach_alpha([[1, 2], [2, 2], [3, 5]]) == pytest.approx(6 / 7)
    assert cronbach_alpha([[1, 3], [3, 1]]) is None  # all sums are equal
    assert cronbach_alpha([[1], [2]]) is None
    assert cronbach_alpha([[1, 2]]) is None
    assert cronbach_alpha([[1, 1, 1], [4, 4, 4], [2, 2, 2]]) == pytest.approx(1)
    assert cronbach_alpha([[1, 5], [2, 3], [3, 2]]) == pytest.approx(2 * (1 - (1 + 7 / 3) / (1 / 3)))  # they contradict


@given(persons, st.floats(0.1, 3), st.floats(-50, 50))
@settings(deadline=None, max_examples=80)
def test_another_scale_changes_the_unit_alone(known: list[list[float]], times: float, more: float) -> None:
    found = estimate_of(known, [])
    other = estimate_of([[times * item + more for item in scores] for scores in known], [])
    assert other.mean == pytest.approx(times * found.mean + more, abs=1e-6)
    assert other.sd == pytest.approx(times * found.sd, abs=1e-6)
    assert (other.sp is None) == (found.sp is None)
    assert other.sp == pytest.approx(None if found.sp is None else times * found.sp, abs=1e-6)


@given(persons)
@settings(deadline=None, max_examples=80)
def test_the_order_of_persons_does_not_matter(known: list[list[float]]) -> None:
    assert estimate_of(known[::-1], []) == estimate_of(known, [])


@given(st.lists(st.lists(score, min_size=3, max_size=3), min_size=2, max_size=10), st.floats(0.1, 3), st.floats(-9, 9))
@settings(deadline=None, max_examples=80)
def test_alpha_knows_no_unit(answers: list[list[float]], times: float, more: float) -> None:
    sums = [sum(marks) for marks in answers]
    if sample_sd(sums) > 1e-3:
        found = cronbach_alpha(answers)
        other = cronbach_alpha([[times * item + more for item in marks] for marks in answers])
        assert other == pytest.approx(found, rel=1e-4, abs=1e-4)
        assert found is not None
        assert found <= 1 + 1e-9


def answered(who: str, total: float, role: MemberRole | None = MemberRole.youth, marks: bool = True) -> Answered:
    kind = RaterKind.member if role else RaterKind.therapist
    return Answered(("fam-42", who), kind, role, {"total": total, "bond": total}, srs(total / 10) if marks else None)


def test_each_role_and_all_of_a_kind() -> None:
    ratings = [
        answered("ana", 60),
        answered("ana", 80),
        answered("eva", 90, MemberRole.parent, marks=False),
        answered("dr-7", 50, None),
    ]
    found = estimates(SRS, ratings, "nl")
    assert {target: (item.persons, item.ratings, item.mean) for target, item in found.items()} == {
        ("total", "member", "nl"): (2, 3, 80),  # the mean of 70 and 90
        ("bond", "member", "nl"): (2, 3, 80),
        ("total", "parent", "nl"): (1, 1, 90),
        ("bond", "parent", "nl"): (1, 1, 90),
        ("total", "therapist", "nl"): (1, 1, 50),
        ("bond", "therapist", "nl"): (1, 1, 50),
        ("total", "youth", "nl"): (1, 2, 70),
        ("bond", "youth", "nl"): (1, 2, 70),
    }
    assert found["total", "member", "nl"].alpha_persons == 1  # one set of Ana's answers, Eva's are not stored
    assert found["bond", "member", "nl"].alpha_persons == 0  # one item


def test_reversed_items_are_turned_before_alpha() -> None:
    """Two persons of a form with five reversed items: one says the best to each, one the worst, so alpha is 1."""
    softa_s = instruments()["softa_s"]
    best = {item: 1.0 if item in softa_s.reversed_items else 5.0 for item in softa_s.items}
    worst = {item: 6 - answer for item, answer in best.items()}
    ratings = [
        Answered((who,), RaterKind.member, None, {"total": percent}, answers)
        for who, percent, answers in (("eva", 100.0, best), ("tom", 0.0, worst))
    ]
    found = estimates(softa_s, ratings)["total", "member", None]
    assert found.alpha == pytest.approx(1)
    assert found.alpha_persons == 2
    partly = [replace(item, answers={**(item.answers or {}), "17": 1.0}) for item in ratings]
    missing = [replace(item, answers={"1": 1.0}) for item in ratings]
    assert estimates(softa_s, partly)["total", "member", None].alpha_persons == 2
    assert estimates(softa_s, missing)["total", "member", None].alpha_persons == 0


GOOD = Estimate(persons=60, ratings=240, mean=86.4321, sd=11.2, sp=5.5, alpha=0.9, alpha_persons=55)


@pytest.mark.parametrize(
    ("changed", "enough", "rough"),
    [
        ({}, True, False),
        ({"persons": 50, "ratings": 200}, True, False),
        ({"persons": 49}, True, True),
        ({"ratings": 199}, True, True),
        ({"persons": 20, "ratings": 60}, True, True),
        ({"persons": 19}, False, True),
        ({"ratings": 59}, False, True),
        ({"sd": 0.0}, False, False),
    ],
)
def test_how_many_are_enough(changed: dict[str, float], enough: bool, rough: bool) -> None:
    found = replace(GOOD, **changed)  # type: ignore[arg-type]  # whole numbers are counts
    assert (found.enough, found.rough) == (enough, rough)


@pytest.mark.parametrize(
    ("changed", "sp", "reliability"),
    [
        ({}, 5.5, 0.9),
        ({"sp": None}, None, 0.9),
        ({"sp": 0.0}, None, 0.9),
        ({"sp": 12.0}, 11.2, 0.9),  # nobody varies more within than all do
        ({"alpha": None}, 5.5, None),
        ({"alpha": -0.2}, 5.5, None),
        ({"alpha": 0.9996}, 5.5, None),  # as good as 1, and then no change would be noise
        ({"alpha_persons": 19}, 5.5, None),
    ],
)
def test_what_is_not_sure_is_left_to_the_form(
    changed: dict[str, float | None], sp: float | None, reliability: float | None
) -> None:
    found = reference_of(("total", "youth", "nl"), replace(GOOD, **changed))  # type: ignore[arg-type]  # as above
    assert (found.sp, found.reliability) == (sp, reliability)
    assert (found.mean, found.sd, found.n, found.source, found.verified) == (86.432, 11.2, 60, "own-ratings", False)
    assert checked(SRS, [found]) == (found,)


def test_an_estimate_takes_its_place_but_none_of_what_is_verified() -> None:
    study = own_reference(role="youth", source="janse-2014", verified=True, n=587)
    former, dutch = own_reference(role="parent"), own_reference(locale="nl")
    told = {"youth": GOOD, "parent": GOOD, "member": replace(GOOD, persons=7), "therapist": GOOD}
    found = calibrated([study, former, dutch], {("total", role, None): item for role, item in told.items()})
    assert [(item.role, item.locale, item.source, item.n) for item in found] == [
        ("youth", None, "janse-2014", 587),
        ("parent", None, "own-ratings", 60),
        ("member", "nl", "own-ratings", None),
        ("therapist", None, "own-ratings", 60),
    ]
