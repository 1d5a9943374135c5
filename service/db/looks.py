"""What the watchdog reads and notes down: which cases to look at, their last sessions, when to look again."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, any_, bindparam, exists, select, true, union_all, update
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import Db, connected
from service.db.queries import sessions
from service.db.rows import session_record_of
from service.db.statements import ORGANIZATION, Statement, columns_of, listed, searched, unnested
from service.db.tables import OrganizationRow, table_of
from service.domain.overdue import Plan, Timed

organizations = table_of(OrganizationRow)

NOW = bindparam("now", type_=sessions.c.look_at.type)
CASE_IDS = any_(listed("case_ids"))


async def organizations_to_look_at(engine: AsyncEngine, now: datetime) -> list[UUID]:
    """Return the organizations with a case to look at; it is read without a lock, each is served by itself."""
    due = exists().where(sessions.c.organization_id == organizations.c.organization_id, sessions.c.look_at <= now)
    async with connected(engine) as connection:
        return list((await connection.execute(select(organizations.c.organization_id).where(due))).scalars())


DUE = Statement(
    select(sessions.c.case_id)
    .where(sessions.c.organization_id == ORGANIZATION, sessions.c.look_at <= NOW)
    .order_by(sessions.c.look_at)
    .limit(bindparam("limit", type_=Integer()))
)


async def cases_to_look_at(db: Db, now: datetime, limit: int) -> set[str]:
    """Return some cases to look at, those that wait longest."""
    return {row["case_id"] for row in await db.fetch(DUE, now=now, limit=limit)}


def _around_the_end() -> Any:
    wanted = unnested(wanted=1)
    mine = (sessions.c.organization_id == ORGANIZATION, sessions.c.case_id == wanted.c[0])
    newest = (sessions.c.held_at.desc(), sessions.c.session_id.desc())
    last = select(sessions).where(*mine, sessions.c.in_course).order_by(*newest).limit(1).lateral("last")
    outside = searched(select(sessions).where(*mine, ~sessions.c.in_course, sessions.c.held_at.is_not(None)), "outside")
    return union_all(*(select(part).select_from(wanted).join(part, true()) for part in (last, outside)))


AROUND_THE_END = Statement(_around_the_end())


async def around_the_end(db: Db, case_ids: Collection[str]) -> tuple[dict[str, Timed], list[Timed]]:
    """Return the last session of each case's course, and all that have a time and are outside of it."""
    rows = await db.fetch(AROUND_THE_END, **columns_of("wanted", 1, [(case_id,) for case_id in case_ids]))
    found = [(Timed(session_record_of(row), row["held_at"]), row["in_course"]) for row in rows]
    last = {item.record.case_id: item for item, in_course in found if in_course}
    return last, [item for item, in_course in found if not in_course]


NEXT = Statement(
    update(sessions)
    .where(sessions.c.organization_id == ORGANIZATION, sessions.c.case_id == CASE_IDS, sessions.c.look_at <= NOW)
    .values(look_at=bindparam("next", type_=sessions.c.look_at.type))
)
AGAIN = Statement(
    update(sessions)
    .where(
        sessions.c.organization_id == ORGANIZATION,
        sessions.c.case_id == bindparam("this_case"),
        sessions.c.session_id == bindparam("this_session"),
    )
    .values(look_at=bindparam("again", type_=sessions.c.look_at.type))
)


async def looked_at(db: Db, case_ids: Collection[str], now: datetime, again: Iterable[tuple[str, Plan]] = ()) -> None:
    """Note that some cases were looked at, and when to look at which of them again; they must be locked."""
    await db.fetch(NEXT, case_ids=sorted(case_ids), now=now, next=None)
    rows = [{"this_case": case_id, "this_session": plan.session_id, "again": plan.at} for case_id, plan in again]
    await db.run(AGAIN, rows)


async def postpone(db: Db, case_ids: Collection[str], now: datetime, later: datetime) -> None:
    """Look at some cases later that should be looked at now; they must be locked."""
    await db.fetch(NEXT, case_ids=sorted(case_ids), now=now, next=later)
