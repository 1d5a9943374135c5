"""Judging some cases twice, by the rules as they are and as they are on trial: what would differ. Nothing is written.

Both judgements are of the same facts, by one set of rules from the first session on, so that what differs comes from
the trial alone.
"""

from collections.abc import Sequence
from datetime import datetime

from service.db.engine import Db
from service.db.jobs import Result
from service.db.ranges import Range, cases_among, courses_among
from service.db.rulebooks import rulebook
from service.domain.assess import assess
from service.domain.carry import Giving
from service.domain.commands import Document
from service.domain.concern import Concern
from service.domain.difference import added_up, counts, differences, member_sessions
from service.domain.model import Family, TherapySession
from service.domain.trial import tried


async def backtest(db: Db, among: Range, asked: Document, at: datetime) -> Result:
    """Hold the rules on trial against those in force, over a range of cases as they are stored."""
    book = await rulebook(db)
    trial = tried(book, asked, at)
    seen, courses = await cases_among(db, among), await courses_among(db, among)
    counted, told, rated = [], [], 0
    for case_id in sorted(set(seen) & set(courses)):
        family, sessions = seen[case_id].record.family, courses[case_id]
        before = _shown(sessions, family, book.given(family.program))
        after = _shown(sessions, family, trial.given(family.program))
        found = differences(before, after)
        counted.append(counts(before, after, found))
        told += [item.told(case_id, {}) for item in found]
        rated += member_sessions(sessions)
    return Result(member_sessions=rated, counts=added_up(counted), differences=told)


def _shown(sessions: Sequence[TherapySession], family: Family, giving: Giving) -> list[Concern]:
    """Return the concerns of a course that readers would see."""
    return [concern for concern in assess(sessions, family, giving) if not concern.shadow]
