from dataclasses import replace
from math import sqrt
from statistics import pstdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.balance import (
    Balance,
    DimensionBalance,
    Subgroups,
    balances,
    dimension_balance,
    largest_spread,
    missing_raters,
)
from service.domain.instruments import Fact, Reference
from service.domain.model import Attendance, Member, MemberRole, RaterKind, Rating, SessionStatus
from service.domain.references import OwnReference, in_force
from tests.factories import couple, family, own_reference, rating, therapy_session

FAMILY = family("eva", "tom", "ana")
REFERENCE = Reference(sd=10, sp=5, fact=Fact("this test", verified=False))
GOLDEN = {"eva": 82.0, "tom": 75.0, "ana": 40.0}


def only(*ratings: Rating) -> Balance:
    """Return the one balance of a session of the family."""
    found = balances(therapy_session(1, *ratings), FAMILY, {})
    assert len(found) == 1
    return found[0]


def figures_of(scores: dict[str, float]) -> DimensionBalance:
    return dimension_balance(scores, REFERENCE, FAMILY)


def test_golden_case() -> None:
    """Mother 82, father 75, youth 40, worked by hand."""
    found = only(*(rating(who, score) for who, score in GOLDEN.items())).dimensions["total"]
    assert found.n == 3
    assert found.strength == pytest.approx(65.667, abs=5e-4)  # 197 / 3
    assert found.weakest.value == pytest.approx(40)
    assert found.weakest.members == ("ana",)
    assert found.gap == pytest.approx(42)  # 82 − 40: the two most discrepant, no mean of pairs
    assert found.gap_z == pytest.approx(4.2)  # over an SD of 10
    # deviations 16.333, 9.333, −25.667: sqrt((266.78 + 87.11 + 658.78) / 3)
    assert found.dispersion == pytest.approx(18.373, abs=5e-4)
    assert found.agreement_index == pytest.approx(61.026, abs=5e-4)  # 100 · (1 − 18.373 / 47.140)
    assert found.side == pytest.approx({"eva": 24.5, "tom": 14.0, "ana": -38.5})  # 82 − 57.5, 75 − 61, 40 − 78.5
    # {ana} | {eva, tom}: 78.5 − 40; the other cut {ana, tom} | {eva} differs by 24.5 only
    assert found.subgroups is not None
    assert (found.subgroups.groups, found.subgroups.reliable) == ((("ana",), ("eva", "tom")), None)
    assert found.subgroups.difference == pytest.approx(38.5)
    assert found.polarity is None
    assert [(item.of, item.minus) for item in found.discrepancies] == [("parents", "youths")]
    assert found.discrepancies[0].value == pytest.approx(38.5)


def test_an_own_reference_measures_the_gap_and_says_so() -> None:
    own = in_force({"srs": [own_reference(code, sd=20, mean=85.0) for code in ("total", "bond", "goals", "tasks")]})
    session = therapy_session(1, *(rating(who, score) for who, score in GOLDEN.items()))
    (found,) = balances(session, FAMILY, {}, references=own)
    assert found.dimensions["total"].gap_z == pytest.approx(2.1)  # 42 / 20
    assert found.coverage.reference == "ours"  # nothing is known of the line `overall`
    whole = in_force({"srs": [*own.known["srs"].values(), own_reference("overall")]})
    assert balances(session, FAMILY, {}, references=whole)[0].coverage.reference == "own"


@pytest.mark.parametrize(
    ("scores", "own", "sides"),
    [
        ((100, 95, 75), [own_reference(sd=10, mean=85.0)], (("eva", "tom"), ("ana",))),  # z 1.5, 1.0, −1.0
        ((100, 94, 76), [own_reference(sd=10, mean=85.0)], None),  # −0.9
        ((94, 94, 40), [own_reference(sd=10, mean=85.0)], None),  # 0.9, 0.9
        ((100, 95, 75), [own_reference(sd=10)], None),  # without a mean
        ((100, 95, 75), [], None),
        ((100, 94, 75), [own_reference(role="youth", sd=10, mean=85.0)], None),  # of parents nothing is known
        (
            (90, 80, 75),
            [own_reference(role="youth", sd=5, mean=80.0), own_reference(role="parent", sd=5, mean=85.0)],
            (("eva",), ("ana", "tom")),  # each by their own: 1, −1 and −1
        ),
    ],
)
def test_polarity_by_z_needs_a_mean_of_others(
    scores: tuple[float, ...], own: list[OwnReference], sides: tuple[tuple[str, ...], tuple[str, ...]] | None
) -> None:
    session = therapy_session(1, *(rating(who, score) for who, score in zip(GOLDEN, scores, strict=True)))
    (found,) = balances(session, FAMILY, {}, references=in_force({"srs": own}))
    polarity = found.dimensions["total"].polarity_z
    assert (None if polarity is None else (polarity.positive, polarity.negative)) == sides
    assert found.dimensions["total"].polarity is None
    assert found.dimensions["bond"].polarity_z is None


