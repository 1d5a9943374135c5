"""Deliveries as they are stored: written with the change that they tell of, and read."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    column,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from uuid_utils.compat import uuid7

from service.db.caseload import reached
from service.db.circumstances import ON_HOLD, WALLED
from service.db.columns import Code
from service.db.engine import Db
from service.db.rows import Row
from service.db.statements import ORGANIZATION, Statement
from service.db.subscriptions import IN_FORCE, subscriptions
from service.db.tables import AlertRow, CaseRow, DeliveryRow, table_of
from service.domain.concern import ACTIVE
from service.domain.delivery import Delivery, DeliveryState, Event
from service.domain.model import Severity
from service.domain.reconcile import Handling, Origin
from service.domain.subscription import Role

alerts, cases, deliveries = table_of(AlertRow), table_of(CaseRow), table_of(DeliveryRow)

WAITING = deliveries.c.state == DeliveryState.waiting.value
MOMENT = DateTime(timezone=True)


def silence_of(case_id: Any) -> Any:
    """Return why nobody is told anything of a case, as a part of another statement; null mostly. A test is of no case.

    The time of a message tells that of a session, which members on two sides of a wall must not know of each other.
    """
    reason = case((ON_HOLD, literal("safety-hold", Code())), (WALLED, literal("walls", Code())))
    mine = (cases.c.organization_id == ORGANIZATION, cases.c.case_id == case_id)
    return select(reason).where(*mine).scalar_subquery()


def new_delivery(event_id: Any, event: Any, at: Any) -> dict[str, Any]:
    """Return how a delivery to a subscription that tells of an alert begins, as columns.

    It waits, or, where nobody is told anything of the case, is withheld for that reason and settled at once.
    """
    silence = silence_of(alerts.c.case_id)
    waiting, withheld = (literal(state.value, Code()) for state in (DeliveryState.waiting, DeliveryState.withheld))
    return {
        "organization_id": ORGANIZATION,
        "subscription_id": subscriptions.c.subscription_id,
        "event_id": event_id,
        "event": event,
        "occurred_at": at,
        "alert_id": alerts.c.alert_id,
        "case_id": alerts.c.case_id,
        "severity": alerts.c.severity,
        "revision": alerts.c.revision,
        "state": case((silence.is_(None), waiting), else_=withheld),
        "state_reason": silence,
        "settled_at": case((silence.is_not(None), at)),
        "tried": literal(0, Integer()),
        "due_at": at,
        "attempts": literal([], JSONB()),
    }


def wanted_of(event: Any) -> Iterator[Any]:
    """Yield what a subscription's filters ask of an alert and of what happened to it; a person has their caseload."""
    one_of = (
        (subscriptions.c.rules, alerts.c.rule),
        (subscriptions.c.severities, alerts.c.severity),
        (subscriptions.c.cases, alerts.c.case_id),
        (subscriptions.c.events, event),
    )
    yield from (or_(chosen.is_(None), value == any_(chosen)) for chosen, value in one_of)
    mine = subscriptions.c.therapists
    of_person = and_(subscriptions.c.person.is_not(None), reached(mine, alerts.c.case_id))
    yield or_(mine.is_(None), and_(subscriptions.c.person.is_(None), mine.overlap(alerts.c.therapists)), of_person)


def _is_news(event: Any) -> Any:
    """Return whether somebody is told of a change: a system always, a supervisor only of what was not answered.

    A therapist is when an alert opens, and when it begins to wait for somebody once more.
    """
    again = and_(event == Event.changed.value, alerts.c.asked_at == alerts.c.changed_at)
    to_therapist = and_(subscriptions.c.role == Role.therapist.value, or_(event == Event.opened.value, again))
    return or_(subscriptions.c.person.is_(None), to_therapist)


def _waited(event: Any) -> Any:
    """Return whether a therapist is told of an alert that opened, and waits, while nobody was named who could be."""
    mine = (
        deliveries.c.organization_id == ORGANIZATION,
        deliveries.c.subscription_id == subscriptions.c.subscription_id,
    )
    told = select(deliveries.c.event_id).where(*mine, deliveries.c.alert_id == alerts.c.alert_id)
    return and_(
        subscriptions.c.role == Role.therapist.value,
        alerts.c.origin == Origin.live.value,
        alerts.c.handling == Handling.new.value,
        or_(*(alerts.c.state == state.value for state in sorted(ACTIVE))),
        ~told.exists(),
    )


