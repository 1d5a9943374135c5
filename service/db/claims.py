"""Deliveries on their way: taken up, held back, settled.

Taking one up needs no lock that lasts: it becomes due again for when whoever took it may have died. The row of its
subscription is the lock under which deliveries are taken up and settled.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Integer,
    Uuid,
    all_,
    and_,
    any_,
    bindparam,
    case,
    column,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from service.db.caseload import reached
from service.db.columns import Code
from service.db.deliveries import MOMENT, WAITING, alerts, deliveries, delivery_of, silence_of
from service.db.engine import Db
from service.db.statements import ORGANIZATION, Statement, listed
from service.db.subscriptions import IN_FORCE, subscription_of, subscriptions
from service.domain.concern import ACTIVE
from service.domain.delivery import Delivery, DeliveryState, Event
from service.domain.reconcile import Handling
from service.domain.retrying import Attempt, Verdict
from service.domain.subscription import Subscription

NOW, UNTIL = bindparam("now", type_=MOMENT), bindparam("until", type_=MOMENT)
MOST_MERGED = 200  # deliveries that one message to a person may stand for

Outcome = tuple[Delivery, Attempt | None, Verdict]  # what became of a delivery, by which attempt if one was made


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that was taken up, to whom it goes, and why it need not be sent by now, if so."""

    delivery: Delivery
    subscription: Subscription
    silence: str | None


def _due(to: Any) -> Any:
    """Return what is due to each subscription of a table, the oldest first, as a part of a statement about them."""
    mine = (deliveries.c.organization_id == ORGANIZATION, deliveries.c.subscription_id == to.c.subscription_id)
    found = select(deliveries.c.event_id, deliveries.c.due_at).where(*mine, WAITING, deliveries.c.due_at <= NOW)
    return found.order_by(deliveries.c.due_at, deliveries.c.event_id).correlate(to)


def _free() -> Any:
    """Return whether something may be sent to a subscription: to a person not while another message is on its way.

    Otherwise several workers would each tell them something, and none would count what the others do.
    """
    mine = (
        deliveries.c.organization_id == ORGANIZATION,
        deliveries.c.subscription_id == subscriptions.c.subscription_id,
    )
    leased = (deliveries.c.tried > 0, deliveries.c.due_at > NOW, deliveries.c.due_at <= UNTIL)
    under_way = select(deliveries.c.event_id).where(*mine, WAITING, *leased).correlate(subscriptions)
    return or_(subscriptions.c.person.is_(None), ~under_way.exists())


def _hold() -> Any:
    first = _due(subscriptions).limit(1).lateral("first")
    return (
        select(subscriptions.c.subscription_id)
        .join(first, true())
        .where(
            subscriptions.c.organization_id == ORGANIZATION,
            IN_FORCE,
            subscriptions.c.subscription_id != all_(listed("busy")),
            _free(),
        )
        .order_by(first.c.due_at)
        .limit(bindparam("room", type_=Integer()))
        .with_for_update(key_share=True, skip_locked=True, of=subscriptions)
    )


HOLD = Statement(_hold())


def _claim() -> Any:
    held = subscriptions.c.subscription_id == any_(listed("held"))
    lanes = select(*subscriptions.c).where(subscriptions.c.organization_id == ORGANIZATION, held, _free()).cte("lanes")
    most = case(
        (lanes.c.person.is_not(None), literal(MOST_MERGED, Integer())),
        (lanes.c.failing_since.is_(None), bindparam("most", type_=Integer())),
        else_=1,
    )
    due = _due(lanes).limit(most).with_for_update(skip_locked=True, of=deliveries).lateral("due")
    labels = [item.label(f"to_{item.name}") for item in lanes.c]
    to = select(due.c.event_id, *labels).select_from(lanes.join(due, true())).cte("picked")
    silence = func.coalesce(silence_of(deliveries.c.case_id), _overtaken(to))
    return (
        update(deliveries)
        .where(
            deliveries.c.organization_id == ORGANIZATION,
            deliveries.c.subscription_id == to.c.to_subscription_id,
            deliveries.c.event_id == to.c.event_id,
        )
        .values(due_at=UNTIL, tried=deliveries.c.tried + 1)
        .returning(*deliveries.c, *(to.c[item.name] for item in labels), silence.label("silence"))
    )


