"""Acts of handling that come late, many at once: one transaction, each with a fate of its own.

Sending them again changes nothing: what was taken in is there already, and what was overtaken still is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import handlings, queries, stores
from service.db.bearers import Bearer, admitted
from service.db.deliveries import enqueue
from service.db.engine import Db, transaction
from service.db.reads import StoredAlert, alerts_by_id
from service.domain.catching_up import Fate, Taken, done_at, is_overtaken, last_act
from service.domain.commands import Refusal
from service.domain.delivery import Event
from service.domain.handling import Act, act_body, handled

Late = tuple[UUID, Act]  # the alert, and what was done with it


class Ended(Exception):
    """Whoever sends them may not come in any more."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What became of one act: the alert as it stands after all of them, and which act was there first."""

    fate: Fate
    alert: StoredAlert | None = None
    first: Taken | None = None
    refusal: Refusal | None = None


@dataclass(slots=True)
class Desk:
    """The alerts that the acts are about, under the locks of their cases, and what was done with each so far.

    `applied` are the acts that were, each with the revision it made.
    """

    now: datetime
    alerts: dict[UUID, StoredAlert]
    acts: dict[UUID, dict[str, Taken]]
    applied: list[tuple[UUID, Act, int]] = field(default_factory=list)

    def take(self, alert_id: UUID, act: Act, told_of_state: bool) -> CaughtUp:
        """Judge one act, and apply it if nothing speaks against it."""
        current, body = self.alerts.get(alert_id), act_body(act)
        if current is None or (told_of_state and current.alert.retracted):
            return CaughtUp(Fate.gone)
        acts = self.acts[alert_id]
        if act.id in acts:
            same = acts[act.id].body == body
            return CaughtUp(Fate.already) if same else CaughtUp(Fate.refused, refusal=Refusal("handling-differs"))
        last = last_act(acts.values())
        if is_overtaken(act, current.alert, last, self.now):
            return CaughtUp(Fate.overtaken, first=last)
        moved = handled(current.alert, act, current.course.held_sessions, self.now)
        self.alerts[alert_id] = replace(current, alert=moved)
        acts[act.id] = Taken(body, self.now)
        self.applied.append((alert_id, act, moved.revision))
        return CaughtUp(Fate.applied)


async def catch_up(
    engine: AsyncEngine, bearer: Bearer, late: Sequence[Late], now: datetime, told_of_state: bool
) -> list[CaughtUp]:
    """Take acts in, in the order in which they were done; committed when this returns, their fates as they were sent.

    Who is not `told_of_state` does not learn that an alert was retracted. Raises Ended.
    """
    async with transaction(engine, bearer.organization_id, caseload=bearer.caseload) as db:
        desk = await _opened(db, bearer, {alert_id for alert_id, _ in late}, now)
        order = sorted(range(len(late)), key=lambda place: (done_at(late[place][1].at, now), place))
        fates = {place: desk.take(*late[place], told_of_state) for place in order}
        await _store(db, bearer, desk)
    return [replace(fates[place], alert=desk.alerts.get(alert_id)) for place, (alert_id, _) in enumerate(late)]


async def _opened(db: Db, bearer: Bearer, alert_ids: Iterable[UUID], now: datetime) -> Desk:
    """Lock the cases first, as in every write, so a refold and an act never overwrite each other."""
    seen = await alerts_by_id(db, alert_ids)
    await queries.lock_cases(db, {stored.alert.case_id for stored in seen.values()})
    if not await admitted(db, bearer, now):
        raise Ended
    current = await alerts_by_id(db, seen)
    return Desk(now, current, await handlings.acts_of(db, current))


async def _store(db: Db, bearer: Bearer, desk: Desk) -> None:
    """Store what was applied; each alert takes one of the organization's next numbers, last of all."""
    now, changed = desk.now, sorted({alert_id for alert_id, _, _ in desk.applied})
    if not changed:
        return
    await handlings.write_handlings(db, [(where, act.id, act_body(act)) for where, act, _ in desk.applied], now)
    name = bearer.name
    audited = [(name, f"alert.{act.action.value}", f"alert/{where}", made) for where, act, made in desk.applied]
    await stores.write_audit(db, now, audited)
    taken = await stores.take_change_numbers(db, len(changed))
    for number, alert_id in enumerate(changed, taken.first):
        stored = desk.alerts[alert_id]
        desk.alerts[alert_id] = replace(stored, alert=replace(stored.alert, change_number=number))
    await stores.write_alerts(db, [desk.alerts[alert_id].alert for alert_id in changed])
    if taken.subscribed:
        await enqueue(db, {desk.alerts[alert_id].alert.change_number: Event.handled for alert_id in changed})
