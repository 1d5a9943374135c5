"""Convergence of therapist and family. After three scores of 80 percent a total stands at (x − 80) / 5: the spread of
10-cm lines is 5, so sigma = √(6·25 / 8) = 4.330 and sigma · √(1 + 1/3) = 5.
"""

import doctest
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import convergence as module
from service.domain.assess import step
from service.domain.carry import Carry, default_parameters
from service.domain.convergence import Convergence, Split, split_of
from service.domain.figures import figures
from service.domain.model import Family, Phase, Rating, SessionStatus, TherapySession
from tests.factories import couple, family, rating, therapy_session

FAMILY = family("eva", "tom", "ana")
STEADY = (80.0, 80.0, 80.0)


def courses(*ratings: Sequence[Rating]) -> list[TherapySession]:
    """Return weekly sessions, each with the ratings of one place."""
    return [therapy_session(number, *of_session) for number, of_session in enumerate(zip(*ratings, strict=True), 1)]


def rated(who: str, *totals: float, about: str | None = None) -> list[Rating]:
    """Return somebody's totals, one a session."""
    found = [rating(who, total) for total in totals]
    return found if about is None else [replace(item, about=about) for item in found]


def converging(sessions: Sequence[TherapySession], of: Family = FAMILY) -> Convergence | None:
    """Return the convergence of the members' group in the last session."""
    carry = Carry()
    for session in sessions:
        carry = step(carry, session, of, default_parameters()).carry
    shown = figures(carry, sessions[-1], of).balances
    (found,) = [item.convergence for item in shown if item.group.rater_kind == "member"]
    return found


def test_docstrings_tell_the_truth() -> None:
    found = doctest.testmod(module)
    assert found.attempted == 1
    assert found.failed == 0


def test_golden_family() -> None:
    """dr-7 sees it rise by 5 points, Eva by 2; to Tom it is as ever, and Ana's falls by 10."""
    found = converging(
        courses(
            rated("eva", *STEADY, 82), rated("tom", *STEADY, 80), rated("ana", *STEADY, 70), rated("dr-7", *STEADY, 85)
        )
    )
    assert found is not None
    assert found.reason is None
    total = found.dimensions["total"]
    assert total.members == pytest.approx({"eva": 0.4, "tom": 0.0, "ana": -2.0})
    meeting = total.therapists["dr-7"]
    assert meeting.rated == pytest.approx({"family": 1.0})
    assert meeting.difference == pytest.approx({"family": 1 + 1.6 / 3})  # less the mean of 0.4, 0 and −2
    assert meeting.corners is not None
    assert (meeting.corners.of, meeting.corners.minus) == ("parents", "youths")
    assert meeting.corners.standings == pytest.approx({"therapist": 1.0, "parents": 0.2, "youths": -2.0})
    assert meeting.corners.split is Split.members  # 0.2 + 2 = 2.2 against |−0.9 − 1| = 1.9


def test_a_member_and_a_subsystem_are_met_one_by_one() -> None:
    found = converging(
        courses(
            rated("eva", *STEADY, 80),
            rated("tom", *STEADY, 75),
            rated("ana", *STEADY, 70),
            rated("dr-7", *STEADY, 85, about="member/ana"),
            rated("dr-7", *STEADY, 80, about="subsystem/parents"),
        )
    )
    assert found is not None
    meeting = found.dimensions["total"].therapists["dr-7"]
    assert meeting.rated == pytest.approx({"member/ana": 1.0, "subsystem/parents": 0.0})
    assert meeting.difference == pytest.approx({"member/ana": 3.0, "subsystem/parents": 0.5})  # 1 + 2, 0 + (0 + 1)/2
    assert meeting.corners is not None
    assert meeting.corners.standings["therapist"] == pytest.approx(1.0)  # of the members that were rated: Ana alone


def test_two_partners_are_two_corners() -> None:
    found = converging(
        courses(rated("eva", *STEADY, 80), rated("tom", *STEADY, 81), rated("dr-7", *STEADY, 70)), couple()
    )
    assert found is not None
    corners = found.dimensions["total"].therapists["dr-7"].corners
    assert corners is not None
    assert (corners.of, corners.minus, corners.split) == ("eva", "tom", Split.therapist)
    assert corners.standings == pytest.approx({"therapist": -2.0, "eva": 0.0, "tom": 0.2})


def test_one_client_and_a_therapist_meet_though_there_is_no_balance() -> None:
    found = converging(courses(rated("ana", *STEADY, 75), rated("dr-7", *STEADY, 80, about="member/ana")))
    assert found is not None
    meeting = found.dimensions["total"].therapists["dr-7"]
    assert (meeting.rated["member/ana"], meeting.difference["member/ana"]) == pytest.approx((0.0, 1.0))
    assert meeting.corners is None


