"""What the unit of writing reads: plain functions taking `db`, each one statement for a whole batch."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    column,
    func,
    null,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from service.db.columns import Code
from service.db.engine import Db
from service.db.rows import alert_of, case_of, rating_record_of, revision_of, session_record_of
from service.db.rulebooks import latest_number
from service.db.statements import ORGANIZATION, Statement, columns_of, listed, same, searched, unnested
from service.db.tables import (
    AlertRow,
    CarryRow,
    CaseRow,
    KeyRow,
    RatingRow,
    RevisionRow,
    SessionRow,
    table_of,
)
from service.domain.reconcile import Alert
from service.domain.records import CaseRecord, RatingRecord, SessionRecord

keys, cases, sessions = table_of(KeyRow), table_of(CaseRow), table_of(SessionRow)
ratings, revisions = table_of(RatingRow), table_of(RevisionRow)
carries, alerts = table_of(CarryRow), table_of(AlertRow)

SessionKey = tuple[str, str]  # case id, session id
Place = tuple[str, datetime, str]  # case id, held_at, session id: a position in a course


def _for_each(wanted: Any, table: Any, *alike: Any) -> Any:
    """Return the rows of a table for each wanted one."""
    found = searched(select(table).where(table.c.organization_id == ORGANIZATION, *alike), "found")
    return select(found).select_from(wanted).join(found, true())


def _of_sessions(table: Any, *also: Any) -> Any:
    """Return the rows of a table that belong to the sessions `wanted`."""
    wanted = unnested(wanted=2)
    return _for_each(wanted, table, table.c.case_id == wanted.c[0], table.c.session_id == wanted.c[1], *also)


LOCK = Statement(
    select(cases)
    .where(cases.c.organization_id == ORGANIZATION, cases.c.case_id == any_(listed("case_ids")))
    .order_by(cases.c.case_id)
    .with_for_update(key_share=True)
)


async def lock_cases(db: Db, case_ids: Collection[str]) -> dict[str, tuple[CaseRecord, int, str | None]]:
    """Lock case rows in the order of their ids; return each with its held sessions and the last of them.

    The lock is a statement of its own before any read: READ COMMITTED looks at the world anew for each statement.
    """
    rows = await db.fetch(LOCK, case_ids=sorted(case_ids))
    return {row["case_id"]: (case_of(row), row["held_sessions"], row["last_session_id"]) for row in rows}


def _touched() -> Any:
    still = select(func.array_agg(keys.c.key_id).label("valid")).where(
        keys.c.organization_id == ORGANIZATION,
        keys.c.key_id == any_(listed("key_ids")),
        keys.c.revoked_at.is_(None),
        keys.c.expires_at.is_(None) | (keys.c.expires_at > bindparam("at")),
    )
    valid, found = still.subquery("valid_keys"), _of_sessions(sessions).subquery("found")
    return select(valid.c.valid, latest_number().label("number"), found).select_from(valid).outerjoin(found, true())


TOUCHED = Statement(_touched())


async def touched_sessions(
    db: Db, touched: Collection[SessionKey], key_ids: Collection[str], at: datetime
) -> tuple[list[SessionRecord], set[str], int]:
    """Return the sessions that a batch touches, which of its keys are still valid, and the last setting's number.

    The keys are read after the case locks were waited for, so a revocation that was answered before is obeyed.
    """
    rows = await db.fetch(TOUCHED, key_ids=sorted(key_ids), at=at, **columns_of("wanted", 2, touched))
    found = [session_record_of(row) for row in rows if row["session_id"] is not None]
    return found, set(rows[0]["valid"] or ()), rows[0]["number"]


SESSIONS_BY_KEY = Statement(_of_sessions(sessions))


async def sessions_by_key(db: Db, wanted: Collection[SessionKey]) -> dict[SessionKey, SessionRecord]:
    """Return those of some sessions that are there."""
    rows = await db.fetch(SESSIONS_BY_KEY, **columns_of("wanted", 2, wanted)) if wanted else []
    return {(row["case_id"], row["session_id"]): session_record_of(row) for row in rows}


RATINGS_OF_SESSIONS = Statement(_of_sessions(ratings))
LIVE_RATINGS = Statement(_of_sessions(ratings, ratings.c.state == "live"))


async def ratings_of_sessions(db: Db, touched: Collection[SessionKey]) -> list[RatingRecord]:
    """Return every rating of some sessions, retracted ones and superseded revisions included."""
    if not touched:
        return []
    return await with_past(db, RATINGS_OF_SESSIONS, **columns_of("wanted", 2, touched))


def _by_record_id() -> Any:
    wanted = unnested(wanted=4)
    named = (ratings.c.case_id, ratings.c.rater_kind, ratings.c.rater_id, ratings.c.record_id)
    alike = (mine == theirs for mine, theirs in zip(named, wanted.c, strict=True))
    return _for_each(wanted, ratings, *alike, ratings.c.state == "live")


BY_RECORD_ID = Statement(_by_record_id())


async def ratings_by_record_id(db: Db, wanted: Collection[tuple[str, str, str, str]]) -> list[RatingRecord]:
    """Return the live ratings that have one of some (case, rater kind, rater, record id)."""
    if not wanted:
        return []
    return await with_past(db, BY_RECORD_ID, **columns_of("wanted", 4, wanted))


PLACES = Statement(
    select(ratings.c.rating_id, ratings.c.case_id, ratings.c.session_id).where(
        ratings.c.organization_id == ORGANIZATION, ratings.c.rating_id == any_(bindparam("ids", type_=ARRAY(Uuid())))
    )
)


async def places_of_ratings(db: Db, rating_ids: Collection[str]) -> dict[str, SessionKey]:
    """Return the case and session of each rating that exists; neither ever changes."""
    rows = await db.fetch(PLACES, ids=[UUID(rating_id) for rating_id in rating_ids])
    return {str(row["rating_id"]): (row["case_id"], row["session_id"]) for row in rows}


async def with_past(db: Db, statement: Statement, **parameters: Any) -> list[RatingRecord]:
    """Return the ratings that a statement finds, each with its superseded revisions."""
    rows = await db.fetch(statement, **parameters)
    revised = [row["rating_id"] for row in rows if row["revision"] > 1]
    past = await _past_of(db, revised) if revised else {}
    return [
        rating_record_of(row, tuple(revision_of(row, old) for old in past.get(row["rating_id"], ()))) for row in rows
    ]


PAST = Statement(
    select(revisions)
    .where(
        revisions.c.organization_id == ORGANIZATION,
        revisions.c.rating_id == any_(bindparam("ids", type_=ARRAY(Uuid()))),
    )
    .order_by(revisions.c.rating_id, revisions.c.revision)
)


async def _past_of(db: Db, rating_ids: list[UUID]) -> dict[UUID, list[Mapping[str, Any]]]:
    past: dict[UUID, list[Mapping[str, Any]]] = {}
    for row in await db.fetch(PAST, ids=rating_ids):
        past.setdefault(row["rating_id"], []).append(row)
    return past


RATERS = Statement(
    select(ratings.c.case_id, ratings.c.rater_id, func.count().label("live"))
    .where(
        ratings.c.organization_id == ORGANIZATION,
        ratings.c.case_id == any_(listed("case_ids")),
        ratings.c.rater_kind == "member",
        ratings.c.state == "live",
    )
    .group_by(ratings.c.case_id, ratings.c.rater_id)
)


async def rating_members(db: Db, case_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Return how many live ratings each member of some cases has."""
    found: dict[str, dict[str, int]] = {case_id: {} for case_id in case_ids}
    for row in await db.fetch(RATERS, case_ids=sorted(case_ids)):
        found[row["case_id"]][row["rater_id"]] = row["live"]
    return found