def _enqueue(news: Callable[[Any], Any]) -> Any:
    columns = (column("event_id", Uuid()), column("number", BigInteger()), column("event", Code()))
    arrays = [bindparam(f"{item.name}s", type_=ARRAY(item.type)) for item in columns]
    told = func.unnest(*arrays).table_valued(*columns, name="told").render_derived()
    begun = new_delivery(told.c.event_id, told.c.event, alerts.c.changed_at)
    found = (
        select(*begun.values())
        .select_from(told)
        .join(alerts, (alerts.c.organization_id == ORGANIZATION) & (alerts.c.change_number == told.c.number))
        .join(subscriptions, subscriptions.c.organization_id == ORGANIZATION)
        .where(IN_FORCE, ~alerts.c.shadow, *wanted_of(told.c.event), news(told.c.event))
    )
    return insert(deliveries).from_select(list(begun), found)


ENQUEUE, ENQUEUE_LATE = Statement(_enqueue(_is_news)), Statement(_enqueue(_waited))


async def enqueue(db: Db, events: Mapping[int, Event], late: bool = False) -> None:
    """Put changes of alerts, by their numbers, on their way to whoever wants to be told of them.

    Alerts in shadow are told to nobody, nor is anything of a case on safety hold or with walls: that is withheld.
    `late`: it is told now whose they are, and who has not been told hears of what still waits.
    """
    if events:
        numbers, codes = list(events), [event.value for event in events.values()]
        statement = ENQUEUE_LATE if late else ENQUEUE
        await db.fetch(statement, event_ids=[uuid7() for _ in numbers], numbers=numbers, events=codes)


STORE = Statement(insert(deliveries), deliveries.c.keys())


async def write_delivery(db: Db, delivery: Delivery) -> None:
    """Store a delivery that tells of no alert."""
    row = {name: getattr(delivery, name) for name in deliveries.c.keys() if hasattr(delivery, name)}
    told = {"event_id": UUID(delivery.event_id), "event": delivery.event.value, "state": delivery.state.value}
    await db.run(STORE, [{**row, **told, "settled_at": None, "attempts": []}])


async def give_up(db: Db, subscription_id: str, reason: str, now: datetime) -> None:
    """Let nothing wait any more for a subscription that ended."""
    values = {"state": DeliveryState.failed.value, "state_reason": reason, "settled_at": now}
    await db.execute(update(deliveries).where(*_of(db, subscription_id), WAITING).values(values))


async def replay(
    db: Db, subscription_id: str, now: datetime, since: datetime | None, event_ids: Collection[UUID]
) -> int:
    """Let some deliveries, or all that failed since a time, wait again as if never tried; return how many."""
    failed = deliveries.c.state == DeliveryState.failed.value
    chosen = deliveries.c.event_id.in_(event_ids) if since is None else failed & (deliveries.c.occurred_at >= since)
    unsettled: dict[str, Any] = dict.fromkeys(("state_reason", "merged_into", "settled_at"))
    again = {"state": DeliveryState.waiting.value, "tried": 0, "due_at": now, **unsettled}
    statement = update(deliveries).where(*_of(db, subscription_id), ~WAITING, chosen).values(again)
    return (await db.execute(statement)).rowcount


async def delivery_page(
    db: Db, subscription_id: str, state: Collection[str], after: UUID | None, limit: int
) -> list[Delivery]:
    """Return the deliveries of a subscription, the latest first."""
    statement = select(deliveries).where(*_of(db, subscription_id))
    if state:
        statement = statement.where(deliveries.c.state.in_(state))
    if after is not None:
        statement = statement.where(deliveries.c.event_id < after)
    rows = (await db.execute(statement.order_by(deliveries.c.event_id.desc()).limit(limit))).mappings()
    return [delivery_of(row) for row in rows]


async def forget(db: Db, before: datetime) -> int:
    """Delete what was settled before a time; return how many."""
    old = (deliveries.c.organization_id == db.organization_id, deliveries.c.settled_at < before)
    return (await db.execute(delete(deliveries).where(*old))).rowcount


def _of(db: Db, subscription_id: str) -> tuple[Any, Any]:
    return (deliveries.c.organization_id == db.organization_id, deliveries.c.subscription_id == subscription_id)


def delivery_of(row: Row) -> Delivery:
    return Delivery(
        event_id=str(row["event_id"]),
        subscription_id=row["subscription_id"],
        event=Event(row["event"]),
        occurred_at=row["occurred_at"],
        due_at=row["due_at"],
        alert_id=None if row["alert_id"] is None else str(row["alert_id"]),
        case_id=row["case_id"],
        severity=None if row["severity"] is None else Severity(row["severity"]),
        revision=row["revision"],
        state=DeliveryState(row["state"]),
        state_reason=row["state_reason"],
        merged_into=None if row["merged_into"] is None else str(row["merged_into"]),
        tried=row["tried"],
        attempts=tuple(row["attempts"]),
    )
