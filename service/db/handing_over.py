"""Alerts that leave a caseload with their case: who lost each, with the change that told them so.

That number is where a reader with the caseload hears that the alert went, whatever becomes of it afterwards.
"""

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, bindparam, case, cast, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB

from service.db.caseload import OF_CASELOAD
from service.db.columns import Code
from service.db.engine import Db
from service.db.queries import alerts
from service.db.reads import ALERTS_WITH_CASE
from service.db.statements import Statement, listed
from service.domain.commands import Document

WHOSE = func.unnest(listed("caseload")).table_valued(column("person", Code()), name="whose")
WHOSE = WHOSE.render_derived()
LOST = cast(func.jsonb_extract_path_text(alerts.c.handed_over, WHOSE.c.person), BigInteger)
LOST_NUMBER = select(func.max(LOST)).select_from(WHOSE).correlate(alerts).scalar_subquery()


def number_here(shown: ColumnElement[bool]) -> ColumnElement[Any]:
    """Return under which number a reader with a caseload hears of an alert: of the last change while it is `shown`
    there, else of that which hid it or took it from them; null where they never had it.
    """
    here = case((shown, alerts.c.change_number), else_=alerts.c.hidden_number)
    gone = case((~alerts.c.shadow, LOST_NUMBER))
    return case((OF_CASELOAD, here), else_=gone)


NEWEST = Statement(
    ALERTS_WITH_CASE.with_only_columns(
        func.coalesce(func.max(case((OF_CASELOAD, alerts.c.change_number), else_=LOST_NUMBER)), 0).label("number")
    )
)


async def newest_of_caseload(db: Db) -> int:
    """Return the number of the last change that a reader with the handle's caseload could hear of; 0 without any."""
    (row,) = await db.fetch(NEWEST, caseload=db.caseload)
    number: int = row["number"]
    return number


HANDED_OVER = (
    func.coalesce(alerts.c.handed_over, literal_column("CAST('{}' AS jsonb)", JSONB()))
    .op("-")(listed("gained_by"))
    .op("||")(bindparam("lost_by", type_=JSONB()))
)


def handing(before: Document, now: Document, number: int) -> dict[str, Any]:
    """Return the parameters of `HANDED_OVER` for an alert whose case goes from facts to others with a change."""
    lost = sorted(set(before["therapists"]) - set(now["therapists"]))
    return {"gained_by": now["therapists"], "lost_by": dict.fromkeys(lost, number)}