def _none_like(known: Any) -> Any:
    """Return a null of a column's type and name, for the half of a union that has no such value."""
    return cast(null(), known.type).label(known.name)


def _unnested_places() -> Any:
    moments = bindparam("held_ats", type_=ARRAY(DateTime(timezone=True)))
    columns = (column("case_id", Code()), column("held_at", DateTime(timezone=True)), column("session_id", Code()))
    arrays = (listed("case_ids"), moments, listed("session_ids"))
    return func.unnest(*arrays).table_valued(*columns, name="place").render_derived()


def _course_from() -> Any:
    place = _unnested_places()
    row = (sessions.c.held_at, sessions.c.session_id)
    mine = and_(sessions.c.organization_id == ORGANIZATION, sessions.c.case_id == place.c.case_id, sessions.c.in_course)
    before = (
        select(sessions)
        .where(mine, tuple_(*row) < tuple_(place.c.held_at, place.c.session_id))
        .order_by(sessions.c.held_at.desc(), sessions.c.session_id.desc())
        .limit(1)
        .lateral("before")
    )
    its_own = same(carries, before, "case_id", "session_id")
    carry = searched(select(carries.c.folded_with, carries.c.carry).where(its_own).correlate(before), "after")
    no_carry = (_none_like(carries.c.folded_with), _none_like(carries.c.carry))
    from_there = tuple_(*row) >= tuple_(place.c.held_at, place.c.session_id)
    later = searched(select(sessions, *no_carry).where(mine, from_there), "later")
    return union_all(
        select(before, carry).select_from(place).join(before, true()).outerjoin(carry, true()),
        select(later).select_from(place).join(later, true()),
    )


