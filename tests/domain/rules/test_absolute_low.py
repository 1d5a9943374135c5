"""Absolute-low, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Phase, RaterKind, Rating, SessionStatus, Severity, TherapySession
from tests.domain.rules.walking import concerns_of, states_of
from tests.factories import course, family, rating, therapy_session

CODE = "absolute-low"


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


# The cut-off of the SRS is 36 of 40 = 90 percent, "below" means below; the WAI-SR has none: its low mark 50 stands in.
@pytest.mark.parametrize(
    ("instrument", "totals", "opens"),
    [
        ("srs", [89.9], True),
        ("srs", [90.0], False),
        ("csrs", [89.9], True),  # individual rules run on a child's form
        ("srs", [95, 89.9], True),
        ("srs", [95, 95, 89.9], True),
        ("srs", [95, 95, 95, 89.9], False),
        ("srs", [None, None, None, 20], False),
        ("wai_sr", [49.9], True),
        ("wai_sr", [50.0], False),
    ],
)
def test_fires_below_the_cut_off_in_the_first_three_sessions(
    instrument: str, totals: list[float | None], opens: bool
) -> None:
    found = concerns(course(instrument, ana=totals))
    assert [(item.subject, item.severity) for item in found] == ([(("member/ana",), Severity.info)] if opens else [])


@pytest.mark.parametrize(
    "given",
    [
        rating("ana", 20, phase=Phase.pre),
        rating("ana", 20, instrument="ors"),
        rating("ana", 20, about="member/tom"),
        rating("ana", 20, about="family"),
        rating("dr-7", 20, kind=RaterKind.therapist),
    ],
    ids=["before the session", "an outcome form", "about a member", "about the family", "the therapist's"],
)
def test_quiet_about_what_is_no_member_s_alliance_with_the_therapist(given: Rating) -> None:
    assert concerns([therapy_session(1, given)]) == []


def test_quiet_in_a_session_that_was_not_held() -> None:
    assert concerns([therapy_session(1, rating("ana", 20), status=SessionStatus.no_show)]) == []


def test_sessions_nobody_came_to_do_not_count_among_the_three() -> None:
    away = therapy_session(1, status=SessionStatus.no_show)
    held = [therapy_session(number, rating("ana", 95)) for number in (2, 3)]
    assert len(concerns([away, *held, therapy_session(4, rating("ana", 80))])) == 1


def test_over_several_forms_the_one_furthest_below_stands() -> None:
    both = therapy_session(1, rating("ana", 85), rating("ana", 40, instrument="wai_sr"))
    (concern,) = concerns([both])
    assert concern.signal.values == {"series": "member/ana|wai_sr|post|therapist|total", "total": 40.0}


@pytest.mark.parametrize(
    ("totals", "state", "reason"),
    [
        ([80, 90], State.recovered, None),
        ([80, 89.9], State.open, None),
        ([80, 89.9, 90], State.recovered, None),
        ([80, 80, 80, 95], State.recovered, None),  # above the cut-off at session 4 is above the cut-off
        ([80, 80, 80, 80], State.closed, Reason.window_passed),
        ([80, None, None], State.open, None),
        ([80, None, None, None], State.closed, Reason.window_passed),
    ],
)
def test_clears(totals: list[float | None], state: State, reason: Reason | None) -> None:
    (concern,) = concerns(course(ana=totals, eva=[95] * len(totals)))
    assert (concern.state, concern.reason) == (state, reason)


def test_session_four_closes_it_even_if_the_case_stands_still_before() -> None:
    away = therapy_session(4, status=SessionStatus.no_show)
    sessions = [*course(ana=[80, 80, 80]), away, therapy_session(5, rating("ana", 80))]
    assert states_of(CODE, sessions, family()) == [State.open] * 4 + [State.closed]


def test_it_opens_again_within_the_first_three() -> None:
    (concern,) = concerns(course(ana=[80, 95, 80]))
    assert (concern.openings, concern.state) == (2, State.open)
