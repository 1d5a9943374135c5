"""What the unit of writing stores: plain functions taking `db`, each one statement for a whole batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Select,
    Table,
    and_,
    any_,
    bindparam,
    case,
    delete,
    not_,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from uuid_utils.compat import uuid7

from service.db.engine import Db
from service.db.listening import NOTIFIED
from service.db.queries import SessionKey
from service.db.rows import alert_row, rating_row, revision_row
from service.db.rulebooks import latest_number
from service.db.statements import CODES, ORGANIZATION, Insertion, Row, Statement, inserting
from service.db.tables import (
    AlertRow,
    AuditRow,
    CarryRow,
    CaseRow,
    OrganizationRow,
    RatingRow,
    RevisionRow,
    SessionRow,
    table_of,
)
from service.domain.facts import EMPTY_CASE
from service.domain.figures import Course
from service.domain.overdue import look_at
from service.domain.reconcile import Alert
from service.domain.records import CaseRecord, RatingRecord, SessionRecord

organizations, cases, sessions = table_of(OrganizationRow), table_of(CaseRow), table_of(SessionRow)
ratings, revisions, carries = table_of(RatingRow), table_of(RevisionRow), table_of(CarryRow)
alerts, audit = table_of(AlertRow), table_of(AuditRow)

Placed = tuple[SessionRecord, datetime | None, bool]  # a session, when it took place, whether it is in the course
Audited = tuple[str, str, str, int | None]  # key id, action, thing, revision: ids only


def _replacing(table: Table, statement: Insert, **instead: Any) -> Insert:
    """Return an insertion that replaces those rows of a table whose key is known; some columns `instead` by a rule."""
    key = [column.name for column in table.primary_key]
    values = {column.name: statement.excluded[column.name] for column in table.c if column.name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_={**values, **instead})


BLANK = ("case_id", "facts", "announced", "held_sessions", "last_session_id", "revision", "created_at", "changed_at")
BLANK_CASES = Statement(
    insert(cases)
    .values(
        organization_id=ORGANIZATION,
        rules_since=latest_number(),
        **{name: bindparam(name, type_=cases.c[name].type) for name in BLANK},
    )
    .on_conflict_do_nothing()
)


async def create_missing_cases(db: Db, case_ids: Collection[str], at: datetime) -> None:
    """Insert a blank row, revision 0, for each case that is not there, in the order of their ids.

    What its organization had set its rules to by now judges all of its course.
    """
    blank = {
        "facts": dict(EMPTY_CASE),
        "announced": False,
        "held_sessions": 0,
        "last_session_id": None,
        "revision": 0,
        "created_at": at,
        "changed_at": at,
    }
    rows = [{**blank, "case_id": case_id} for case_id in sorted(case_ids)]
    await db.run(BLANK_CASES, rows)


INHERIT = Statement(
    update(sessions)
    .where(
        sessions.c.organization_id == ORGANIZATION,
        sessions.c.case_id == bindparam("this_case"),
        sessions.c.inherited == bindparam("none", type_=CODES),
    )
    .values(inherited=bindparam("new", type_=CODES))
)


async def inherit_therapists(db: Db, handed: Mapping[str, Sequence[str]]) -> None:
    """Give each case's new list of therapists to those of its sessions that had joined the course without any."""
    rows = [{"this_case": case_id, "none": [], "new": list(new)} for case_id, new in sorted(handed.items())]
    await db.run(INHERIT, rows)


COURSES = Insertion(
    _replacing(carries, inserting(carries)), _replacing(cases, inserting(cases), rules_since=cases.c.rules_since)
)


async def write_courses(
    db: Db, kept: Iterable[tuple[SessionKey, str, str]], come: Iterable[tuple[CaseRecord, Course]]
) -> None:
    """Store carries after sessions, each with what it was folded with, and cases with how far they have come.

    The cases are there and locked; since which setting their rules judge stays as it is.
    """
    await db.insert(
        COURSES,
        carries=[
            {"case_id": case_id, "session_id": session_id, "folded_with": folded_with, "carry": carry}
            for (case_id, session_id), folded_with, carry in kept
        ],
        cases=[_case_row(record, course) for record, course in come],
    )


def _case_row(record: CaseRecord, course: Course) -> Row:
    return {
        "case_id": record.case_id,
        "facts": dict(record.facts),
        "announced": record.announced,
        "held_sessions": course.held_sessions,
        "last_session_id": course.last_session_id,
        "rules_since": record.rules_since,
        "revision": record.revision,
        "created_at": record.created_at,
        "changed_at": record.changed_at,
    }


