"""Escalations: what is critical and nobody has handled in time, put on its way to supervisors, once each."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Uuid, and_, bindparam, func, literal, literal_column, or_, select, type_coerce
from sqlalchemy.dialects.postgresql import insert

from service.db.columns import Code
from service.db.deliveries import MOMENT, alerts, deliveries, new_delivery, silence_of, wanted_of
from service.db.engine import Db
from service.db.statements import ORGANIZATION, Statement
from service.db.subscriptions import IN_FORCE, subscriptions
from service.domain.concern import ACTIVE
from service.domain.delivery import Event
from service.domain.model import Severity
from service.domain.reconcile import Handling, Origin
from service.domain.subscription import Role


def _named(*parts: Any) -> Any:
    """Return an id of the alert and of when it began to wait: whoever finds it again, or at once, finds the same."""
    return type_coerce(func.md5(func.concat(type_coerce(alerts.c.alert_id, Code()), "/", *parts)).cast(Uuid()), Uuid())


def _is(item: Any, *values: StrEnum) -> Any:
    """Return whether a column has one of some values, each written out, or no index of such alone would be used."""
    return or_(*(item == literal_column(f"'{value.value}'", Code()) for value in values))


def _escalate() -> Any:
    since = func.coalesce(alerts.c.asked_at, alerts.c.opened_at)
    epoch = func.extract("epoch", since)
    event, silence = literal(Event.escalated.value, Code()), silence_of(alerts.c.case_id)
    told = select(deliveries.c.event_id).where(
        deliveries.c.organization_id == ORGANIZATION,
        deliveries.c.subscription_id == subscriptions.c.subscription_id,
        deliveries.c.event_id == _named(epoch),
    )
    # what is withheld has an id of its own: what still waits when the hold is over is told then
    begun = new_delivery(_named(epoch, silence), event, bindparam("now", type_=MOMENT))
    waits = (
        alerts.c.organization_id == ORGANIZATION,
        _is(alerts.c.severity, Severity.critical),
        _is(alerts.c.handling, Handling.new),
        _is(alerts.c.state, *sorted(ACTIVE)),
        _is(alerts.c.origin, Origin.live),
        ~alerts.c.shadow,
        or_(silence.is_(None), ~told.exists()),
        since <= bindparam("before", type_=MOMENT),
        since > bindparam("after", type_=MOMENT),
    )
    supervises = subscriptions.c.role == Role.supervisor.value
    found = (
        select(*begun.values())
        .select_from(alerts)
        .join(subscriptions, and_(subscriptions.c.organization_id == ORGANIZATION, IN_FORCE))
        .where(*waits, *wanted_of(event), or_(subscriptions.c.person.is_(None), supervises))
    )
    return insert(deliveries).from_select(list(begun), found).on_conflict_do_nothing()


ESCALATE = Statement(_escalate())


async def escalate(db: Db, now: datetime, before: datetime, after: datetime) -> None:
    """Put on its way to supervisors, and to systems that want to know, what began to wait by `before`.

    What began to wait until `after` is left alone: it was told long ago, or is old news. Where nobody is told anything,
    that is noted as withheld.
    """
    await db.fetch(ESCALATE, now=now, before=before, after=after)
