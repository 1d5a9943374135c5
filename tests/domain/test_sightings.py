"""What was seen, pooled and run."""

import pytest

from service.domain.model import Attendance, Indicator, SessionStatus, TherapySession
from service.domain.moment import Moment
from service.domain.sightings import gravest, looked_at, runs_after, times_at
from tests.factories import family, indicator, therapy_session

HOSTILE = frozenset({"hostility", "sarcasm"})


def moment(session: TherapySession) -> Moment:
    return Moment(session, 1, family(), {})


def by_whom(item: Indicator) -> str:
    return item.from_


def test_kinds_and_sources_pool_by_the_highest() -> None:
    mild, clear, severe = (indicator("hostility", severity=level, source="eva") for level in (1, 2, 3))
    sarcasm = indicator("sarcasm", severity=3, source="o1")
    session = therapy_session(1, indicators=(mild, clear, sarcasm, severe))
    # two at 3: the source decides, member/eva before observer/o1
    assert gravest(moment(session), HOSTILE, by_whom) == {"member/ana": severe}


def test_only_the_kinds_asked_for_and_those_it_concerns() -> None:
    session = therapy_session(1, indicators=(indicator("complaint"), indicator("hostility")))
    assert gravest(moment(session), frozenset({"blame"}), by_whom) == {}
    assert gravest(moment(session), HOSTILE, lambda item: None) == {}


def test_nothing_is_seen_in_a_session_that_was_not_held() -> None:
    session = therapy_session(1, indicators=(indicator("hostility"),), status=SessionStatus.no_show)
    assert gravest(moment(session), HOSTILE, by_whom) == {}


@pytest.mark.parametrize(
    ("before", "levels", "looked", "after"),
    [
        ({}, {}, True, {}),
        ({}, {"a": 2}, True, {"a": (2,)}),
        ({"a": (2,)}, {}, True, {"a": (2, 0)}),
        ({"a": (2,)}, {}, False, {"a": (2,)}),  # nobody looked: no "none"
        ({"a": (2,)}, {"a": 1}, False, {"a": (2, 1)}),  # a mark stands even if nobody said that somebody looked
        ({"a": (2,)}, {"b": 1}, False, {"a": (2,), "b": (1,)}),
        ({"a": (3, 1, 2)}, {"a": 1}, True, {"a": (1, 2, 1)}),
        ({"a": (3, 0, 0)}, {}, True, {}),  # the last mark left the window
    ],
)
def test_runs(
    before: dict[str, tuple[int, ...]], levels: dict[str, int], looked: bool, after: dict[str, tuple[int, ...]]
) -> None:
    seen = {name: indicator("hostility", severity=level) for name, level in levels.items()}
    now = moment(therapy_session(1, indicators_observed=looked))
    assert runs_after(before, seen, now, kept=3) == after


def test_times_at_a_level() -> None:
    assert [times_at((0, 1, 2, 3), level) for level in (1, 2, 3)] == [3, 2, 1]


@pytest.mark.parametrize(
    ("reference", "session", "looked"),
    [
        ("member/ana", therapy_session(1, indicators_observed=True), True),  # nobody says that she was away
        ("member/ana", therapy_session(1), False),
        ("member/ana", therapy_session(1, indicators_observed=True, attendance={"ana": Attendance.late}), True),
        ("member/ana", therapy_session(1, indicators_observed=True, attendance={"ana": Attendance.excused}), False),
        ("member/ana", therapy_session(1, indicators_observed=True, attendance={"eva": Attendance.excused}), True),
        ("member/ana", therapy_session(1, indicators_observed=True, status=SessionStatus.no_show), False),
        ("therapist/dr-7", therapy_session(1, indicators_observed=True), True),
        ("therapist/dr-7", therapy_session(1, indicators_observed=True, therapists=()), True),
        ("therapist/dr-7", therapy_session(1, indicators_observed=True, therapists=("dr-8",)), False),
        ("therapist/dr-7", therapy_session(1), False),
        ("family", therapy_session(1, indicators_observed=True, attendance={"ana": Attendance.no_show}), True),
        ("family", therapy_session(1), False),
    ],
)
def test_who_is_away_cannot_be_seen(reference: str, session: TherapySession, looked: bool) -> None:
    assert looked_at(moment(session), reference) is looked
