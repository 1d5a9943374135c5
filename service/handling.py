"""What people do about an alert: one act of handling or one repair, in one transaction, under the lock of its case.

Repeating either changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import handlings, queries, reads, repairs, stores
from service.db.bearers import Bearer, admitted
from service.db.deliveries import enqueue
from service.db.engine import Db, transaction
from service.domain.commands import Refusal
from service.domain.delivery import Event
from service.domain.handling import Act, act_body, handled
from service.domain.reconcile import Alert
from service.domain.repair import Repair, repaired, told
from service.domain.rules import Tone, tone_of


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of an act or a repair: the alert as it stands now, or why it was refused; a repair as it is shown."""

    alert: reads.StoredAlert | None
    refusal: Refusal | None = None
    repair: Mapping[str, Any] | None = None


async def handle(engine: AsyncEngine, bearer: Bearer, alert_id: UUID, act: Act, now: datetime) -> Handled:
    """Take an act in; committed when this returns."""
    async with transaction(engine, bearer.organization_id, caseload=bearer.caseload) as db:
        found = await _locked(db, bearer, alert_id, now)
        current = found.alert
        if current is None:
            return found
        body = act_body(act)
        known = await handlings.handling_by_id(db, alert_id, act.id)
        if known is not None:
            return found if known == body else Handled(current, Refusal("handling-differs"))
        if act.handling_revision is not None and act.handling_revision != current.alert.handling_revision:
            extra = {"handling_revision": current.alert.handling_revision}
            return Handled(current, Refusal("precondition-failed", extra=extra))
        moved = handled(current.alert, act, current.course.held_sessions, now)
        await handlings.write_handling(db, alert_id, act.id, body, now)
        moved = await _written(db, bearer, f"alert.{act.action.value}", moved, now)
        return Handled(replace(current, alert=moved))


async def repair(engine: AsyncEngine, bearer: Bearer, alert_id: UUID, tried: Repair, now: datetime) -> Handled:
    """Take a repair in; committed when this returns."""
    async with transaction(engine, bearer.organization_id, caseload=bearer.caseload) as db:
        found = await _locked(db, bearer, alert_id, now)
        current, body = found.alert, tried.stored()
        if current is None:
            return found
        known = await repairs.repair_by_id(db, alert_id, tried.id)
        if known is not None:
            stored, received_at = known
            if stored != body:
                return Handled(current, Refusal("repair-differs"))
            return Handled(current, repair=told(tried.id, stored, received_at))
        if tone_of(current.alert.concern.rule) is Tone.good_news:
            return Handled(current, Refusal("good-news"))
        await repairs.write_repair(db, alert_id, tried.id, body, now)
        moved = await _written(db, bearer, "alert.repair", repaired(current.alert, tried, now), now)
        return Handled(replace(current, alert=moved), repair=moved.last_repair)


async def _locked(db: Db, bearer: Bearer, alert_id: UUID, now: datetime) -> Handled:
    """Return an alert as it stands now, or why they may do nothing about it.

    The case is locked first, as in every write, so a refold and an act never overwrite each other.
    """
    seen = await reads.alert_by_id(db, alert_id)
    if seen is None:
        return Handled(None, Refusal("not-found"))
    await queries.lock_cases(db, [seen.alert.case_id])
    if not await admitted(db, bearer, now):
        return Handled(None, Refusal("key-revoked"))
    current = await reads.alert_by_id(db, alert_id)
    return Handled(current) if current is not None else Handled(None, Refusal("not-found"))


async def _written(db: Db, bearer: Bearer, action: str, moved: Alert, now: datetime) -> Alert:
    """Store an alert under the organization's next number, taken last."""
    taken = await stores.take_change_numbers(db, 1)
    numbered = replace(moved, change_number=taken.first)
    await stores.write_alerts(db, [numbered])
    if taken.subscribed:
        await enqueue(db, {numbered.change_number: Event.handled})
    await stores.write_audit(db, now, [(bearer.name, action, f"alert/{moved.alert_id}", moved.revision)])
    return numbered
