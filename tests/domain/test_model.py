import pytest

from service.domain.model import (
    Family,
    Member,
    MemberRole,
    Period,
    Phase,
    SessionStatus,
    Severity,
    TherapySession,
    member_reference,
)
from tests.factories import START, couple, family, held_at, rating, therapy_session


def test_severities_rise() -> None:
    assert [severity.value for severity in sorted(Severity, key=lambda one: one.rank)] == [
        "info",
        "warning",
        "critical",
    ]


@pytest.mark.parametrize(
    ("enum", "words"),
    [
        (MemberRole, "client youth child parent partner sibling grandparent extended other"),
        (SessionStatus, "scheduled held no-show late-cancelled cancelled"),
        (Phase, "post pre"),
    ],
)
def test_the_words_of_the_contract(enum: type[MemberRole | SessionStatus | Phase], words: str) -> None:
    assert [item.value for item in enum] == words.split()


def test_natural_key_of_a_rating_within_its_session() -> None:
    assert rating("ana").natural_key == ("member", "ana", "therapist", "srs", "post")


def test_sessions_stand_by_time_then_id() -> None:
    one, two = therapy_session(1, session_id="b"), therapy_session(1, session_id="a")
    later = therapy_session(2, session_id="0")
    assert sorted([later, one, two], key=lambda session: session.position) == [two, one, later]


class TestSubsystems:
    def test_by_role(self) -> None:
        known = family("eva", "tom", "ana", "kim", "oma")
        assert known.subsystem("parents") == {"eva", "tom"}
        assert known.subsystem("youths") == {"ana", "kim"}  # youth and child
        assert known.subsystem("couple") == frozenset()
        assert known.subsystem("elders") == frozenset()
        assert known.subsystem_codes() == ("parents", "youths")

    def test_declared_ones_stand_over_the_defaults(self) -> None:
        known = family("eva", "tom", "ana", subsystems={"parents": ("eva",), "men": ("tom",)})
        assert known.subsystem("parents") == {"eva"}
        assert known.subsystem_codes() == ("men", "parents", "youths")

    def test_a_couple(self) -> None:
        assert couple().subsystem("couple") == {"eva", "tom"}

    @pytest.mark.parametrize(
        ("of", "one", "other", "same"),
        [
            (family("eva", "tom", "ana"), "eva", "tom", True),
            (family("eva", "tom", "ana"), "eva", "ana", False),
            (couple(), "eva", "tom", False),  # partners stand on two sides
            (family("eva", "oma", subsystems={"women": ("eva", "oma")}), "eva", "oma", True),
            (family("eva", "oma"), "eva", "oma", False),
        ],
    )
    def test_same_side(self, of: Family, one: str, other: str, same: bool) -> None:
        assert of.same_side(one, other) is same
        assert of.same_side(other, one) is same


class TestTreatmentEnded:
    """Dates are days in UTC; a period ends with its last day."""

    @pytest.mark.parametrize(
        ("to", "ended_as", "between", "at_last"),
        [
            ("2026-01-04", "completed", False, False),  # before the first session
            ("2026-01-05", "completed", True, True),  # on its day
            ("2026-01-11", "dropped-out", True, True),
            ("2026-01-12", "completed", False, True),  # on the day of the next one: that one still belongs to it
            ("2026-01-08", None, False, False),  # a break, no end
            (None, None, False, False),
        ],
    )
    def test_between_sessions_and_after_the_last(
        self, to: str | None, ended_as: str | None, between: bool, at_last: bool
    ) -> None:
        known = family(periods=[Period("2025-12-01", to, ended_as)])
        assert known.treatment_ended(START, held_at(2)) is between
        assert known.treatment_ended(START, None) is at_last


def test_references() -> None:
    assert member_reference("ana") == "member/ana"


def test_a_member_is_active_and_expected_unless_said_otherwise() -> None:
    member = Member(MemberRole.other)
    assert (member.active, member.expected, member.index) == (True, True, False)


def test_a_session_is_held_unless_said_otherwise() -> None:
    session = TherapySession("s1", START)
    assert session.held
    assert not session.indicators_observed


@pytest.mark.parametrize(
    ("member", "awaited"),
    [
        (Member(MemberRole.extended), True),
        (Member(MemberRole.extended, active=False), False),
        (Member(MemberRole.extended, expected=False), False),
        (Member(MemberRole.extended, supporter=True), False),
    ],
)
def test_who_is_awaited_in_the_room(member: Member, awaited: bool) -> None:
    assert member.awaited is awaited
