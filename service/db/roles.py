"""The roles that members' ratings name, as pages of cases show them."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from service.db.engine import Db
from service.db.queries import ratings, sessions
from service.db.statements import same


async def roles_of_raters(db: Db, case_ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Return case → member → role for members with live ratings: that of the latest session, as the fold sees it."""
    who = (ratings.c.case_id, ratings.c.rater_id)
    latest = (sessions.c.held_at.desc().nulls_last(), sessions.c.session_id.desc())
    statement = (
        select(*who, ratings.c.facts["rater_role"].as_string().label("role"))
        .ext(distinct_on(*who))
        .join(sessions, same(sessions, ratings, "case_id", "session_id"))
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