def test_a_couple() -> None:
    """Two persons: the agreement index is 100 − gap, and there are no subgroups."""
    session = therapy_session(1, rating("eva", 75, role=MemberRole.partner), rating("tom", 50, role=MemberRole.partner))
    found = balances(session, couple(), {})[0].dimensions["total"]
    assert (found.strength, found.gap, found.dispersion) == pytest.approx((62.5, 25, 12.5))
    assert found.agreement_index == pytest.approx(75)
    assert found.side == pytest.approx({"eva": 25, "tom": -25})
    assert found.subgroups is None
    assert found.discrepancies == ()


def test_one_rater_has_a_reason_and_no_figures() -> None:
    found = only(rating("eva", 82))
    assert found.reason == "fewer-than-two-raters"
    assert found.dimensions == {}
    assert found.coverage.raters == 1


def test_two_raters_have_no_reason() -> None:
    assert only(rating("eva"), rating("tom")).reason is None


def test_each_dimension_stands_alone() -> None:
    found = only(rating("eva", 90, dimensions={"bond": 50}), rating("tom", answers={"goals": 8.0}))
    assert list(found.dimensions) == ["goals"]  # only what two of them scored
    assert found.dimensions["goals"].weakest.value == pytest.approx(80)


def test_dimensions_are_in_the_order_of_the_form() -> None:
    assert list(only(rating("eva"), rating("tom")).dimensions) == ["total", "bond", "goals", "tasks", "overall"]


