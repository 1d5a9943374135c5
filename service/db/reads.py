"""What the API shows, page by page: plain functions taking `db`, one or two statements each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Uuid, and_, bindparam, case, func, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import distinct_on

from service.db.engine import Db
from service.db.queries import alerts, carries, cases, ratings, sessions, with_past
from service.db.rows import Row, alert_of, case_of, rating_record_of, session_record_of
from service.db.statements import ORGANIZATION, Statement
from service.db.tables import HandlingRow, table_of
from service.domain.figures import Course
from service.domain.reconcile import Alert
from service.domain.records import CaseRecord, RatingRecord, SessionRecord

handlings = table_of(HandlingRow)

FAR = datetime(9999, 12, 31, tzinfo=UTC)  # where a session without a time sorts


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case with how far its course has come."""

    record: CaseRecord
    course: Course

    @property
    def on_hold(self) -> bool:
        return bool(self.record.facts["safety_hold"])


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
    on_hold: bool


async def case_by_id(db: Db, case_id: str) -> StoredCase | None:
    """Return a case that something has spoken of."""
    found = await case_page(db, None, 1, case_id)
    return found[0] if found else None


async def case_page(db: Db, after: str | None, limit: int, case_id: str | None = None) -> list[StoredCase]:
    """Return cases in the order of their ids, from after one of them on."""
    statement = select(cases).where(cases.c.organization_id == db.organization_id, cases.c.revision > 0)
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
    same = and_(*(carries.c[name] == sessions.c[name] for name in ("organization_id", "case_id", "session_id")))
    statement = (
        select(sessions, carries.c.folded_with, carries.c.carry)
        .outerjoin(carries, same)
        .where(sessions.c.organization_id == db.organization_id, sessions.c.case_id == case_id, sessions.c.in_course)
    )
    if before is not None:
        statement = statement.where(tuple_(*place) < tuple_(*before))
    ordered = statement.order_by(*(column.desc() for column in place)).limit(limit)
    rows = (await db.execute(ordered)).mappings()
    return [(_stored_session(row), row["folded_with"], row["carry"]) for row in rows]


def _sessions_of(db: Db, case_id: str) -> Select[Any]:
    return select(sessions).where(sessions.c.organization_id == db.organization_id, sessions.c.case_id == case_id)


def _stored_session(row: Row) -> StoredSession:
    return StoredSession(session_record_of(row), row["held_at"], row["in_course"])


RATING = Statement(
    select(ratings).where(
        ratings.c.organization_id == ORGANIZATION, ratings.c.rating_id == bindparam("rating_id", type_=Uuid())
    )
)


async def rating_by_id(db: Db, rating_id: UUID) -> RatingRecord | None:
    """Return a rating with its history, live or retracted."""
    found = await with_past(db, RATING, rating_id=rating_id)
    return found[0] if found else None


