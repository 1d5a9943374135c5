"""What the API shows, page by page: plain functions taking `db`, one or two statements each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from service.db.caseload import OF_CASELOAD, within
from service.db.circumstances import CIRCUMSTANCES, ON_HOLD, circumstances_in
from service.db.engine import Db
from service.db.queries import alerts, carries, cases, sessions
from service.db.rows import Row, alert_of, case_of, session_record_of
from service.db.statements import CODES, ORGANIZATION, Statement, listed, same
from service.domain.circumstances import Circumstances, circumstances_of
from service.domain.figures import Course
from service.domain.reconcile import Alert
from service.domain.records import CaseRecord, SessionRecord
from service.domain.rules import Tone, of_tone

FAR = datetime(9999, 12, 31, tzinfo=UTC)  # where a session without a time sorts


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case with how far its course has come."""

    record: CaseRecord
    course: Course

    @property
    def circumstances(self) -> Circumstances:
        return circumstances_of(self.record.facts)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session, when it took place, and whether it is part of the course."""

    record: SessionRecord
    held_at: datetime | None
    in_course: bool


@dataclass(frozen=True, slots=True)
class StoredAlert:
    """An alert with what reading it needs of its case."""

    alert: Alert
    course: Course
    circumstances: Circumstances


async def one_moment(db: Db) -> None:
    """Let all that a transaction reads be of one moment, whatever is stored meanwhile; to be called before any read."""
    await db.driver.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def case_by_id(db: Db, case_id: str) -> StoredCase | None:
    """Return a case that something has spoken of."""
    found = await case_page(db, None, 1, case_id)
    return found[0] if found else None


async def case_page(db: Db, after: str | None, limit: int, case_id: str | None = None) -> list[StoredCase]:
    """Return cases in the order of their ids, from after one of them on."""
    mine = (cases.c.organization_id == db.organization_id, *within(db, cases))
    statement = select(cases).where(*mine, cases.c.revision > 0)
    if after is not None:
        statement = statement.where(cases.c.case_id > after)
    if case_id is not None:
        statement = statement.where(cases.c.case_id == case_id)
    rows = (await db.execute(statement.order_by(cases.c.case_id).limit(limit))).mappings()
    return [StoredCase(case_of(row), _course_of(row)) for row in rows]


def _course_of(row: Row) -> Course:
    return Course(row["held_sessions"], row["last_session_id"])


async def session_page(db: Db, case_id: str, after: tuple[datetime, str] | None, limit: int) -> list[StoredSession]:
    """Return the sessions of a case in the order of the course, those without a time last."""
    place = (func.coalesce(sessions.c.held_at, FAR), sessions.c.session_id)
    statement = _sessions_of(db, case_id)
    if after is not None:
        statement = statement.where(tuple_(*place) > tuple_(*after))
    rows = (await db.execute(statement.order_by(*place).limit(limit))).mappings()
    return [_stored_session(row) for row in rows]


async def session_by_id(db: Db, case_id: str, session_id: str) -> StoredSession | None:
    """Return a session of a case."""
    statement = _sessions_of(db, case_id).where(sessions.c.session_id == session_id)
    row = (await db.execute(statement)).mappings().one_or_none()
    return None if row is None else _stored_session(row)


async def course_page(
    db: Db, case_id: str, before: tuple[datetime, str] | None, limit: int
) -> list[tuple[StoredSession, str | None, str | None]]:
    """Return the latest sessions of a course before a place, newest first, with what their carries are."""
    place = (sessions.c.held_at, sessions.c.session_id)
    statement = (
        select(sessions, carries.c.folded_with, carries.c.carry)
        .outerjoin(carries, same(carries, sessions, "case_id", "session_id"))
        .where(sessions.c.organization_id == db.organization_id, sessions.c.case_id == case_id, sessions.c.in_course)
    )
    if before is not None:
        statement = statement.where(tuple_(*place) < tuple_(*before))
    ordered = statement.order_by(*(column.desc() for column in place)).limit(limit)
    rows = (await db.execute(ordered)).mappings()
    return [(_stored_session(row), row["folded_with"], row["carry"]) for row in rows]


def _sessions_of(db: Db, case_id: str) -> Select[Any]:
    mine = (sessions.c.organization_id == db.organization_id, *within(db, sessions))
    return select(sessions).where(*mine, sessions.c.case_id == case_id)


def _stored_session(row: Row) -> StoredSession:
    return StoredSession(session_record_of(row), row["held_at"], row["in_course"])


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """What a reader asks for: values of one kind mean "or", kinds together "and"; `shadow` adds those in shadow."""

    states: Sequence[str] = ()
    handlings: Sequence[str] = ()
    severities: Sequence[str] = ()
    rules: Sequence[str] = ()
    tones: Sequence[str] = ()
    case_ids: Sequence[str] = ()
    therapist_ids: Sequence[str] = ()
    changed_after: datetime | None = None
    silent_on_hold: Sequence[str] = ()
    shadow: bool = False


async def alert_page(db: Db, wanted: AlertFilter, now: datetime, before: int | None, limit: int) -> list[StoredAlert]:
    """Return alerts, the newest change first; a case on hold keeps quiet about the rules that are silent then."""
    asked = asked_for(db, wanted) | ({} if before is None else {"before": before})
    rows = await db.fetch(_page_of_alerts(frozenset(asked)), **asked, now=now, limit=limit)
    return [stored_alert(row) for row in rows]


def asked_for(db: Db, wanted: AlertFilter) -> dict[str, Any]:
    """Return those filters that a reader uses, and the caseload that a handle is held to."""
    given = {item.name: getattr(wanted, item.name) for item in fields(wanted)}
    held = {} if db.caseload is None else {"caseload": db.caseload}
    return {name: value for name, value in given.items() if value not in (None, (), [])} | held


async def alert_by_id(db: Db, alert_id: UUID, shadow: bool = False) -> StoredAlert | None:
    """Return an alert; one in shadow is there for those alone who ask for such."""
    statement = ALERT if db.caseload is None else ALERT_OF_CASELOAD
    rows = await db.fetch(statement, alert_id=alert_id, shadow=shadow, caseload=db.caseload)
    return stored_alert(rows[0]) if rows else None


async def alerts_by_id(db: Db, alert_ids: Iterable[UUID]) -> dict[UUID, StoredAlert]:
    """Return those of some alerts that are there; none that is in shadow."""
    statement = SOME_ALERTS if db.caseload is None else SOME_OF_CASELOAD
    rows = await db.fetch(statement, ids=sorted(alert_ids), caseload=db.caseload)
    return {row["alert_id"]: stored_alert(row) for row in rows}


SHOWN = [column for column in alerts.c if column.name not in ("subject", "sessions", "handed_over")]
ALERTS_WITH_CASE = (
    select(*SHOWN, cases.c.held_sessions, cases.c.last_session_id, *CIRCUMSTANCES)
    .join(cases, same(cases, alerts, "case_id"))
    .where(alerts.c.organization_id == ORGANIZATION)
)
HEARD = or_(~alerts.c.shadow, bindparam("shadow", type_=Boolean()))
ONE = ALERTS_WITH_CASE.where(alerts.c.alert_id == bindparam("alert_id", type_=Uuid()), HEARD)
ALERT, ALERT_OF_CASELOAD = Statement(ONE), Statement(ONE.where(OF_CASELOAD))
SOME = ALERTS_WITH_CASE.where(alerts.c.alert_id == any_(bindparam("ids", type_=ARRAY(Uuid()))), ~alerts.c.shadow)
SOME_ALERTS, SOME_OF_CASELOAD = Statement(SOME), Statement(SOME.where(OF_CASELOAD))


@cache
def _page_of_alerts(names: frozenset[str]) -> Statement:
    """Return the statement of a page for those filters that a reader uses, made once for each choice of them."""
    conditions = (condition for name, condition in alert_filters().items() if name in names)
    newest_first = ALERTS_WITH_CASE.where(*conditions).order_by(alerts.c.change_number.desc())
    return Statement(newest_first.limit(bindparam("limit", type_=Integer())))


def alert_filters() -> dict[str, ColumnElement[bool]]:
    """Return what each filter asks of an alert and its case."""
    good_news = bindparam("good_news", of_tone(Tone.good_news), type_=CODES)
    tone = case((alerts.c.rule == any_(good_news), Tone.good_news.value), else_=Tone.caution.value)
    over = alerts.c.snoozed_until <= bindparam("now", type_=alerts.c.snoozed_until.type)
    over = or_(over, cases.c.held_sessions >= alerts.c.snoozed_until_number)
    handling = case((and_(alerts.c.handling == "snoozed", over), "new"), else_=alerts.c.handling)
    return {
        "states": alerts.c.state == any_(listed("states")),
        "handlings": handling == any_(listed("handlings")),
        "severities": alerts.c.severity == any_(listed("severities")),
        "rules": alerts.c.rule == any_(listed("rules")),
        "tones": tone == any_(listed("tones")),
        "case_ids": alerts.c.case_id == any_(listed("case_ids")),
        "therapist_ids": alerts.c.therapists.overlap(listed("therapist_ids")),
        "changed_after": alerts.c.changed_at > bindparam("changed_after", type_=alerts.c.changed_at.type),
        "silent_on_hold": ~and_(ON_HOLD, alerts.c.rule == any_(listed("silent_on_hold"))),
        "shadow": HEARD,
        "caseload": OF_CASELOAD,
        "before": alerts.c.change_number < bindparam("before", type_=alerts.c.change_number.type),
    }


def stored_alert(row: Row) -> StoredAlert:
    """Return the alert of a row, with what reading it needs of its case."""
    return StoredAlert(alert_of(row), _course_of(row), circumstances_in(row))


async def alerts_of_case(db: Db, case_id: str, shadow: bool = False) -> list[Alert]:
    """Return the alerts of a case in the order of opening, retracted ones too; those in shadow only where asked for."""
    mine = (alerts.c.organization_id == db.organization_id, alerts.c.case_id == case_id)
    heard = () if shadow else (~alerts.c.shadow,)
    statement = select(alerts).where(*mine, *heard).order_by(alerts.c.opened_at, alerts.c.alert_id)
    return [alert_of(row) for row in (await db.execute(statement)).mappings()]
