import pytest

from service.domain.levels import Levels, Subsystem, levels
from service.domain.model import Phase, RaterKind, Rating
from tests.factories import family, rating, therapy_session

FAMILY = family("eva", "tom", "ana")


def only(*ratings: Rating) -> Levels:
    """Return the one list of levels of a session."""
    found = levels(therapy_session(1, *ratings), FAMILY)
    assert len(found) == 1
    return found[0]


def test_members_about_the_therapist() -> None:
    found = only(rating("eva", 82), rating("tom", 75), rating("ana", 40))
    assert (found.instrument_family, found.rater_kind, found.phase) == ("srs", RaterKind.member, Phase.post)
    assert found.individual == pytest.approx({"ana": 40, "eva": 82, "tom": 75})
    assert list(found.individual) == ["ana", "eva", "tom"]
    assert found.subsystems["parents"].member_mean == pytest.approx(78.5)  # (82 + 75) / 2, nobody's alliance
    assert found.subsystems["youths"].member_mean == pytest.approx(40)
    assert not any(subsystem.rated for subsystem in found.subsystems.values())
    assert (found.family, found.within) == ({}, {})


def test_what_somebody_rated_is_the_subsystem_s_alliance() -> None:
    found = only(rating("eva", 82), rating("eva", 60, about="subsystem/parents"), rating("tom", 75))
    assert found.subsystems["parents"].rated == pytest.approx({"eva": 60})
    assert found.subsystems["parents"].member_mean == pytest.approx(78.5)


def test_a_subsystem_nobody_declared_stands_as_rated() -> None:
    found = only(rating("eva", 60, about="subsystem/in-laws"))
    assert found.subsystems == {"in-laws": Subsystem({"eva": 60.0}, None)}
    assert found.individual == {}


def test_the_whole_family_is_what_somebody_rated_about_it() -> None:
    found = only(rating("eva", 82), rating("eva", 70, about="family"), rating("ana", 30, about="family"))
    assert found.family == pytest.approx({"ana": 30, "eva": 70})
    assert found.within == pytest.approx({"ana": 30, "eva": 70})  # members about the family: how it works together
    assert found.individual == pytest.approx({"eva": 82})


def test_purpose_is_within_and_no_level_of_the_therapist() -> None:
    found = only(
        rating("eva", 50, instrument="softa_s", dimensions={"purpose": 75}),
        rating("ana", 60, instrument="softa_s", dimensions={"purpose": 25}),
    )
    assert found.within == pytest.approx({"ana": 25, "eva": 75})
    assert found.individual == pytest.approx({"ana": 60, "eva": 50})


def test_an_observer_s_levels_are_those_of_the_members_rated() -> None:
    family_marks = rating(
        "o1", 100, instrument="softa_o", dimensions={"engagement": None, "connection": None, "safety": None}
    )
    member = rating("o1", 50, instrument="softa_o", about="member/ana", dimensions={"purpose": None})
    found = only(member, family_marks)
    assert found.rater_kind is RaterKind.observer
    assert found.individual == {}  # the form has no total
    assert found.within == pytest.approx({"o1": 100})


def test_a_therapist_about_members() -> None:
    found = only(rating("dr-7", 80, about="member/ana"), rating("dr-7", 60, about="member/eva"), rating("dr-7", 70))
    assert found.individual == pytest.approx({"ana": 80, "eva": 60})
    assert found.family == pytest.approx({"dr-7": 70})
    assert found.within == {}  # a therapist is not within the family


def test_another_therapist_is_no_level_of_the_alliance_with_this_one() -> None:
    assert only(rating("eva", 82), rating("tom", 20, about="therapist/dr-9")).individual == pytest.approx({"eva": 82})


def test_one_list_per_instrument_family_rater_kind_and_phase() -> None:
    session = therapy_session(
        1,
        rating("eva"),
        rating("ana", instrument="csrs"),
        rating("eva", phase=Phase.pre),
        rating("eva", instrument="btg"),
        rating("dr-7"),
        rating("eva", instrument="ors"),
    )
    found = [(item.instrument_family, item.rater_kind.value, item.phase.value) for item in levels(session, FAMILY)]
    assert found == [
        ("btg", "member", "post"),
        ("srs", "member", "post"),
        ("srs", "member", "pre"),
        ("srs", "therapist", "post"),
    ]


def test_a_missing_total_is_no_zero() -> None:
    found = only(rating("eva", 82), rating("tom", answers={"goals": 9.0}))
    assert found.individual == pytest.approx({"eva": 82})
    assert found.subsystems["parents"].member_mean == pytest.approx(82)


def test_of_two_forms_of_one_rater_the_first_by_natural_key_counts() -> None:
    found = only(rating("kim", 80, instrument="srs"), rating("kim", 60, instrument="csrs"))
    assert found.individual == pytest.approx({"kim": 60})


def test_of_two_words_on_the_family_the_first_by_natural_key_counts() -> None:
    found = only(
        rating("eva", 50, instrument="softa_s", dimensions={"purpose": 25}),
        rating("eva", 50, instrument="softa_s", about="family", dimensions={"purpose": 75}),
    )
    assert found.within == pytest.approx({"eva": 75})


def test_no_ratings_no_levels() -> None:
    assert levels(therapy_session(1), FAMILY) == ()