async def rating_page(
    db: Db,
    filters: Mapping[str, Collection[str]],
    raters: Collection[str],
    changed_after: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[RatingRecord]:
    """Return ratings in the order of their last change.

    `filters` is column → wanted values; `raters` are ids, of any kind, or references.
    """
    statement = select(ratings).where(ratings.c.organization_id == db.organization_id)
    for name, wanted in filters.items():
        statement = statement.where(ratings.c[name].in_(sorted(wanted)))
    if raters:
        statement = statement.where(or_(*(_rated_by(rater) for rater in sorted(raters))))
    if changed_after is not None:
        statement = statement.where(ratings.c.changed_at > changed_after)
    place = (ratings.c.changed_at, ratings.c.rating_id)
    if after is not None:
        statement = statement.where(tuple_(*place) > tuple_(*after))
    rows = (await db.execute(statement.order_by(*place).limit(limit))).mappings()
    return [rating_record_of(row) for row in rows]


def _rated_by(rater: str) -> ColumnElement[bool]:
    kind, _, rater_id = rater.rpartition("/")
    same = ratings.c.rater_id == rater_id
    return and_(same, ratings.c.rater_kind == kind) if kind else same


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """What a reader asks for: values of one kind mean "or", kinds together mean "and"."""

    states: Collection[str] = ()
    handlings: Collection[str] = ()
    severities: Collection[str] = ()
    rules: Collection[str] = ()
    case_ids: Collection[str] = ()
    therapist_ids: Collection[str] = ()
    changed_after: datetime | None = None
    silent_on_hold: Collection[str] = ()


async def alert_page(db: Db, wanted: AlertFilter, now: datetime, before: int | None, limit: int) -> list[StoredAlert]:
    """Return alerts, the newest change first; a case on hold keeps quiet about the rules that are silent then."""
    statement = _alerts_with_case(db).where(*_conditions(wanted, now))
    if before is not None:
        statement = statement.where(alerts.c.change_number < before)
    rows = (await db.execute(statement.order_by(alerts.c.change_number.desc()).limit(limit))).mappings()
    return [_stored_alert(row) for row in rows]


async def alert_by_id(db: Db, alert_id: UUID, lock: bool = False) -> StoredAlert | None:
    """Return an alert; `lock` keeps others from handling it until the transaction ends."""
    statement = _alerts_with_case(db).where(alerts.c.alert_id == alert_id)
    if lock:
        statement = statement.with_for_update(of=alerts)
    row = (await db.execute(statement)).mappings().one_or_none()
    return None if row is None else _stored_alert(row)


def _alerts_with_case(db: Db) -> Select[Any]:
    hold = cases.c.facts["safety_hold"].as_boolean().label("on_hold")
    same = and_(cases.c.organization_id == alerts.c.organization_id, cases.c.case_id == alerts.c.case_id)
    return (
        select(alerts, cases.c.held_sessions, cases.c.last_session_id, hold)
        .join(cases, same)
        .where(alerts.c.organization_id == db.organization_id)
    )


def _conditions(wanted: AlertFilter, now: datetime) -> Sequence[ColumnElement[bool]]:
    over = or_(alerts.c.snoozed_until <= now, cases.c.held_sessions >= alerts.c.snoozed_until_number)
    handling = case((and_(alerts.c.handling == "snoozed", over), "new"), else_=alerts.c.handling)
    chosen = (
        (alerts.c.state, wanted.states),
        (handling, wanted.handlings),
        (alerts.c.severity, wanted.severities),
        (alerts.c.rule, wanted.rules),
        (alerts.c.case_id, wanted.case_ids),
    )
    conditions: list[ColumnElement[bool]] = [column.in_(sorted(values)) for column, values in chosen if values]
    if wanted.therapist_ids:
        conditions.append(alerts.c.therapists.overlap(sorted(wanted.therapist_ids)))
    if wanted.changed_after is not None:
        conditions.append(alerts.c.changed_at > wanted.changed_after)
    quiet = and_(cases.c.facts["safety_hold"].as_boolean(), alerts.c.rule.in_(sorted(wanted.silent_on_hold)))
    conditions.append(~quiet if wanted.silent_on_hold else true())
    return conditions


def _stored_alert(row: Row) -> StoredAlert:
    return StoredAlert(alert_of(row), _course_of(row), bool(row["on_hold"]))


async def alerts_of_case(db: Db, case_id: str) -> list[Alert]:
    """Return every alert of a case in the order of opening, retracted ones too."""
    statement = (
        select(alerts)
        .where(alerts.c.organization_id == db.organization_id, alerts.c.case_id == case_id)
        .order_by(alerts.c.opened_at, alerts.c.alert_id)
    )
    return [alert_of(row) for row in (await db.execute(statement)).mappings()]


async def roles_of_raters(db: Db, case_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Return case → member → role for members with live ratings: that of the latest session, as the fold sees it."""
    same = and_(*(sessions.c[name] == ratings.c[name] for name in ("organization_id", "case_id", "session_id")))
    who = (ratings.c.case_id, ratings.c.rater_id)
    latest = (sessions.c.held_at.desc().nulls_last(), sessions.c.session_id.desc())
    statement = (
        select(*who, ratings.c.facts["rater_role"].as_string().label("role"))
        .ext(distinct_on(*who))
        .join(sessions, same)
        .where(
            ratings.c.organization_id == db.organization_id,
            ratings.c.case_id.in_(sorted(case_ids)),
            ratings.c.rater_kind == "member",
            ratings.c.state == "live",
        )
        .order_by(*who, *latest, ratings.c.about, ratings.c.instrument, ratings.c.phase)
    )
    found: dict[str, dict[str, str]] = {case_id: {} for case_id in case_ids}
    for row in await db.execute(statement):
        found[row.case_id][row.rater_id] = row.role
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
