"""Ratings as the API shows them: one with its history, or page by page."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, or_, select, tuple_

from service.db.caseload import reaches, within
from service.db.engine import Db
from service.db.queries import ratings, with_past
from service.db.rows import rating_record_of
from service.db.statements import ORGANIZATION, Statement
from service.domain.records import RatingRecord

RATING = Statement(
    select(ratings).where(
        ratings.c.organization_id == ORGANIZATION, ratings.c.rating_id == bindparam("rating_id", type_=Uuid())
    )
)


async def rating_by_id(db: Db, rating_id: UUID) -> RatingRecord | None:
    """Return a rating with its history, live or retracted."""
    found = await with_past(db, RATING, rating_id=rating_id)
    return found[0] if found and await reaches(db, found[0].facts.case_id) else None


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
    statement = select(ratings).where(ratings.c.organization_id == db.organization_id, *within(db, ratings))
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
