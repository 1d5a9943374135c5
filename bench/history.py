"""A long history of an organization, copied into its tables as if it had been posted; nothing of it is judged yet."""

import asyncio
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from msgspec.json import encode
from uuid_utils.compat import uuid7

from bench.stage import Database
from bench.workload import FIRST, KINDS, MARKS, MEMBERS, case
from service.db.rows import facts_document, scores_document
from service.domain.commands import RatingFacts
from service.domain.facts import EMPTY_CASE, MEMBER_DEFAULTS
from service.domain.instruments import instruments
from service.domain.model import MemberRole, Phase, RaterKind
from service.domain.scoring import score_answers

AT_ONCE = 500  # cases of one COPY
STORED = datetime(2025, 1, 1, tzinfo=UTC).isoformat()


@dataclass(frozen=True, slots=True)
class History:
    """Families of four who all rate after each of their sessions."""

    organization_id: UUID
    cases: int
    sessions: int

    @property
    def ratings(self) -> int:
        return self.cases * self.sessions * len(MEMBERS)


def copy_in(database: Database, history: History) -> None:
    """Copy a history into the tables."""
    asyncio.run(_copy_in(database, history))


async def _copy_in(database: Database, history: History) -> None:
    connection = await asyncpg.connect(database.address())
    try:
        for first in range(0, history.cases, AT_ONCE):
            numbers = range(first, min(history.cases, first + AT_ONCE))
            for table, columns, rows in _tables(history, numbers):
                text = io.BytesIO("".join(_line(row) for row in rows).encode())
                await connection.copy_to_table(table, source=text, columns=columns)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


def _tables(history: History, numbers: range) -> Iterable[tuple[str, list[str], Iterable[list[Any]]]]:
    return (
        ("cases", CASES, (_case(history, number) for number in numbers)),
        ("sessions", SESSIONS, (_session(history, number, week) for number in numbers for week in _weeks(history))),
        (
            "ratings",
            RATINGS,
            (
                _rating(history, number, week, rater)
                for number in numbers
                for week in _weeks(history)
                for rater in range(len(MEMBERS))
            ),
        ),
    )


def _weeks(history: History) -> range:
    return range(history.sessions)


OF = ["organization_id", "case_id"]
KEPT = ["revision", "created_at", "changed_at"]
CASES = [*OF, "facts", "announced", "held_sessions", "last_session_id", *KEPT]
SESSIONS = [*OF, "session_id", "inherited", "held_at", "in_course", *KEPT]
RATINGS = [
    *OF, "session_id", "rating_id", "rater_kind", "rater_id", "about", "instrument", "phase",
    "facts", "scores", "instrument_version", "state", "revision", "received_at", "changed_at",
]  # fmt: skip


def _case(history: History, number: int) -> list[Any]:
    told = case("")
    members = {member: {**MEMBER_DEFAULTS, **facts} for member, facts in told["members"].items()}
    facts = json.dumps({**EMPTY_CASE, **told, "members": members})
    last = f"week-{history.sessions - 1:04}"
    return [history.organization_id, f"family-{number:07}", facts, True, history.sessions, last, 1, STORED, STORED]


def _session(history: History, number: int, week: int) -> list[Any]:
    held_at = FIRST + timedelta(weeks=week)
    key = [history.organization_id, f"family-{number:07}", f"week-{week:04}"]
    return [*key, "{dr-7}", held_at.isoformat(), True, 1, STORED, STORED]


def _rating(history: History, number: int, week: int, rater: int) -> list[Any]:
    facts, scores = _told(week, rater, (number * 31 + week * 7 + rater * 3) % KINDS)
    key = [history.organization_id, f"family-{number:07}", f"week-{week:04}", uuid7()]
    said = ["member", MEMBERS[rater][0], "therapist", "srs", "post", facts, scores]
    return [*key, *said, instruments()["srs"].version, "live", 1, STORED, STORED]


_KNOWN: dict[tuple[int, int, int], tuple[str, str]] = {}


def _told(week: int, rater: int, marks: int) -> tuple[str, str]:
    """Return the facts and the scores of a rating as they are stored; the same few come again and again."""
    if (week, rater, marks) not in _KNOWN:
        member, role = MEMBERS[rater]
        facts = RatingFacts(
            case_id="",
            session_id="",
            rater_kind=RaterKind.member,
            rater_id=member,
            rater_role=MemberRole(role),
            about="therapist",
            phase=Phase.post,
            instrument="srs",
            held_at=FIRST + timedelta(weeks=week),
            answers=MARKS[marks],
        )
        scores = scores_document(score_answers(instruments()["srs"], MARKS[marks]))
        _KNOWN[week, rater, marks] = (encode(facts_document(facts)).decode(), encode(scores).decode())
    return _KNOWN[week, rater, marks]


def _line(row: Iterable[Any]) -> str:
    """Return a row as COPY reads it; nothing in it has a tab, a line end or a backslash."""
    return "\t".join("t" if value is True else str(value) for value in row) + "\n"
