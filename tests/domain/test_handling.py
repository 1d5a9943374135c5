from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.domain.concern import Signal, opened
from service.domain.handling import Act, Action, DismissalReason, handled, handling_now
from service.domain.model import Severity
from service.domain.reconcile import Alert, Handling, Origin
from tests.factories import NOW, START, therapy_session

SIGNAL = Signal(("member/ana",), Severity.warning, {})
ALERT = Alert(
    alert_id="a",
    case_id="fam-42",
    concern=opened(SIGNAL, "trust-bond-loss", 1, therapy_session(5), 5),
    therapists=("dr-7",),
    origin=Origin.live,
    opened_at=START,
    changed_at=START,
    revision=3,
)
HELD = 7  # sessions held when somebody acts


def act(action: Action, **options: Any) -> Act:
    return Act(id="h1", action=action, by="dr-7", **options)


@pytest.mark.parametrize(
    ("action", "handling"),
    [
        (Action.acknowledge, Handling.acknowledged),
        (Action.snooze, Handling.snoozed),
        (Action.dismiss, Handling.dismissed),
    ],
)
def test_each_act_has_its_handling(action: Action, handling: Handling) -> None:
    found = handled(ALERT, act(action, sessions=2 if action is Action.snooze else None), HELD, NOW)
    assert found.handling is handling
    assert (found.revision, found.handling_revision, found.changed_at) == (4, 1, NOW)
    assert found.concern == ALERT.concern  # the course alone moves its state
    assert found.handled is not None
    assert (found.handled["id"], found.handled["action"], found.handled["by"]) == ("h1", action.value, "dr-7")


def test_dismissal_keeps_its_reason() -> None:
    found = handled(ALERT, act(Action.dismiss, reason=DismissalReason.data_error), HELD, NOW)
    assert found.handled is not None
    assert found.handled["reason"] == "data-error"


@pytest.mark.parametrize("first", [Action.acknowledge, Action.dismiss, Action.snooze])
def test_unhandling_takes_everything_back(first: Action) -> None:
    once = handled(ALERT, act(first, sessions=2), HELD, NOW)
    back = handled(once, act(Action.unhandle), HELD, NOW)
    assert (back.handling, back.handled) == (Handling.new, None)
    assert (back.snoozed_until, back.snoozed_until_number) == (None, None)
    assert (back.revision, back.handling_revision) == (5, 2)


def test_a_later_act_ends_a_snooze() -> None:
    snoozed = handled(ALERT, act(Action.snooze, sessions=2), HELD, NOW)
    found = handled(snoozed, act(Action.acknowledge), HELD, NOW)
    assert (found.snoozed_until, found.snoozed_until_number) == (None, None)


@pytest.mark.parametrize(
    ("held", "handling"), [(7, Handling.snoozed), (8, Handling.snoozed), (9, Handling.new), (20, Handling.new)]
)
def test_a_snooze_for_two_sessions_is_over_when_two_more_were_held(held: int, handling: Handling) -> None:
    snoozed = handled(ALERT, act(Action.snooze, sessions=2), HELD, NOW)
    assert handling_now(snoozed, held, NOW + timedelta(days=900)) is handling


@pytest.mark.parametrize(
    ("now", "handling"),
    [
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), Handling.snoozed),
        (datetime(2026, 12, 1, tzinfo=UTC), Handling.new),  # the start of the day in UTC
    ],
)
def test_a_snooze_until_a_day(now: datetime, handling: Handling) -> None:
    snoozed = handled(ALERT, act(Action.snooze, until="2026-12-01"), HELD, NOW)
    assert handling_now(snoozed, 500, now) is handling
    assert snoozed.handled is not None
    assert snoozed.handled["until"] == {"date": "2026-12-01"}


@pytest.mark.parametrize("handling", [Handling.new, Handling.acknowledged, Handling.dismissed])
def test_other_handling_does_not_wear_off(handling: Handling) -> None:
    assert handling_now(replace(ALERT, handling=handling), 500, NOW + timedelta(days=900)) is handling


@pytest.mark.parametrize(("at", "noted"), [(START, START), (None, NOW), (NOW + timedelta(hours=3), NOW)])
def test_when_it_was_done(at: datetime | None, noted: datetime) -> None:
    """What was done offline keeps its time; a clock that runs ahead does not."""
    found = handled(ALERT, act(Action.acknowledge, at=at), HELD, NOW)
    assert found.handled is not None
    assert found.handled["at"] == noted.isoformat()