DROP_BLANK = Statement(
    delete(cases).where(
        cases.c.organization_id == ORGANIZATION,
        cases.c.case_id == any_(bindparam("case_ids", type_=CODES)),
        cases.c.revision == 0,
    )
)


async def drop_blank_cases(db: Db, case_ids: Collection[str]) -> None:
    """Delete the blank rows of cases of which nothing came."""
    await db.fetch(DROP_BLANK, case_ids=sorted(case_ids))


FACTS = Insertion(_replacing(sessions, inserting(sessions)), _replacing(ratings, inserting(ratings)), inserting(audit))
KEEP_PAST = Insertion(inserting(revisions).on_conflict_do_nothing())


async def write_facts(
    db: Db, told: Iterable[Placed], rated: Sequence[RatingRecord], audited: Iterable[Audited], at: datetime
) -> None:
    """Insert or update sessions and ratings, keep the revisions that ratings superseded, and note who wrote what.

    The watchdog looks at each session again: see `look_at`.
    """
    await db.insert(
        FACTS,
        sessions=[_session_row(*placed, at) for placed in told],
        ratings=[rating_row(record) for record in rated],
        audit=[_audit_row(entry, at) for entry in audited],
    )
    await db.insert(KEEP_PAST, revisions=[revision_row(record, old) for record in rated for old in record.past])


def _session_row(record: SessionRecord, held_at: datetime | None, in_course: bool, at: datetime) -> Row:
    return {
        "case_id": record.case_id,
        "session_id": record.session_id,
        "facts": record.facts,
        "inherited": record.inherited,
        "held_at": held_at,
        "in_course": in_course,
        "revision": record.revision,
        "created_at": record.created_at,
        "changed_at": record.changed_at,
        "overdue_at": record.overdue_at,
        "look_at": look_at(record, in_course, at),
    }


FORGET_OVERDUE = Statement(
    update(sessions)
    .where(
        sessions.c.organization_id == ORGANIZATION,
        sessions.c.case_id == bindparam("this_case"),
        sessions.c.session_id == bindparam("this_session"),
    )
    .values(overdue_at=null())
)


async def forget_overdue(db: Db, keys: Iterable[SessionKey]) -> None:
    """Take back what was noted of some sessions: the one planned to follow them was not overdue."""
    await db.run(FORGET_OVERDUE, [{"this_case": case_id, "this_session": session_id} for case_id, session_id in keys])


def _alerts() -> Statement:
    """Return how alerts are stored; the change that puts a rule into shadow hides its alerts, until one shows them."""
    statement = insert(alerts)
    new = statement.excluded
    hidden = case(
        (and_(new.shadow, not_(alerts.c.shadow)), new.change_number),
        (and_(alerts.c.shadow, not_(new.shadow)), null()),
        else_=alerts.c.hidden_number,
    )
    columns = [name for name in alerts.c.keys() if name not in ("hidden_number", "handed_over")]
    kept = {"hidden_number": hidden, "handed_over": alerts.c.handed_over}
    return Statement(_replacing(alerts, statement, **kept), columns)


ALERTS = _alerts()


async def write_alerts(db: Db, changed: Sequence[Alert]) -> None:
    """Insert or update alerts as they stand now."""
    await db.run(ALERTS, [alert_row(alert) for alert in changed])


def _take_numbers() -> Select[Any]:
    taken = (
        update(organizations)
        .where(organizations.c.organization_id == ORGANIZATION)
        .values(change_number=organizations.c.change_number + bindparam("count", type_=BigInteger()))
        .returning(organizations.c.change_number, organizations.c.subscribed)
        .cte("taken")
    )
    return select(taken, NOTIFIED)


TAKE_NUMBERS = Statement(_take_numbers())


class Taken(NamedTuple):
    """The first of the numbers that were taken, and whether anybody is to be told of what they number."""

    first: int
    subscribed: bool


NONE_TAKEN = Taken(0, False)


async def take_change_numbers(db: Db, count: int) -> Taken:
    """Take the next numbers of the organization's changes; done last, so that they follow commits.

    With the commit those who wait for the organization's changes are woken.
    """
    (row,) = await db.fetch(TAKE_NUMBERS, count=count)
    return Taken(row["change_number"] - count + 1, row["subscribed"])


AUDIT = Insertion(inserting(audit))


async def write_audit(db: Db, at: datetime, entries: Iterable[Audited]) -> None:
    """Note who wrote what."""
    await db.insert(AUDIT, audit=[_audit_row(entry, at) for entry in entries])


def _audit_row(entry: Audited, at: datetime) -> Row:
    key_id, action, thing, revision = entry
    return {
        "audit_id": uuid7(),
        "at": at,
        "key_id": key_id,
        "action": action,
        "thing": thing,
        "revision": revision,
    }