COURSE_FROM = Statement(_course_from())


async def course_from(db: Db, places: Sequence[Place]) -> list[tuple[SessionRecord, datetime, str | None, str | None]]:
    """Return the sessions of each case's course from a place on, and the one before it with its carry.

    Each comes with `held_at` and, for the one before, what its carry was folded with and the carry.
    """
    case_ids, held_ats, session_ids = (list(column) for column in zip(*places, strict=True))
    rows = await db.fetch(COURSE_FROM, case_ids=case_ids, held_ats=held_ats, session_ids=session_ids)
    return [(session_record_of(row), row["held_at"], row["folded_with"], row["carry"]) for row in rows]


WHOLE_COURSES = Statement(
    select(sessions).where(
        sessions.c.organization_id == ORGANIZATION, sessions.c.case_id == any_(listed("case_ids")), sessions.c.in_course
    )
)


async def whole_courses(db: Db, case_ids: Collection[str]) -> list[SessionRecord]:
    """Return every session of some cases that is part of a course."""
    rows = await db.fetch(WHOLE_COURSES, case_ids=sorted(case_ids))
    return [session_record_of(row) for row in rows]


CARRIES_AFTER = Statement(_of_sessions(carries))


async def carries_after(db: Db, wanted: Collection[SessionKey]) -> dict[SessionKey, tuple[str, str]]:
    """Return what is stored of the carries after some sessions: what each was folded with, and the carry."""
    rows = await db.fetch(CARRIES_AFTER, **columns_of("wanted", 2, wanted))
    return {(row["case_id"], row["session_id"]): (row["folded_with"], row["carry"]) for row in rows}


async def live_ratings(db: Db, wanted: Collection[SessionKey]) -> list[RatingRecord]:
    """Return the live ratings of some sessions, without their history."""
    if not wanted:
        return []
    rows = await db.fetch(LIVE_RATINGS, **columns_of("wanted", 2, wanted))
    return [rating_record_of(row) for row in rows]


def _resting_on() -> Any:
    wanted = unnested(wanted=2)
    theirs = func.string_to_array(wanted.c[1], " ")
    return _for_each(wanted, alerts, alerts.c.case_id == wanted.c[0], alerts.c.sessions.overlap(theirs))


ALERTS_RESTING_ON = Statement(_resting_on())


async def alerts_resting_on(db: Db, wanted: Mapping[str, Collection[str]]) -> list[Alert]:
    """Return the alerts of some cases that rest on any of some sessions of theirs, retracted ones included."""
    rows = [(case_id, " ".join(sorted(session_ids))) for case_id, session_ids in wanted.items() if session_ids]
    found = await db.fetch(ALERTS_RESTING_ON, **columns_of("wanted", 2, rows)) if rows else []
    return [alert_of(row) for row in found]
