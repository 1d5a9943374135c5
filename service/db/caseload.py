"""The caseload of some therapists: the cases that name one of them now; a case that names nobody is of those whom its
last held session announced. What a handle with a caseload does not reach is not there, as if another organization's.

A therapist who hands a case over loses it with that write, its old alerts too.
"""

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, func, literal, or_, select

from service.db.engine import Db
from service.db.queries import cases, sessions
from service.db.statements import CODES, ORGANIZATION, listed, same


def _named(therapists: Any) -> ColumnElement[bool]:
    """Tell whether a row of `cases` is of the caseload of some therapists."""
    of_case = cases.c.facts["therapists"]
    last = and_(
        sessions.c.organization_id == cases.c.organization_id,
        sessions.c.case_id == cases.c.case_id,
        sessions.c.session_id == cases.c.last_session_id,
    )
    announced = select(sessions.c.session_id).where(last, sessions.c.facts["therapists"].has_any(therapists))
    named_there = announced.correlate_except(sessions).exists()
    return or_(of_case.has_any(therapists), and_(func.jsonb_array_length(of_case) == 0, named_there))


OF_CASELOAD = _named(listed("caseload"))  # for a statement that has `cases` in it


def reached(therapists: Any, case_id: Any) -> ColumnElement[bool]:
    """Tell whether a case is of the caseload of some therapists, as a part of a statement about others' columns."""
    mine = (cases.c.organization_id == ORGANIZATION, cases.c.case_id == case_id)
    return select(cases.c.case_id).where(*mine, _named(therapists)).correlate_except(cases).exists()


def within(db: Db, table: Table) -> list[ColumnElement[bool]]:
    """Return what holds the rows of a table, `cases` or one that names a case, to the caseload of a handle."""
    if db.caseload is None:
        return []
    named = _named(literal(list(db.caseload), CODES))
    if table is cases:
        return [named]
    return [select(cases.c.case_id).where(same(cases, table, "case_id"), named).correlate(table).exists()]


async def reaches(db: Db, case_id: str) -> bool:
    """Tell whether a handle reaches a case; without a caseload it reaches each of its organization."""
    if db.caseload is None:
        return True
    mine = (cases.c.organization_id == db.organization_id, cases.c.case_id == case_id, *within(db, cases))
    return (await db.execute(select(cases.c.case_id).where(*mine))).first() is not None