def _overtaken(to: Any) -> Any:
    """Return why a person need not be told by now, or anybody that nobody has handled an alert; null if it is to be."""
    mine = (alerts.c.organization_id == ORGANIZATION, alerts.c.alert_id == deliveries.c.alert_id)
    person = to.c.to_person.is_not(None)
    asks = or_(person, deliveries.c.event == Event.escalated.value)
    reason = case(
        (and_(person, ~reached(to.c.to_therapists, deliveries.c.case_id)), literal("handed-over", Code())),
        (and_(asks, *(alerts.c.state != state.value for state in sorted(ACTIVE))), literal("over", Code())),
        (and_(asks, alerts.c.handling != Handling.new.value), literal("handled", Code())),
    )
    return select(reason).where(*mine).scalar_subquery()


CLAIM = Statement(_claim())


async def claim(
    db: Db, now: datetime, until: datetime, most: int, busy: Collection[str] = (), room: int = 64
) -> list[Claimed]:
    """Take up what is due, unless others do, and make it due again `until` they settle it.

    Of at most `room` subscriptions that are not busy `most` each, or one while it fails: a dead receiver takes nobody's
    turn. Of a person's all, since one message stands for all of them, and none while another is on its way to them.
    """
    found = await db.fetch(HOLD, now=now, until=until, busy=sorted(busy), room=room)
    held = [row["subscription_id"] for row in found]
    # asked once they are held: what others took up or settled until then is seen, and nobody takes up more meanwhile
    rows = await db.fetch(CLAIM, now=now, until=until, most=most, held=held) if held else []
    to = {name: f"to_{name}" for name in subscriptions.c.keys()}
    return [
        Claimed(delivery_of(row), subscription_of({name: row[label] for name, label in to.items()}), row["silence"])
        for row in rows
    ]


SETTLE = Statement(
    update(deliveries)
    .where(
        deliveries.c.organization_id == ORGANIZATION,
        deliveries.c.subscription_id == bindparam("whose", type_=Code()),
        deliveries.c.event_id == bindparam("which", type_=Uuid()),
        deliveries.c.tried == bindparam("nth", type_=Integer()),
        WAITING,
    )
    .values(
        state=bindparam("new_state", type_=Code()),
        state_reason=bindparam("reason", type_=Code()),
        merged_into=bindparam("into", type_=Uuid()),
        tried=bindparam("counted", type_=Integer()),
        due_at=func.coalesce(bindparam("due", type_=MOMENT), deliveries.c.due_at),
        settled_at=bindparam("settled", type_=MOMENT),
        attempts=deliveries.c.attempts.op("||")(bindparam("tries", type_=JSONB())),
    )
)


async def settle(db: Db, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Note what became of deliveries, unless somebody else took them up meanwhile.

    One held back was not tried; one tried again keeps why it had waited, since a digest waits for no other.
    """
    await db.run(SETTLE, [_settled(*outcome, now) for outcome in outcomes])


def _settled(delivery: Delivery, attempt: Attempt | None, verdict: Verdict, now: datetime) -> Mapping[str, Any]:
    waits = verdict.state is DeliveryState.waiting
    return {
        "whose": delivery.subscription_id,
        "which": UUID(delivery.event_id),
        "nth": delivery.tried,
        "counted": delivery.tried - (waits and attempt is None),
        "new_state": verdict.state.value,
        "reason": verdict.state_reason or (delivery.state_reason if waits else None),
        "into": None if verdict.merged_into is None else UUID(verdict.merged_into),
        "due": verdict.due_at,
        "settled": None if waits else now,
        "tries": [] if attempt is None else [_logged(attempt)],
    }


def _logged(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": attempt.at.isoformat(),
        "milliseconds": attempt.milliseconds,
        "status": attempt.status,
        "error": attempt.error,
    }


def _told() -> Any:
    """Return how many messages each of some subscriptions has had since a time of its own."""
    day = func.unnest(listed("whose"), bindparam("begun", type_=ARRAY(MOMENT)))
    since = day.table_valued(column("subscription_id", Code()), column("begun", MOMENT), name="since").render_derived()
    gone = and_(deliveries.c.state == DeliveryState.delivered.value, deliveries.c.settled_at >= since.c.begun)
    return (
        select(since.c.subscription_id, func.count().label("told"))
        .select_from(since)
        .join(deliveries, deliveries.c.subscription_id == since.c.subscription_id)
        .where(deliveries.c.organization_id == ORGANIZATION, gone)
        .group_by(since.c.subscription_id)
    )


TOLD = Statement(_told())


async def count_told(db: Db, begun: Mapping[str, datetime]) -> dict[str, int]:
    """Return how many messages each of some subscriptions has had since a time; one that had none is left out."""
    rows = await db.fetch(TOLD, whose=list(begun), begun=list(begun.values())) if begun else []
    return {row["subscription_id"]: row["told"] for row in rows}
