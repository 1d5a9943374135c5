"""What became of alerts, counted per rule and version: one statement, whatever their number."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Integer, and_, case, cast, extract, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import Db, connected
from service.db.handlings import handlings
from service.db.queries import alerts, cases
from service.db.statements import same
from service.domain.concern import ACTIVE, Reason, State
from service.domain.handling import Action, DismissalReason
from service.domain.reconcile import Handling, Origin
from service.domain.rule_health import IN_VAIN, RuleHealth

MOMENT = DateTime(timezone=True)


async def rule_health(
    db: Db, since: datetime | None, program: str | None = None, therapist_id: str | None = None
) -> list[RuleHealth]:
    """Return how each version of each rule fared with alerts that opened live since a time, in the order of codes.

    Alerts of old stories and of reassessments came to nobody as news, and one that was merged was another's double.
    """
    dismissed = alerts.c.handling == Handling.dismissed.value
    reason = alerts.c.handled["reason"].astext
    in_vain = and_(dismissed, reason.in_([item.value for item in IN_VAIN]))
    first = _first_acknowledgements(db)
    answered = or_(first.c.at.is_not(None), alerts.c.last_repair.is_not(None), dismissed)
    waited = func.greatest(0, extract("epoch", first.c.at - alerts.c.opened_at))
    seconds = case((first.c.at.is_not(None), waited))  # the greatest of 0 and nothing would be 0
    named = (alerts.c.rule, cast(alerts.c.concern.op("->>")("rule_version"), Integer()), alerts.c.shadow)
    statement = (
        select(
            *(column.label(name) for column, name in zip(named, ("rule", "rule_version", "shadow"), strict=True)),
            func.count().label("fired"),
            _count(alerts.c.state.in_(sorted(ACTIVE))).label("standing"),
            _count(alerts.c.state == State.retracted.value).label("retracted"),
            _count(first.c.at.is_not(None)).label("acknowledged"),
            _count(alerts.c.last_repair.is_not(None)).label("repaired"),
            *(_count(and_(dismissed, reason == item.value)).label(item.value) for item in DismissalReason),
            _count(and_(answered, ~in_vain)).label("useful"),
            *(
                func.percentile_cont(share).within_group(seconds).label(name)
                for share, name in ((0.5, "seconds_median"), (0.9, "seconds_p90"))
            ),
        )
        .select_from(alerts.outerjoin(first, first.c.alert_id == alerts.c.alert_id))
        .where(*_chosen(db, since, program, therapist_id))
        .group_by(*named)
        .order_by(*named)
    )
    return [_health_of(dict(row)) for row in (await db.execute(statement)).mappings()]


async def alerts_since(engine: AsyncEngine, since: datetime) -> list[tuple[str, str, int]]:
    """Return rule, handling and how many alerts opened live since a time, of all organizations and of none by name."""
    statement = (
        select(alerts.c.rule, alerts.c.handling, func.count())
        .where(alerts.c.origin == Origin.live.value, ~alerts.c.shadow, alerts.c.opened_at >= since)
        .group_by(alerts.c.rule, alerts.c.handling)
    )
    async with connected(engine) as connection:
        return [(rule, handling, count) for rule, handling, count in await connection.execute(statement)]


async def count_cases(db: Db, therapist_id: str) -> int:
    """Return in how many cases alerts named a therapist; those alone count that a figure of theirs rests on."""
    chosen = _chosen(db, None, None, therapist_id)
    count: int = (await db.execute(select(func.count(alerts.c.case_id.distinct())).where(*chosen))).scalar_one()
    return count


def _first_acknowledgements(db: Db) -> Any:
    """Return when each alert was first acknowledged, as far as told; a time ahead of ours is a clock that runs fast."""
    told = func.coalesce(cast(handlings.c.body["at"].astext, MOMENT), handlings.c.received_at)
    acknowledged = handlings.c.body["action"].astext == Action.acknowledge.value
    return (
        select(handlings.c.alert_id, func.min(func.least(told, handlings.c.received_at)).label("at"))
        .where(handlings.c.organization_id == db.organization_id, acknowledged)
        .group_by(handlings.c.alert_id)
        .subquery("first")
    )


def _chosen(db: Db, since: datetime | None, program: str | None, therapist_id: str | None) -> list[Any]:
    merged = and_(alerts.c.state == State.retracted.value, alerts.c.state_reason == Reason.merged.value)
    chosen = [
        alerts.c.organization_id == db.organization_id,
        alerts.c.origin == Origin.live.value,
        ~func.coalesce(merged, False),
    ]
    if since is not None:
        chosen.append(alerts.c.opened_at >= since)
    if therapist_id is not None:
        chosen.append(alerts.c.therapists.contains([therapist_id]))
    if program is not None:
        theirs = (same(cases, alerts, "case_id"), cases.c.facts["program"].astext == program)
        chosen.append(select(cases.c.case_id).where(*theirs).exists())
    return chosen


def _count(condition: Any) -> Any:
    return func.count(case((condition, 1)))


def _health_of(row: dict[str, Any]) -> RuleHealth:
    dismissed = {reason: row.pop(reason.value) for reason in DismissalReason}
    return RuleHealth(**row, dismissed=dismissed)
