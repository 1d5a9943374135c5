"""Totals side by side, and what is remembered of them."""

import pytest

from service.domain.model import Rating
from service.domain.moment import Moment
from service.domain.poles import Form, Joint, Pair, form_after, gap_of, limit_of, pairs_of, poles_by_form, sd_of
from service.domain.references import in_force
from tests.factories import family, own_reference, rating, therapy_session

MODERATE, SEVERE = (1.5, 2.0, 2.3, 2.5), (2.0, 2.45, 2.7, 2.9)
NAMES = ("eva", "tom", "ana", "oma", "ben", "lea")


def moment(*ratings: Rating) -> Moment:
    return Moment(therapy_session(1, *ratings), 1, family(), {})


def test_poles_stand_by_form_the_lowest_first_and_of_equals_the_smallest_id() -> None:
    forms = poles_by_form(
        moment(
            rating("tom", 70),
            rating("eva", 70),
            rating("oma", 60),
            rating("ana", 80, instrument="btg"),
            rating("ben", 80, about="therapist/t2"),
            rating("lea", 20, not_alone=True),
            rating("kim", 20, instrument="csrs"),
            rating("dr-7", 20),
            rating("tom", 20, instrument="ors"),
        )
    )
    assert {name: [pole.rater for pole in poles] for name, poles in forms.items()} == {
        "srs|therapist": ["oma", "eva", "tom"],
        "btg|therapist": ["ana"],
        "srs|therapist/t2": ["ben"],
    }


# SD of the SRS total 10, of the WAI-S total 17.
@pytest.mark.parametrize(
    ("instrument", "count", "points"),
    [("srs", 2, 15), ("srs", 3, 20), ("srs", 4, 23), ("srs", 5, 25), ("srs", 6, 25), ("wai_s", 2, 25.5)],
)
def test_limits_grow_with_the_number_of_raters(instrument: str, count: int, points: float) -> None:
    (poles,) = poles_by_form(moment(*(rating(name, 80, instrument=instrument) for name in NAMES[:count]))).values()
    assert limit_of(MODERATE, poles) == points


def test_a_distance_is_told_by_the_reference_that_the_poles_share() -> None:
    own = in_force({"srs": [own_reference(sd=11), own_reference(role="parent", sd=12)]})
    for names, sd in ((("eva", "tom"), 12), (("eva", "ana"), 11)):
        session = therapy_session(1, *(rating(name, 80) for name in names))
        (poles,) = poles_by_form(Moment(session, 1, family(), {}, references=own)).values()
        assert sd_of(poles) == sd
        assert limit_of(MODERATE, poles) == 1.5 * sd


def test_a_signed_gap_keeps_its_sign_whoever_is_lower() -> None:
    for eva, ana in ((60, 90), (90, 60)):
        (poles,) = poles_by_form(moment(rating("eva", eva), rating("ana", ana))).values()
        assert [(one.rater, other.rater) for one, other in pairs_of(poles)] == [("ana", "eva")]
        assert gap_of(poles) == pytest.approx(30)
        form = form_after(Form(), poles, MODERATE, SEVERE, kept=3)
        assert list(form.pairs["ana|eva"].last) == [pytest.approx(ana - eva)]


def test_a_form_keeps_its_last_joint_sessions() -> None:
    form = Form()
    for eva in (95, 100, 94.9, 95):  # gaps 15, 20, 14.9, 15 with Ana at 80
        (poles,) = poles_by_form(moment(rating("eva", eva), rating("ana", 80))).values()
        form = form_after(form, poles, MODERATE, SEVERE, kept=3)
    assert form.joint == (Joint("ana", True, True), Joint("ana", False, False), Joint("ana", True, False))
    assert (form.times("ana", severe=False), form.times("ana", severe=True), form.times("eva", severe=False)) == (
        2,
        1,
        0,
    )


def test_a_pair_keeps_its_first_two_and_last_two_gaps() -> None:
    pair = Pair()
    for gap in (1.0, 2.0, 3.0, 4.0, 5.0):
        pair = pair.with_gap(gap)
    assert pair == Pair(first=(1, 2), last=(4, 5), count=5)
