"""Episodes as they are stored: facts of their case, by the ids that their clients made."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, tuple_, update

from service.db.caseload import within
from service.db.engine import Db
from service.db.rows import Row
from service.db.statements import Statement
from service.db.tables import AlertRow, EpisodeRow, table_of
from service.domain.episode import Confirmed

alerts, episodes = table_of(AlertRow), table_of(EpisodeRow)

STORE = Statement(insert(episodes), episodes.c.keys())


async def write_episode(db: Db, case_id: str, confirmed: Confirmed) -> None:
    """Store an episode under the id that its client made, and note it on the one that it replaces."""
    row = {"episode_id": confirmed.id, "body": dict(confirmed.body), "received_at": confirmed.received_at}
    await db.run(STORE, [{"case_id": case_id, "replaced_by": confirmed.replaced_by, **row}])
    former = (*_of(db, case_id), episodes.c.episode_id == confirmed.body["replaces"])
    await db.execute(update(episodes).where(*former).values(replaced_by=confirmed.id))


async def episode_by_id(db: Db, case_id: str, episode_id: str) -> Confirmed | None:
    """Return the episode of a case that was told under an id."""
    statement = select(episodes).where(*_of(db, case_id), episodes.c.episode_id == episode_id)
    row = (await db.execute(statement)).mappings().one_or_none()
    return None if row is None else _confirmed(row)


async def episode_page(db: Db, case_id: str, after: tuple[datetime, str] | None, limit: int) -> list[Confirmed]:
    """Return the episodes of a case in the order in which they were told, replaced ones too."""
    place = (episodes.c.received_at, episodes.c.episode_id)
    statement = select(episodes).where(*_of(db, case_id))
    if after is not None:
        statement = statement.where(tuple_(*place) > tuple_(*after))
    return [_confirmed(row) for row in (await db.execute(statement.order_by(*place).limit(limit))).mappings()]


async def rules_of_alerts(db: Db, case_id: str, alert_ids: Collection[str]) -> list[str]:
    """Return the rule of each of some alerts that is of a case; nobody confirms one in shadow."""
    wanted = alerts.c.alert_id.in_([UUID(alert_id) for alert_id in alert_ids])
    return list((await db.execute(select(alerts.c.rule).where(*_heard(db, case_id), wanted))).scalars())


async def has_alerts(db: Db, case_id: str) -> bool:
    """Tell whether a case has any alert but those in shadow."""
    any_of = select(alerts.c.alert_id).where(*_heard(db, case_id)).exists()
    found: bool = (await db.execute(select(any_of))).scalar_one()
    return found


def _heard(db: Db, case_id: str) -> tuple[Any, ...]:
    of_case = (alerts.c.organization_id == db.organization_id, alerts.c.case_id == case_id)
    return (*of_case, ~alerts.c.shadow, *within(db, alerts))


def _of(db: Db, case_id: str) -> tuple[Any, Any]:
    return (episodes.c.organization_id == db.organization_id, episodes.c.case_id == case_id)


def _confirmed(row: Row) -> Confirmed:
    return Confirmed(
        id=row["episode_id"], body=row["body"], received_at=row["received_at"], replaced_by=row["replaced_by"]
    )
