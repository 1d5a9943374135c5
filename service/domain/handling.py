"""What a person does with an alert: acknowledge, snooze, dismiss, take it back. The course alone moves its state."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any

from service.domain.plain import freeze
from service.domain.reconcile import Alert, Handling, unhandled


class Action(StrEnum):
    acknowledge = "acknowledge"
    snooze = "snooze"
    dismiss = "dismiss"
    unhandle = "unhandle"


class DismissalReason(StrEnum):
    already_addressed = "already-addressed"
    not_clinically_relevant = "not-clinically-relevant"
    data_error = "data-error"
    duplicate = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act of handling, by the id that its client made.

    `by` a therapist or supervisor id, `at` when they did it; a snooze lasts for `sessions` held sessions from now or
    until the start of a day in UTC (ISO date); `handling_revision` is what the client saw, None if it does not mind.
    """

    id: str
    action: Action
    by: str
    at: datetime | None = None
    sessions: int | None = None
    until: str | None = None
    reason: DismissalReason | None = None
    handling_revision: int | None = None


def act_body(act: Act) -> dict[str, Any]:
    """Return an act as it is stored, and compared with a repeated one: what its client saw meanwhile does not count."""
    told = replace(act, handling_revision=None)
    return dict(zip(act.__dataclass_fields__, freeze(told), strict=True))


def handled(alert: Alert, act: Act, held_sessions: int, now: datetime) -> Alert:
    """Return an alert after an act; both its revisions rise."""
    if act.action is Action.unhandle:
        moved = unhandled(alert)
    else:
        moved = replace(
            alert,
            handling=_AFTER[act.action],
            handled=_noted(act, now),
            handling_revision=alert.handling_revision + 1,
            snoozed_until=datetime.combine(date.fromisoformat(act.until), time(), UTC) if act.until else None,
            snoozed_until_number=held_sessions + act.sessions if act.sessions else None,
        )
    return replace(moved, revision=alert.revision + 1, changed_at=now)


def handling_now(alert: Alert, held_sessions: int, now: datetime) -> Handling:
    """Return how an alert is handled as of now: a snooze that is over reads as new."""
    if alert.handling is not Handling.snoozed:
        return alert.handling
    day_came = alert.snoozed_until is not None and now >= alert.snoozed_until
    sessions_came = alert.snoozed_until_number is not None and held_sessions >= alert.snoozed_until_number
    return Handling.new if day_came or sessions_came else Handling.snoozed


_AFTER = {
    Action.acknowledge: Handling.acknowledged,
    Action.snooze: Handling.snoozed,
    Action.dismiss: Handling.dismissed,
}


def _noted(act: Act, now: datetime) -> Mapping[str, Any]:
    """Return who did what and when, as it is stored and shown; a time ahead of ours is a clock that runs fast."""
    until: dict[str, Any] | None = None
    if act.sessions is not None:
        until = {"sessions": act.sessions}
    elif act.until is not None:
        until = {"date": act.until}
    return {
        "id": act.id,
        "action": act.action.value,
        "by": act.by,
        "at": min(act.at or now, now).isoformat(),
        "until": until,
        "reason": act.reason.value if act.reason else None,
    }
