"""Overdue: a session was planned, its time and the grace have passed, and nothing was recorded of it.

The fold has no clock. Who has one looks at a course now and then and notes a fact of its last session: when the one
planned to follow became overdue. That moment follows from the plan and the grace, whenever somebody looks.

Ours: sessions that stand as scheduled overrule what the last session planned; one that begins half a day early is the
one that was planned; what became overdue weeks ago and was not noted then is no news.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.carry import Given
from service.domain.facts import EMPTY_SESSION, time_of
from service.domain.model import Family, SessionStatus
from service.domain.records import SessionRecord

ATTENDANCE = "attendance"  # the rule that speaks of it, and knows the grace
EARLY = timedelta(hours=12)
FRESH = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Timed:
    """A session with its time."""

    record: SessionRecord
    held_at: datetime

    @property
    def planned_at(self) -> datetime | None:
        """Return when the next session is planned to be; None where that is not after this one."""
        planned_at = time_of((self.record.facts or EMPTY_SESSION)["next_planned_at"])
        return planned_at if planned_at is not None and planned_at > self.held_at else None

    @property
    def scheduled(self) -> bool:
        status: str = (self.record.facts or EMPTY_SESSION)["status"]
        return status == SessionStatus.scheduled


@dataclass(frozen=True, slots=True)
class Plan:
    """When a session is planned, and the session that says so."""

    at: datetime
    session_id: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a course comes to: what its last session is to be noted with, and when to look at which again."""

    overdue_at: datetime | None = None
    again: Plan | None = None


def look_at(record: SessionRecord, in_course: bool, at: datetime) -> datetime | None:
    """Return when to look at the case of a session that is written `at` some time: when it may matter to the watchdog.

    At once where it may change what was noted, else when the session is due that it plans.
    """
    if not in_course or record.overdue_at is not None:
        return at
    return time_of((record.facts or EMPTY_SESSION)["next_planned_at"])


def look(last: Timed, outside: Iterable[Timed], family: Family, given: Given, now: datetime) -> Look:
    """Look at a course: its last session, and those of the case that are `outside` of it (scheduled, cancelled).

    `given` is what judges the last session.
    """
    plan = _plan(last, [item for item in outside if item.held_at >= last.held_at])
    if plan is None or not _awaited(last, family) or ATTENDANCE in given.off:
        return Look()
    due = plan.at + timedelta(hours=given.parameters[ATTENDANCE].grace_hours)
    if due > now:
        return Look(again=Plan(due, plan.session_id))
    return Look(due if due >= now - FRESH else last.record.overdue_at)


def _plan(last: Timed, later: Sequence[Timed]) -> Plan | None:
    """Return the first session that is awaited after the last one of a course."""
    scheduled = [item for item in later if item.scheduled and item.held_at >= last.held_at + EARLY]
    if scheduled:
        return min((Plan(item.held_at, item.record.session_id) for item in scheduled), key=_order)
    dropped = [item for item in later if not item.scheduled]
    plans = (
        Plan(item.planned_at, item.record.session_id)
        for item in (last, *dropped)
        if item.planned_at is not None and not _answered(item, item.planned_at, dropped)
    )
    return min(plans, key=_order, default=None)


def _order(plan: Plan) -> tuple[datetime, str]:
    return (plan.at, plan.session_id)


def _answered(planning: Timed, planned_at: datetime, dropped: Iterable[Timed]) -> bool:
    """Tell whether a planned session is known to have been cancelled."""
    return any(planning.held_at < item.held_at <= planned_at + EARLY for item in dropped)


def _awaited(last: Timed, family: Family) -> bool:
    """Tell whether treatment goes on, and with whom."""
    somebody = not family.members or any(member.awaited for member in family.members.values())
    return somebody and not family.treatment_ended(last.held_at, None)