def test_each_is_held_against_its_own_level() -> None:
    """A therapist who always rates 20 points lower does not diverge."""
    found = converging(courses(rated("ana", 90, 90, 90, 90), rated("dr-7", 70, 70, 70, 70)))
    assert found is not None
    assert found.dimensions["total"].therapists["dr-7"].difference == pytest.approx({"family": 0.0})


def test_with_too_few_sessions_there_is_a_reason() -> None:
    assert converging(courses(rated("ana", 80, 80, 70), rated("dr-7", 80, 80, 85))) == Convergence(
        "too-few-sessions", {}
    )


def test_who_has_too_few_scores_is_left_out() -> None:
    sessions = courses(rated("ana", *STEADY, 70), rated("dr-7", *STEADY, 85))
    grown = replace(sessions[-1], ratings=(*sessions[-1].ratings, rating("eva", 20)))
    found = converging([*sessions[:-1], grown])
    assert found is not None
    assert list(found.dimensions["total"].members) == ["ana"]
    assert found.dimensions["total"].therapists["dr-7"].difference == pytest.approx({"family": 3.0})


def test_a_new_therapist_says_nothing_yet() -> None:
    sessions = courses(rated("ana", *STEADY, 70), rated("dr-7", *STEADY, 85))
    grown = replace(sessions[-1], ratings=(*sessions[-1].ratings, replace(rating("dr-7", 20), rater_id="dr-8")))
    found = converging([*sessions[:-1], grown])
    assert found is not None
    assert list(found.dimensions["total"].therapists) == ["dr-7"]


@pytest.mark.parametrize(
    "last",
    [
        therapy_session(4, rating("ana", 70)),
        therapy_session(4, rating("ana", 70), replace(rating("dr-7", 80), phase=Phase.pre)),
        therapy_session(4, rating("ana", 70), rating("dr-7", 80, instrument="wai_sr_t")),
        therapy_session(4, rating("ana", 70, about="therapist/dr-9"), rating("dr-7", 80)),
        therapy_session(4, rating("ana", 70), rating("dr-7", 80), status=SessionStatus.no_show),
        therapy_session(4, rating("ana", 70), rating("o1", 0, instrument="softa_o", about="member/ana")),
    ],
    ids=["no therapist", "before the session", "another form", "about another", "nobody came", "an observer"],
)
def test_there_is_none(last: TherapySession) -> None:
    assert converging([*courses(rated("ana", *STEADY), rated("dr-7", *STEADY)), last]) is None


def test_dimensions_without_a_part_are_not_remembered() -> None:
    found = converging(courses(rated("ana", *STEADY, 70), rated("dr-7", *STEADY, 85)))
    assert found is not None
    assert set(found.dimensions) == {"total", "bond", "goals", "tasks"}


@pytest.mark.parametrize(
    ("therapist", "one", "other", "split"),
    [
        (0.0, 0.5, -0.49, Split.nobody),
        (0.0, 0.5, -0.5, Split.members),  # 1.0 apart is apart
        (1.0, 0.0, 0.0, Split.therapist),
        (0.0, 1.2, 0.3, Split.unclear),  # 1.2 from one of them, 0.75 from their middle, and they are 0.9 apart
        (-1.5, 1.0, 0.0, Split.therapist),  # 2.0 from the middle, 1.0 within
        (1.5, 1.0, -1.0, Split.members),  # 2.0 within, 1.5 from the middle
        (1.5, 1.5, 0.0, Split.members),  # 1.5 within, 0.75 from the middle
        (2.0, 1.0, -1.0, Split.members),  # as far within as without
    ],
)
def test_who_stands_apart(therapist: float, one: float, other: float, split: Split) -> None:
    assert split_of(therapist, one, other) is split


z = st.floats(-4, 4)


@given(z, z, z)
@settings(deadline=None, max_examples=200)
def test_the_sides_and_the_sign_do_not_matter(therapist: float, one: float, other: float) -> None:
    assert split_of(therapist, one, other) is split_of(therapist, other, one) is split_of(-therapist, -one, -other)


@given(st.lists(st.floats(0, 60), min_size=4, max_size=12), st.floats(0, 40))
@settings(deadline=None, max_examples=50)
def test_a_scale_that_lies_higher_changes_nothing(totals: list[float], higher: float) -> None:
    """Whoever rates the same course higher throughout stands the same."""
    sessions = courses(rated("ana", *totals), rated("dr-7", *(total + higher for total in totals)))
    found = converging(sessions)
    assert found is not None
    for figures_of in found.dimensions.values():
        assert figures_of.therapists["dr-7"].difference["family"] == pytest.approx(0.0, abs=1e-6)
