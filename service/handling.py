"""Handling an alert: one act in one transaction, under the lock of its case; repeating it changes nothing."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import queries, reads, stores
from service.db.engine import transaction
from service.domain.commands import Refusal
from service.domain.handling import Act, handled
from service.domain.plain import freeze


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of an act: the alert as it stands now, or why it was refused."""

    alert: reads.StoredAlert | None
    refusal: Refusal | None = None


async def handle(
    engine: AsyncEngine, organization_id: UUID, key_id: str, alert_id: UUID, act: Act, now: datetime
) -> Handled:
    """Take an act in; committed when this returns.

    The case is locked first, as in every write, so a refold and an act never overwrite each other.
    """
    async with transaction(engine, organization_id) as db:
        seen = await reads.alert_by_id(db, alert_id)
        if seen is None:
            return Handled(None, Refusal("not-found"))
        await queries.lock_cases(db, [seen.alert.case_id])
        _, keys = await queries.touched_sessions(db, [], [key_id], now)
        if key_id not in keys:
            return Handled(None, Refusal("key-revoked"))
        current = await reads.alert_by_id(db, alert_id)
        if current is None:
            return Handled(None, Refusal("not-found"))
        body: dict[str, Any] = dict(zip(act.__dataclass_fields__, freeze(_without_revision(act)), strict=True))
        known = await reads.handling_by_id(db, alert_id, act.id)
        if known is not None:
            return Handled(current) if known == body else Handled(current, Refusal("handling-differs"))
        if act.handling_revision is not None and act.handling_revision != current.alert.handling_revision:
            extra = {"handling_revision": current.alert.handling_revision}
            return Handled(current, Refusal("precondition-failed", extra=extra))
        moved = handled(current.alert, act, current.course.held_sessions, now)
        await stores.write_handling(db, alert_id, act.id, body, now)
        moved = replace(moved, change_number=await stores.take_change_numbers(db, 1))
        await stores.write_alerts(db, [moved])
        await stores.write_audit(db, now, [(key_id, f"alert.{act.action.value}", f"alert/{alert_id}", moved.revision)])
        return Handled(replace(current, alert=moved))


def _without_revision(act: Act) -> Act:
    """Return an act as it is compared with a repeated one: what its client saw meanwhile does not count."""
    return replace(act, handling_revision=None)
