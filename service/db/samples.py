"""Ratings of one form as a sample: scores and answers without times or ids beyond what tells persons apart."""

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import any_, bindparam, func, or_, select

from service.db.columns import Code
from service.db.engine import Db
from service.db.queries import cases, ratings, sessions
from service.db.rows import Row, scores_of
from service.db.statements import ORGANIZATION, Statement, listed, same
from service.domain.calibration import Answered
from service.domain.model import MemberRole, Phase, RaterKind
from service.domain.records import RatingState

CASES_AT_ONCE = 500


def case_ids(at_once: int) -> Statement:
    """Return the statement that reads the ids of so many cases after one of them."""
    statement = select(cases.c.case_id).where(
        cases.c.organization_id == ORGANIZATION, cases.c.case_id > bindparam("after", type_=Code())
    )
    return Statement(statement.order_by(cases.c.case_id.asc()).limit(at_once))


CASE_IDS = case_ids(CASES_AT_ONCE)


def _sample() -> Any:
    """Return a statement for the live post ratings of a form in some cases, those of members about the therapist."""
    about_therapist = or_(ratings.c.about == "therapist", func.starts_with(ratings.c.about, "therapist/"))
    chosen = (ratings.c.case_id, ratings.c.rater_kind, ratings.c.rater_id, ratings.c.about)
    return (
        select(*chosen, ratings.c.facts, ratings.c.scores)
        .join(sessions, same(ratings, sessions, "case_id", "session_id"))
        .where(
            ratings.c.organization_id == ORGANIZATION,
            ratings.c.case_id == any_(listed("case_ids")),
            ratings.c.instrument == bindparam("instrument", type_=Code()),
            ratings.c.phase == Phase.post.value,
            ratings.c.state == RatingState.live.value,
            or_(ratings.c.rater_kind != RaterKind.member.value, about_therapist),
            sessions.c.in_course,
        )
        .order_by(*(column.asc() for column in (*chosen, sessions.c.held_at, sessions.c.session_id)))
    )


SAMPLE = Statement(_sample())


async def sample_of(db: Db, instrument: str, locale: str | None) -> AsyncIterator[Answered]:
    """Yield every rating of a form, each person's in the order of the course; those of a language alone, if told."""
    after = ""
    while rows := await db.fetch(CASE_IDS, after=after):
        some = [row["case_id"] for row in rows]
        after = some[-1]
        for row in await db.fetch(SAMPLE, case_ids=some, instrument=instrument):
            if locale is None or _speaks(row["facts"].get("locale"), locale):
                yield _answered_of(row)


def _speaks(told: str | None, locale: str) -> bool:
    return told is not None and (told == locale or told.startswith(f"{locale}-"))


def _answered_of(row: Row) -> Answered:
    facts, role = row["facts"], row["facts"]["rater_role"]
    return Answered(
        person=(row["case_id"], row["rater_kind"], row["rater_id"], row["about"]),
        kind=RaterKind(row["rater_kind"]),
        role=None if role is None else MemberRole(role),
        percents={dimension: score.percent for dimension, score in scores_of(row["scores"]).items()},
        answers=facts["answers"],
    )
