import pytest

from service.domain.groups import Group, group_of, grouped, joint_groups, unit_of
from service.domain.model import Phase, RaterKind, Rating
from tests.factories import rating, therapy_session


@pytest.mark.parametrize(
    ("one", "text", "unit"),
    [
        (rating("eva"), "srs|member||post|therapist", "eva"),
        (rating("kim", instrument="csrs"), "srs|member||post|therapist", "kim"),
        (rating("eva", phase=Phase.pre), "srs|member||pre|therapist", "eva"),
        (rating("eva", about="therapist/dr-9"), "srs|member||post|therapist/dr-9", "eva"),
        (rating("eva", about="member/tom", instrument="btg"), "btg|member||post|member/tom", "eva"),
        (rating("eva", about="family", instrument="softa_s"), "softa_s|member||post|family", "eva"),
        (rating("o1", about="member/ana", instrument="softa_o"), "softa_o|observer|o1|post|member", "ana"),
        (rating("dr-7", about="member/ana", instrument="btg"), "btg|therapist|dr-7|post|member", "ana"),
        (rating("dr-7", about="family"), "srs|therapist|dr-7|post|family", "family"),
    ],
)
def test_group_and_unit(one: Rating, text: str, unit: str) -> None:
    assert group_of(one).text == text
    assert unit_of(one) == unit


@pytest.mark.parametrize(
    "other",
    [
        rating("tom", instrument="btg"),
        rating("tom", instrument="gsrs"),
        rating("tom", phase=Phase.pre),
        rating("tom", about="family"),
        rating("tom", about="therapist/dr-9"),
        rating("dr-7", about="therapist", kind=RaterKind.therapist),
        rating("o1", about="member/tom", instrument="btg"),
    ],
)
def test_never_beside_each_other(other: Rating) -> None:
    assert group_of(other) != group_of(rating("eva"))
    groups = grouped(therapy_session(1, rating("eva"), other))
    assert all(len(units) == 1 for units in groups.values())
    assert list(joint_groups(therapy_session(1, rating("eva"), other))) == []


def test_two_observers_are_not_averaged() -> None:
    marks = [rating(who, about="member/ana", instrument="softa_o", kind=RaterKind.observer) for who in ("o1", "o2")]
    assert len(grouped(therapy_session(1, *marks))) == 2


def test_outcome_is_in_no_group() -> None:
    assert grouped(therapy_session(1, rating("eva", instrument="ors"), rating("tom", instrument="ors"))) == {}


def test_groups_are_in_order_whatever_the_order_of_ratings() -> None:
    ratings = [rating("tom"), rating("dr-7"), rating("eva"), rating("eva", instrument="btg")]
    session = therapy_session(1, *ratings)
    assert list(grouped(session)) == sorted(grouped(session), key=lambda group: group.text)
    assert list(grouped(session)[group_of(rating("eva"))]) == ["eva", "tom"]


def test_a_joint_session_has_two_units() -> None:
    session = therapy_session(1, rating("eva"), rating("tom"), rating("ana", instrument="btg"))
    assert list(joint_groups(session)) == ["srs|member||post|therapist"]


def test_one_rater_with_two_forms_of_a_family_is_one_unit() -> None:
    session = therapy_session(1, rating("kim", instrument="csrs"), rating("kim", instrument="srs"))
    assert list(joint_groups(session)) == []


def test_group_is_a_value() -> None:
    assert Group("srs", RaterKind.member, None, Phase.post, "therapist") == group_of(rating("tom"))
