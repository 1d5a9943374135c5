from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.delivery import DeliveryState
from service.domain.retrying import DEAD_AFTER, JITTER, SCHEDULE, Attempt, Verdict, judged, next_attempt
from service.domain.subscription import StateReason

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
LAST = len(SCHEDULE) + 1


def attempt(status: int | None = 500, **facts: object) -> Attempt:
    usual: dict[str, object] = {"at": AT, "milliseconds": 0, "status": status}
    return Attempt(**{**usual, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tried", "seconds"),
    [(1, 5), (2, 300), (3, 1800), (4, 7200), (5, 18000), (6, 36000), (7, 50400), (8, 72000), (9, 86400), (10, None)],
)
def test_the_schedule_of_the_standard(tried: int, seconds: int | None) -> None:
    expected = None if seconds is None else AT + timedelta(seconds=seconds)
    assert next_attempt(tried, AT, None, 0.0) == expected


def test_ten_attempts_span_three_days_and_some_hours() -> None:
    at, tried = AT, 1
    while (again := next_attempt(tried, at, None, 0.0)) is not None:
        at, tried = again, tried + 1
    # 5 s + 5 min + 30 min + 2 h + 5 h + 10 h + 14 h + 20 h + 24 h
    assert (tried, at - AT) == (10, timedelta(hours=75, minutes=35, seconds=5))
    assert at - AT > DEAD_AFTER


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(None, 300), (0.0, 300), (299.0, 300), (301.0, 301), (-5.0, 300), (86_400.0, 86_400), (1e9, 86_400)],
)
def test_a_receiver_may_ask_for_more_time_up_to_a_day(asked: float | None, seconds: int) -> None:
    assert next_attempt(2, AT, asked, 0.0) == AT + timedelta(seconds=seconds)


@settings(deadline=None, max_examples=50)
@given(tried=st.integers(1, LAST - 1), chance=st.floats(0, 1, exclude_max=True))
def test_jitter_is_only_ever_later_and_bounded(tried: int, chance: float) -> None:
    due = next_attempt(tried, AT, None, chance)
    assert due is not None
    assert SCHEDULE[tried - 1] <= due - AT <= SCHEDULE[tried - 1] * (1 + JITTER)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_taken(status: int) -> None:
    assert judged(attempt(status), 1, None, 0.0) == Verdict(DeliveryState.delivered)
    assert judged(attempt(status), LAST, AT - timedelta(days=9), 0.0) == Verdict(DeliveryState.delivered)


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 409, 411, 429, 500, 503])
def test_not_taken_is_tried_again(status: int | None) -> None:
    found = judged(attempt(status, milliseconds=1500, error=None if status else "timeout"), 1, None, 0.0)
    assert found == Verdict(DeliveryState.waiting, AT + timedelta(seconds=6.5))  # 1.5 s it took, then 5 s


def test_who_says_that_it_is_gone_is_believed() -> None:
    gone = replace(attempt(410), gone=True)
    assert judged(gone, 1, None, 0.0) == Verdict(DeliveryState.failed, None, "gone", StateReason.gone)


@pytest.mark.parametrize(
    ("failing", "ends"),
    [
        (None, None),
        (timedelta(hours=71, minutes=59), None),
        (DEAD_AFTER, StateReason.unreachable),
        (timedelta(days=30), StateReason.unreachable),
    ],
)
def test_after_the_last_attempt_it_is_given_up_and_a_dead_receiver_too(
    failing: timedelta | None, ends: StateReason | None
) -> None:
    since = None if failing is None else AT - failing
    assert judged(attempt(), LAST, since, 0.0) == Verdict(DeliveryState.failed, None, "exhausted", ends)
    assert judged(attempt(), LAST - 1, since, 0.0).ends is None
