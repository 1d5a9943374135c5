"""Acts of handling as they are stored: by the ids that their clients made, so that a repeated one changes nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select

from service.db.engine import Db
from service.db.statements import Statement
from service.db.tables import HandlingRow, table_of

handlings = table_of(HandlingRow)

STORE = Statement(insert(handlings), handlings.c.keys())


async def write_handling(db: Db, alert_id: UUID, handling_id: str, body: Mapping[str, Any], at: datetime) -> None:
    """Note an act of handling under the id that its client made."""
    await db.run(STORE, [{"alert_id": alert_id, "handling_id": handling_id, "body": dict(body), "received_at": at}])


async def handling_by_id(db: Db, alert_id: UUID, handling_id: str) -> dict[str, Any] | None:
    """Return the body of an act that was taken in under an id."""
    statement = select(handlings.c.body).where(
        handlings.c.organization_id == db.organization_id,
        handlings.c.alert_id == alert_id,
        handlings.c.handling_id == handling_id,
    )
    found: dict[str, Any] | None = (await db.execute(statement)).scalar_one_or_none()
    return found
