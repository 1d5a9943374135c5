"""Repairs as they are stored: facts of their own, by the ids that their clients made."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, tuple_

from service.db.engine import Db
from service.db.statements import Statement
from service.db.tables import RepairRow, table_of

repairs = table_of(RepairRow)

STORE = Statement(insert(repairs), repairs.c.keys())


async def write_repair(db: Db, alert_id: UUID, repair_id: str, body: Mapping[str, Any], at: datetime) -> None:
    """Store a repair under the id that its client made."""
    await db.run(STORE, [{"alert_id": alert_id, "repair_id": repair_id, "body": dict(body), "received_at": at}])


async def repair_by_id(db: Db, alert_id: UUID, repair_id: str) -> tuple[dict[str, Any], datetime] | None:
    """Return the repair that was told under an id, and when it arrived."""
    statement = select(repairs.c.body, repairs.c.received_at).where(
        *_of(db, alert_id), repairs.c.repair_id == repair_id
    )
    row = (await db.execute(statement)).one_or_none()
    return None if row is None else (row.body, row.received_at)


async def repair_page(
    db: Db, alert_id: UUID, after: tuple[datetime, str] | None, limit: int
) -> list[tuple[str, dict[str, Any], datetime]]:
    """Return the repairs of an alert in the order in which they were told: id, body, and when it arrived."""
    place = (repairs.c.received_at, repairs.c.repair_id)
    statement = select(repairs.c.repair_id, repairs.c.body, repairs.c.received_at).where(*_of(db, alert_id))
    if after is not None:
        statement = statement.where(tuple_(*place) > tuple_(*after))
    rows = await db.execute(statement.order_by(*place).limit(limit))
    return [(row.repair_id, row.body, row.received_at) for row in rows]


def _of(db: Db, alert_id: UUID) -> tuple[Any, Any]:
    return (repairs.c.organization_id == db.organization_id, repairs.c.alert_id == alert_id)
