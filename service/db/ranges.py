"""All that a job reads of a range of cases, from one id to another: plain functions taking `db`, one statement each."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, and_, any_, bindparam, cast, literal_column, select

from service.db.columns import Code
from service.db.engine import Db
from service.db.queries import alerts, carries, cases, ratings, sessions
from service.db.rows import alert_of, case_of, facts_of, session_record_of
from service.db.statements import ORGANIZATION, Statement, listed
from service.domain.commands import RatingFacts
from service.domain.figures import Course
from service.domain.model import TherapySession
from service.domain.reconcile import Alert
from service.domain.records import CaseRecord, SessionRecord

Range = tuple[str, str]  # the first and the last case id, both included


def _in_range(table: Any) -> tuple[Any, ...]:
    first, last = bindparam("first_case_id", type_=Code()), bindparam("last_case_id", type_=Code())
    return (table.c.organization_id == ORGANIZATION, table.c.case_id >= first, table.c.case_id <= last)


def _bounds(among: Range) -> dict[str, str]:
    return {"first_case_id": among[0], "last_case_id": among[1]}


@dataclass(frozen=True, slots=True)
class Seen:
    """A case as a job found it; `version` is another one after every write to its course."""

    record: CaseRecord
    course: Course
    version: str


# every unit of writing that folds a course updates the row of its case, and with it the number of the transaction
VERSION = cast(literal_column("cases.xmin"), Text()).label("version")
CASES = select(cases, VERSION).where(*_in_range(cases), cases.c.revision > 0).order_by(cases.c.case_id)
SEEN, LOCKED = Statement(CASES), Statement(CASES.with_for_update(key_share=True))


async def cases_among(db: Db, among: Range, lock: bool = False) -> dict[str, Seen]:
    """Return the cases of a range in the order of their ids; locked, nobody else writes to them from now on."""
    rows = await db.fetch(LOCKED if lock else SEEN, **_bounds(among))
    return {
        row["case_id"]: Seen(case_of(row), Course(row["held_sessions"], row["last_session_id"]), row["version"])
        for row in rows
    }


SESSIONS = Statement(select(sessions).where(*_in_range(sessions), sessions.c.in_course))


async def sessions_among(db: Db, among: Range) -> list[SessionRecord]:
    """Return the sessions of a range of cases that are part of a course."""
    return [session_record_of(row) for row in await db.fetch(SESSIONS, **_bounds(among))]


NEEDED = ("case_id", "session_id", "rater_kind", "rater_id", "about", "instrument", "phase", "facts", "scores")
RATINGS = Statement(select(*(ratings.c[name] for name in NEEDED)).where(*_in_range(ratings), ratings.c.state == "live"))


async def ratings_among(db: Db, among: Range) -> list[RatingFacts]:
    """Return the facts of the live ratings of a range of cases, in no order."""
    return [facts_of(row, row["facts"], row["scores"]) for row in await db.fetch(RATINGS, **_bounds(among))]


async def courses_among(db: Db, among: Range) -> dict[str, list[TherapySession]]:
    """Return the courses of a range of cases, their sessions in order."""
    courses: dict[str, list[TherapySession]] = {}
    ratings: dict[tuple[str, str], list[RatingFacts]] = {}
    for facts in await ratings_among(db, among):
        ratings.setdefault((facts.case_id, facts.session_id), []).append(facts)
    for record in await sessions_among(db, among):
        own = ratings.get((record.case_id, record.session_id), ())
        session = record.as_folded(own)
        if session is not None:
            courses.setdefault(record.case_id, []).append(session)
    for course in courses.values():
        course.sort(key=lambda session: session.position)
    return courses


ALERTS = Statement(select(alerts).where(*_in_range(alerts)))


async def alerts_among(db: Db, among: Range) -> list[Alert]:
    """Return the alerts of a range of cases, retracted ones included."""
    return [alert_of(row) for row in await db.fetch(ALERTS, **_bounds(among))]


def _latest_carries() -> Any:
    same = and_(
        carries.c.organization_id == cases.c.organization_id,
        carries.c.case_id == cases.c.case_id,
        carries.c.session_id == cases.c.last_session_id,
    )
    latest = select(carries.c.case_id, carries.c.folded_with).join_from(cases, carries, same)
    return latest.where(*_in_range(cases))


LATEST_CARRIES = Statement(_latest_carries())


async def latest_carries_among(db: Db, among: Range) -> dict[str, str]:
    """Return what the carry after the last held session of each case was folded with."""
    return {row["case_id"]: row["folded_with"] for row in await db.fetch(LATEST_CARRIES, **_bounds(among))}


ON_HOLD = Statement(
    select(cases.c.case_id).where(
        cases.c.organization_id == ORGANIZATION,
        cases.c.case_id == any_(listed("case_ids")),
        cases.c.facts["safety_hold"].as_boolean(),
    )
)


async def on_hold_among(db: Db, case_ids: Collection[str]) -> set[str]:
    """Return those of some cases that are on safety hold."""
    return {row["case_id"] for row in await db.fetch(ON_HOLD, case_ids=sorted(case_ids))} if case_ids else set()
