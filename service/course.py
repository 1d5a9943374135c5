"""A course as it is read: its latest sessions with what each shows, from the stored carries where they hold."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.db import queries, reads
from service.db.engine import Db
from service.db.rulebooks import rulebook
from service.db.sealing import unseal_carry
from service.domain.assess import fold
from service.domain.carry import Carry
from service.domain.figures import Figures, figures
from service.domain.model import TherapySession
from service.domain.records import CaseRecord, RatingRecord, SessionRecord
from service.domain.references import References


@dataclass(frozen=True, slots=True)
class CourseSession:
    """One session of a course; `number` counts held sessions, None where nobody came.

    Its figures rest on the references that judged it; `references` are those in force now.
    """

    stored: reads.StoredSession
    session: TherapySession
    ratings: tuple[RatingRecord, ...]
    number: int | None
    figures: Figures
    references: References


async def course_sessions(
    db: Db, case: reads.StoredCase, before: tuple[datetime, str] | None, limit: int
) -> list[CourseSession]:
    """Return the latest sessions of a course before a place, oldest first.

    Where a carry is missing or was folded with other rules or facts, the course is folded anew in memory.
    """
    record = replace(case.record, rulebook=await rulebook(db))
    case_id, family = record.case_id, record.family
    rows = await reads.course_page(db, case_id, before, limit)
    keys = [(case_id, stored.record.session_id) for stored, _, _ in rows]
    ratings: dict[str, list[RatingRecord]] = {session_id: [] for _, session_id in keys}
    for rating in await queries.live_ratings(db, keys):
        ratings[rating.facts.session_id].append(rating)
    if all(stored.held_at is not None and name == record.folded_with(stored.held_at) for stored, name, _ in rows):
        carries = {stored.record.session_id: unseal_carry(carry) for stored, _, carry in rows if carry is not None}
    else:
        carries = await _folded_anew(db, record)
    found = []
    for stored, _, _ in reversed(rows):
        own = sorted(ratings[stored.record.session_id], key=lambda rating: rating.facts.natural_key)
        session = _session(stored.record, own)
        if session is not None:
            carry = carries[session.session_id]
            number = carry.number if session.held else None
            shown = figures(carry, session, family, record.history.at(session.held_at).references)
            found.append(CourseSession(stored, session, tuple(own), number, shown, record.rulebook.references))
    return found


def _session(record: SessionRecord, ratings: Sequence[RatingRecord]) -> TherapySession | None:
    return record.as_folded([rating.facts for rating in ratings])


async def _folded_anew(db: Db, case: CaseRecord) -> dict[str, Carry]:
    """Return the carry after each session of a course, folded from its first session; nothing is stored."""
    records = await queries.whole_courses(db, [case.case_id])
    ratings: dict[str, list[RatingRecord]] = {record.session_id: [] for record in records}
    for rating in await queries.live_ratings(db, [(case.case_id, record.session_id) for record in records]):
        ratings[rating.facts.session_id].append(rating)
    sessions = [session for record in records if (session := _session(record, ratings[record.session_id]))]
    sessions.sort(key=lambda session: session.position)
    steps, _ = await asyncio.to_thread(fold, Carry(), sessions, case.family, case.history)
    return {session.session_id: step.carry for session, step in zip(sessions, steps, strict=True)}