@pytest.mark.parametrize(("n", "largest"), [(2, 50), (3, 47.140), (4, 50), (5, 48.990)])
def test_largest_spread(n: int, largest: float) -> None:
    assert largest_spread(n) == pytest.approx(largest, abs=5e-4)
    corner = [0.0] * (n // 2) + [100.0] * (n - n // 2)
    assert pstdev(corner) == pytest.approx(largest_spread(n))


def test_equal_lowest_scores_are_all_weakest() -> None:
    assert figures_of({"tom": 40.0, "eva": 80.0, "ana": 40.0}).weakest.members == ("ana", "tom")


def test_of_equal_cuts_the_lowest_is_told() -> None:
    found = figures_of({"ana": 0.0, "tom": 50.0, "eva": 100.0}).subgroups
    assert found == Subgroups((("ana",), ("eva", "tom")), 75, None)  # {ana, tom} | {eva} differs by 75 too


@pytest.mark.parametrize(
    ("difference", "reliable"),
    # The reliable gap at SD 17 and reliability 0.87: 1.96 · sqrt(2) · 17 · sqrt(0.13) = 16.99
    [(16.9, False), (17.1, True)],
)
def test_subgroups_are_reliable_past_the_noise(difference: float, reliable: bool) -> None:
    known = Reference(sd=17, sp=7, fact=Fact("a study", verified=True), reliability=0.87)
    found = dimension_balance({"ana": 50.0, "eva": 50.0 + difference, "tom": 50.0 + difference}, known, FAMILY)
    assert found.subgroups is not None
    assert found.subgroups.reliable is reliable
    ours = Reference(sd=17, sp=7, fact=Fact("us", verified=False), reliability=0.87)
    unknown = dimension_balance({"ana": 50.0, "eva": 90.0, "tom": 90.0}, ours, FAMILY)
    assert unknown.subgroups is not None
    assert unknown.subgroups.reliable is None


def observed(member_id: str, mark: float) -> Rating:
    """Return an observer's mark of a member, the same on three dimensions."""
    return rating(
        "o1",
        instrument="softa_o",
        about=f"member/{member_id}",
        answers=dict.fromkeys(("engagement", "connection", "safety"), mark),
    )


@pytest.mark.parametrize(
    ("marks", "positive", "negative"),
    [
        ({"eva": 1, "ana": -1}, ("eva",), ("ana",)),
        ({"eva": 3, "tom": 2, "ana": -2}, ("eva", "tom"), ("ana",)),
        ({"eva": 1, "tom": 0, "ana": -3}, ("eva",), ("ana",)),
    ],
)
def test_polarity_around_zero(marks: dict[str, float], positive: tuple[str, ...], negative: tuple[str, ...]) -> None:
    found = only(*(observed(who, mark) for who, mark in marks.items())).dimensions["connection"].polarity
    assert found is not None
    assert (found.positive, found.negative) == (positive, negative)


@pytest.mark.parametrize("marks", [{"eva": 1, "ana": 0}, {"eva": 3, "ana": 1}, {"eva": -1, "ana": -3}])
def test_no_polarity_on_one_side_of_zero(marks: dict[str, float]) -> None:
    assert only(*(observed(who, mark) for who, mark in marks.items())).dimensions["safety"].polarity is None


def test_an_observer_s_unit_is_the_member_rated() -> None:
    found = only(observed("eva", 2), observed("ana", -1))
    assert found.group.rater == "o1"
    assert found.dimensions["safety"].weakest.members == ("ana",)
    assert found.dimensions["safety"].gap == pytest.approx(50)  # 83.33 − 33.33
    assert "total" not in found.dimensions


def test_the_child_form_stands_beside_and_is_flagged() -> None:
    found = only(rating("eva", 80), rating("kim", 60, instrument="csrs"))
    assert found.mixed
    assert found.instruments == ("csrs", "srs")
    assert found.dimensions["total"].gap == pytest.approx(20)
    assert not only(rating("eva"), rating("tom")).mixed


def test_of_two_forms_of_one_rater_the_first_by_natural_key_counts() -> None:
    found = only(rating("eva", 90), rating("kim", 80, instrument="srs"), rating("kim", 60, instrument="csrs"))
    assert found.coverage.raters == 2
    assert found.dimensions["total"].weakest.value == pytest.approx(60)


def test_balances_of_different_groups_stand_apart() -> None:
    session = therapy_session(
        1, rating("eva", 90), rating("tom", 80), rating("eva", 20, about="family"), rating("tom", 10, about="family")
    )
    found = balances(session, FAMILY, {})
    assert [item.group.about for item in found] == ["family", "therapist"]
    assert [item.dimensions["total"].strength for item in found] == pytest.approx([15, 85])


class TestDiscrepancies:
    def test_every_disjoint_pair_parents_first(self) -> None:
        known = family("eva", "tom", "ana", "oma", subsystems={"elders": ("oma",), "women": ("eva", "oma")})
        found = dimension_balance({"eva": 80.0, "tom": 70.0, "ana": 40.0, "oma": 90.0}, REFERENCE, known)
        assert [(item.of, item.minus) for item in found.discrepancies] == [
            ("parents", "youths"),
            ("elders", "parents"),
            ("elders", "youths"),
            ("women", "youths"),  # elders ⊂ women and women ∩ parents are not disjoint
        ]
        assert found.discrepancies[0].value == pytest.approx(35)  # (80 + 70) / 2 − 40
        assert found.discrepancies[3].value == pytest.approx(45)  # (80 + 90) / 2 − 40

    def test_a_subsystem_of_which_nobody_rated_has_none(self) -> None:
        assert figures_of({"eva": 80.0, "tom": 70.0}).discrepancies == ()

    def test_the_sign_says_who_is_lower(self) -> None:
        assert figures_of({"eva": 40.0, "ana": 90.0}).discrepancies[0].value == pytest.approx(-50)


class TestCoverage:
    def test_counts_raters_present_ceiling_and_joint_sessions(self) -> None:
        known = family("eva", "tom", "ana", "oma")
        session = therapy_session(
            1,
            rating("eva", 97),
            rating("tom", 96.9),
            attendance={"ana": Attendance.late, "oma": Attendance.excused},
        )
        found = balances(session, known, {"srs|member||post|therapist": 5})[0].coverage
        # Eva and Tom rated, so they were there; Ana came late, Oma did not come
        assert (found.raters, found.present, found.at_ceiling, found.joint_sessions) == (2, 3, 1, 5)
        assert found.reference == "ours"

    def test_present_is_unknown_where_nobody_said_anything(self) -> None:
        assert only(rating("o1", about="member/ana", instrument="btg")).coverage.present is None


class TestMissingRaters:
    def missing(self, *ratings: Rating, **attendance: Attendance) -> tuple[str, ...]:
        return missing_raters(therapy_session(1, *ratings, attendance=attendance), FAMILY, ratings[0])

    def test_those_without_a_rating_in_the_group(self) -> None:
        assert self.missing(rating("tom"), rating("eva", about="family")) == ("member/ana", "member/eva")

    def test_nobody(self) -> None:
        assert self.missing(rating("eva"), rating("tom"), rating("ana", instrument="csrs")) == ()

    @pytest.mark.parametrize(
        ("entry", "missed"),
        [
            (Attendance.attended, True),
            (Attendance.late, True),
            (Attendance.excused, False),
            (Attendance.late_cancelled, False),
            (Attendance.no_show, False),
            (Attendance.not_invited, False),
        ],
    )
    def test_who_was_not_there_is_not_missed(self, entry: Attendance, missed: bool) -> None:
        assert ("member/ana" in self.missing(rating("eva"), rating("tom"), ana=entry)) is missed

    @pytest.mark.parametrize(
        "member",
        [
            Member(MemberRole.youth, active=False),
            Member(MemberRole.youth, expected=False),
            Member(MemberRole.youth, supporter=True),
        ],
    )
    def test_who_is_not_expected_is_not_missed(self, member: Member) -> None:
        known = family("eva", "tom")
        grown = replace(known, members={**known.members, "ana": member})
        assert missing_raters(therapy_session(1, rating("eva")), grown, rating("eva")) == ("member/tom",)

    def test_an_observer_misses_the_members_not_rated(self) -> None:
        assert self.missing(observed("eva", 1), observed("tom", 1)) == ("member/ana",)

    def test_a_rating_of_the_family_misses_nobody(self) -> None:
        assert self.missing(rating("dr-7", about="family")) == ()

    def test_nobody_is_missed_in_a_session_that_nobody_came_to(self) -> None:
        session = therapy_session(1, rating("eva"), status=SessionStatus.no_show)
        assert missing_raters(session, FAMILY, rating("eva")) == ()


members = st.permutations(["eva", "tom", "ana", "kim", "oma"])
percents = st.lists(st.floats(0, 100), min_size=2, max_size=5)


@given(percents, members)
@settings(deadline=None, max_examples=80)
def test_ranges(values: list[float], names: list[str]) -> None:
    found = figures_of(dict(zip(names, values, strict=False)))
    small = 1e-9
    assert found.weakest.value - small <= found.strength <= 100 + small
    assert -small <= found.gap <= 100
    assert -small <= found.agreement_index <= 100 + small
    assert sum(found.side.values()) == pytest.approx(0, abs=1e-6)
    assert found.weakest.value == min(values)


@given(percents, st.data())
@settings(deadline=None, max_examples=80)
def test_the_order_of_members_does_not_matter(values: list[float], data: st.DataObject) -> None:
    scores = dict(zip(["eva", "tom", "ana", "kim", "oma"], values, strict=False))
    shuffled = dict(data.draw(st.permutations(list(scores.items()))))
    one, other = figures_of(scores), figures_of(shuffled)
    assert one.side == pytest.approx(other.side)
    assert one.weakest == other.weakest
    assert one.subgroups == other.subgroups
    assert one.dispersion == pytest.approx(other.dispersion)
    assert [item.value for item in one.discrepancies] == pytest.approx([item.value for item in other.discrepancies])


@given(st.integers(2, 5), st.floats(0, 100))
@settings(deadline=None, max_examples=40)
def test_unanimity(n: int, value: float) -> None:
    found = figures_of(dict.fromkeys(["eva", "tom", "ana", "kim", "oma"][:n], value))
    assert found.strength == pytest.approx(value)
    assert (found.gap, found.agreement_index) == pytest.approx((0, 100))
    assert list(found.side.values()) == pytest.approx([0] * n, abs=1e-9)
    assert len(found.weakest.members) == n


@given(percents, st.floats(0.1, 1), st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_an_affine_change_scales_every_difference(values: list[float], factor: float, place: float) -> None:
    """x → factor·x + shift within 0..100: distances scale, levels move, directions stay."""
    shift = place * 100 * (1 - factor)
    names = ["eva", "tom", "ana", "kim", "oma"]
    one = figures_of(dict(zip(names, values, strict=False)))
    other = figures_of(dict(zip(names, [factor * value + shift for value in values], strict=False)))
    assert other.strength == pytest.approx(factor * one.strength + shift, abs=1e-6)
    assert other.gap == pytest.approx(factor * one.gap, abs=1e-6)
    assert other.dispersion == pytest.approx(factor * one.dispersion, abs=1e-6)
    assert 100 - other.agreement_index == pytest.approx(factor * (100 - one.agreement_index), abs=1e-6)
    assert other.side == pytest.approx({who: factor * value for who, value in one.side.items()}, abs=1e-6)


@given(st.floats(0, 100), st.floats(0, 100))
@settings(deadline=None, max_examples=40)
def test_a_member_without_a_score_is_not_counted_as_zero(eva: float, tom: float) -> None:
    without = only(rating("eva", eva), rating("tom", tom), rating("ana", answers={"goals": 9.0}))
    assert without.dimensions["total"].n == 2
    assert without.dimensions["total"].strength == pytest.approx((eva + tom) / 2, abs=1e-6)


def test_dispersion_is_the_population_s() -> None:
    assert figures_of({"eva": 0.0, "tom": 100.0}).dispersion == pytest.approx(sqrt((50**2 + 50**2) / 2))


def test_a_therapist_has_no_place_among_members() -> None:
    found = balances(therapy_session(1, rating("eva", 90), rating("tom", 80), rating("dr-7", 10)), FAMILY, {})
    members_only = next(item for item in found if item.group.rater_kind is RaterKind.member)
    assert members_only.dimensions["total"].strength == pytest.approx(85)
