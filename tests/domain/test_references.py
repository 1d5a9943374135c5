import doctest
from typing import Any

import pytest

from service.domain import references
from service.domain.errors import InvalidReferences
from service.domain.instruments import LINE, LINE_TOTAL, Fact, Reference, instruments
from service.domain.model import MemberRole, RaterKind, Rating
from service.domain.references import OURS, OwnReference, References, checked, in_force, z_among
from tests.factories import own_reference, rating

SRS, SOFTA_O = instruments()["srs"], instruments()["softa_o"]


def known(*of_srs: OwnReference) -> References:
    return in_force({"srs": of_srs})


def test_docstrings_tell_the_truth() -> None:
    found = doctest.testmod(references)
    assert found.attempted == 1
    assert found.failed == 0


def test_without_any_the_forms_own_stand() -> None:
    assert OURS.of(rating("ana"), "total") is LINE_TOTAL
    assert OURS.known == in_force({"srs": ()}).known == {}
    assert OURS.plain == {}


NESTED = known(
    own_reference(sd=11),
    own_reference(role="youth", sd=12),
    own_reference(locale="nl", sd=13),
    own_reference(role="youth", locale="nl", sd=14),
    own_reference(role="youth", locale="nl-BE", sd=15),
    own_reference(role="therapist", sd=16),
)


@pytest.mark.parametrize(
    ("given", "sd"),
    [
        (rating("eva"), 11),
        (rating("ana"), 12),
        (rating("ana", locale="de"), 12),
        (rating("eva", locale="nl"), 13),
        (rating("eva", locale="nl-BE"), 13),  # what is known of the language, where nothing is of the region
        (rating("ana", locale="nl"), 14),
        (rating("ana", locale="nl-BE"), 15),
        (rating("ana", locale="nl-NL"), 14),
        (rating("kim", role=None), 11),
        (rating("dr-7", locale="nl"), 16),
        (rating("ana", instrument="csrs"), 10),  # another form: ours
    ],
)
def test_the_nearest_counts(given: Rating, sd: float) -> None:
    assert NESTED.of(given, "total").sd == sd
    assert NESTED.of(given, "bond").sd == 14  # of one line, ours: nothing else is known of it


def test_what_is_left_open_stays_the_forms_own() -> None:
    one = known(own_reference(sd=12, mean=88.0, n=120, source="janse-2014", verified=True))
    assert one.of(rating("ana"), "total") == Reference(
        sd=12, sp=LINE_TOTAL.sp, fact=Fact("janse-2014", True), mean=88.0, reliability=None, own=True, n=120
    )


@pytest.mark.parametrize(
    ("own", "kind"),
    [
        ([], "ours"),
        ([own_reference()], "ours"),  # of the total alone
        ([own_reference(dimension) for dimension in SRS.dimensions], "own"),
        (
            [own_reference(dimension, source="janse-2014", verified=True, n=587) for dimension in SRS.dimensions],
            "verified",
        ),
        (
            [
                own_reference(dimension, source="janse-2014", verified=dimension == "total", n=587)
                for dimension in SRS.dimensions
            ],
            "own",
        ),
    ],
    ids=["none", "one of five", "own", "verified", "partly verified"],
)
def test_many_scores_are_as_well_founded_as_the_least_of_them(own: list[OwnReference], kind: str) -> None:
    assert known(*own).kind([rating("ana"), rating("eva")]) == kind


def test_a_difference_is_measured_by_what_both_share_else_by_all_members() -> None:
    eva, tom, ana = rating("eva"), rating("tom"), rating("ana")
    both = known(own_reference(sd=11), own_reference(role="youth", sd=12), own_reference(role="parent", sd=13))
    assert both.among([eva, tom], "total").sd == 13
    assert both.among([eva, ana], "total").sd == 11
    assert known(own_reference(role="youth", sd=12)).among([eva, ana], "total") is LINE_TOTAL
    assert both.among([ana, rating("kim", instrument="csrs")], "total").sd == 10  # csrs comes first by its code


def test_rules_take_what_was_measured_a_third_wider_and_ours_as_they_are() -> None:
    wide = known(own_reference(sd=12, sp=6, reliability=0.9), own_reference("bond", sd=15)).for_rules
    ana = rating("ana")
    assert (wide.of(ana, "total").sd, wide.of(ana, "total").sp) == (16, 8)
    assert wide.of(ana, "total").reliability == 0.9
    assert (wide.of(ana, "bond").sd, wide.of(ana, "bond").sp) == (20, 7)
    assert wide.of(ana, "goals") is LINE
    assert OURS.for_rules is OURS


def test_a_score_among_others_needs_a_mean() -> None:
    assert z_among(80, LINE_TOTAL) is None
    assert z_among(80, own_reference(sd=8, mean=90).over(LINE_TOTAL)) == -1.25


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ([own_reference("no-such")], [("/references/0/dimension", "unknown-dimension")]),
        ([own_reference(), own_reference(role="observer")], [("/references/1/role", "not-taken")]),
        ([own_reference(), own_reference("bond"), own_reference(sd=9)], [("/references/2", "duplicate")]),
        ([own_reference(sp=12.5)], [("/references/0/sp", "above-sd")]),
        ([own_reference(verified=True, n=300)], [("/references/0/verified", "not-verifiable")]),
        ([own_reference(verified=True, source="janse-2014")], [("/references/0/verified", "not-verifiable")]),
        (
            [own_reference("no-such", role="observer", sp=99)],
            [
                ("/references/0/dimension", "unknown-dimension"),
                ("/references/0/role", "not-taken"),
                ("/references/0/sp", "above-sd"),
            ],
        ),
    ],
)
def test_refusals(given: list[OwnReference], faults: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidReferences) as caught:
        checked(SRS, given)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == faults


def test_what_is_taken_in_stands_in_a_stable_order() -> None:
    one, two, three = own_reference("bond"), own_reference(), own_reference(locale="nl")
    assert checked(SRS, [three, two, one]) == checked(SRS, [one, two, three]) == (one, two, three)
    assert checked(SRS, []) == ()
    assert checked(SOFTA_O, [own_reference("safety", role="observer", sp=12.0)])


def test_plain_values_are_equal_where_the_references_are() -> None:
    one, two = own_reference("bond"), own_reference(role="youth", mean=80)
    assert known(one, two).plain == known(two, one).plain
    assert known(one).plain != known(own_reference("bond", sd=12.5)).plain
    told: dict[str, Any] = known(one).plain
    assert [OwnReference(**entry) for entry in told["srs"]] == [one]


def test_every_role_and_kind_has_one_name() -> None:
    assert len(set(references.ROLES)) == len(MemberRole) + len(RaterKind)
