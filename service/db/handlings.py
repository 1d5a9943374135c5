"""Acts of handling as they are stored: by the ids that their clients made, so that a repeated one changes nothing."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, any_, bindparam, insert, select
from sqlalchemy.dialects.postgresql import ARRAY

from service.db.engine import Db
from service.db.statements import ORGANIZATION, Statement
from service.db.tables import HandlingRow, table_of
from service.domain.catching_up import Taken

handlings = table_of(HandlingRow)

IDS = ARRAY(Uuid())

STORE = Statement(insert(handlings), handlings.c.keys())


async def write_handlings(db: Db, acts: Iterable[tuple[UUID, str, Mapping[str, Any]]], at: datetime) -> None:
    """Note acts of handling, (alert, id, body), under the ids that their client made."""
    rows = [{"alert_id": alert_id, "handling_id": key, "body": dict(body)} for alert_id, key, body in acts]
    await db.run(STORE, [{**row, "received_at": at} for row in rows])


async def write_handling(db: Db, alert_id: UUID, handling_id: str, body: Mapping[str, Any], at: datetime) -> None:
    """Note an act of handling under the id that its client made."""
    await write_handlings(db, [(alert_id, handling_id, body)], at)


def _acts_of() -> Any:
    mine = (handlings.c.organization_id == ORGANIZATION, handlings.c.alert_id == any_(bindparam("ids", type_=IDS)))
    return select(handlings.c.alert_id, handlings.c.handling_id, handlings.c.body, handlings.c.received_at).where(*mine)


ACTS_OF = Statement(_acts_of())


async def acts_of(db: Db, alert_ids: Collection[UUID]) -> dict[UUID, dict[str, Taken]]:
    """Return all acts that were taken in about some alerts, by their ids."""
    found: dict[UUID, dict[str, Taken]] = {alert_id: {} for alert_id in alert_ids}
    for row in await db.fetch(ACTS_OF, ids=sorted(alert_ids)):
        found[row["alert_id"]][row["handling_id"]] = Taken(row["body"], row["received_at"])
    return found


async def handling_by_id(db: Db, alert_id: UUID, handling_id: str) -> dict[str, Any] | None:
    """Return the body of an act that was taken in under an id."""
    statement = select(handlings.c.body).where(
        handlings.c.organization_id == db.organization_id,
        handlings.c.alert_id == alert_id,
        handlings.c.handling_id == handling_id,
    )
    found: dict[str, Any] | None = (await db.execute(statement)).scalar_one_or_none()
    return found
