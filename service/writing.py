"""The one unit of writing: a batch of commands of one organization in one transaction, apply(db, commands) → outcomes.

Locks come first and in the order of the case ids, reads after them, computing between, writes last; what a command
is refused for never fails its neighbours.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from service.db import queries, stores
from service.db.changes import tell_anew
from service.db.engine import Db, transaction
from service.db.queries import SessionKey
from service.db.sealing import unseal_carry
from service.db.stores import Audited
from service.domain.balance import missing_raters
from service.domain.carry import Carry
from service.domain.commands import AnyCommand, NoteOverdue, Refusal, Result
from service.domain.deciding import judge
from service.domain.decision import Decision
from service.domain.facts import rating_of
from service.domain.figures import Course, Figures, figures
from service.domain.model import TherapySession
from service.domain.reconcile import Alert
from service.domain.records import CaseRecord, RatingRecord, Records, SessionRecord
from service.loading import NewCases, Unit, families, load, positions, told_anew
from service.refolding import Part, Position, fold_parts, load_parts, reconcile_alerts, sealed_carries, take_back

TURNS = 2  # of the loop, until a first statement has left

Storing = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one command, with the things it was about as they stand after the commit.

    `alerts` are those that rest on the rating's session, `missing_raters` the members whose rating of its group is
    missing; `figures` None where the session is no part of the course.
    """

    decision: Decision
    case: CaseRecord | None = None
    session: SessionRecord | None = None
    rating: RatingRecord | None = None
    course: Course | None = None
    figures: Figures | None = None
    missing_raters: tuple[str, ...] = ()
    alerts: tuple[Alert, ...] = ()


async def write(
    engine: AsyncEngine, organization_id: UUID, commands: Sequence[AnyCommand], keep: bool = True
) -> list[Outcome]:
    """Apply commands in one transaction of their organization; committed when this returns, or taken back."""
    missing: set[str] = set()
    while True:
        try:
            async with transaction(engine, organization_id, keep) as db:
                if missing:
                    await stores.create_missing_cases(db, missing, commands[0].received_at)
                return await apply(db, commands)
        except NewCases as new:
            missing |= new.case_ids


async def apply(db: Db, commands: Sequence[AnyCommand]) -> list[Outcome]:
    """Judge commands in order, store what they change, fold the touched courses anew; one outcome per command.

    Raises NewCases, having changed nothing, when a command speaks of a case that has no row yet.
    """
    at = max(command.received_at for command in commands)
    unit = await load(db, commands, at)
    decisions = [_judged(unit, command) for command in commands]
    judged = zip(commands, decisions, strict=True)
    audited = [_audited(command, done, unit.records) for command, done in judged if _wrote(done)]
    shown = {key for key in map(_session_shown, commands, decisions) if key is not None}
    parts, carries = await _fold(db, unit, shown, partial(_store_facts, db, unit, at, audited))
    told = await told_anew(db, unit, {case_id: part.course for case_id, part in parts.items()})
    await _store_courses(db, unit, parts)
    views = {key: view for key in shown if (view := _view(unit.records, key, carries.get(key))) is not None}
    backfilled = _backfilled(commands, decisions)
    alerts = await reconcile_alerts(db, parts, shown, backfilled, at)
    await tell_anew(db, told, backfilled)
    return [_outcome(unit, decision, views, alerts) for decision in decisions]


def _judged(unit: Unit, command: AnyCommand) -> Decision:
    if command.key_id not in unit.keys and not isinstance(command, NoteOverdue):  # nobody's: the watchdog needs no key
        return Decision(result=Result.refused, refusal=Refusal("key-revoked"))
    if unit.case_of(command) not in unit.records.cases:
        return Decision(result=Result.refused, refusal=Refusal("not-found"))
    return judge(unit.records, command, lambda: str(uuid7()))


async def _store_facts(db: Db, unit: Unit, at: datetime, audited: Sequence[Audited]) -> None:
    """Write the changed sessions and ratings, and who changed them."""
    records = unit.records
    changed = sorted(records.changed_sessions)
    placed = positions(records, changed)
    written = [(records.sessions[key], records.held_at(key), key in placed) for key in changed]
    rated = [records.ratings[rating_id] for rating_id in sorted(records.changed_ratings)]
    await stores.write_facts(db, written, rated, audited, at)


async def _fold(
    db: Db, unit: Unit, shown: set[SessionKey], storing: Storing
) -> tuple[dict[str, Part], dict[SessionKey, Carry]]:
    """Fold what changed while it is stored; return the carry after each session that was folded or is shown.

    New therapists go to the sessions that had none before those are read.
    """
    if unit.records.handed:
        await stores.inherit_therapists(db, unit.records.handed)
    starts = _starts(unit)
    carries = await _carries_before(db, unit, shown, starts)
    parts = await load_parts(db, unit.records, starts)
    await take_back(db, unit.records, parts.values())
    async with _meanwhile(storing):
        await fold_parts(parts.values())
    for part in parts.values():
        carries.update(
            ((part.case_id, session.session_id), carry)
            for session, carry in zip(part.sessions, part.carries, strict=True)
        )
    return parts, carries


@asynccontextmanager
async def _meanwhile(storing: Storing) -> AsyncIterator[None]:
    """Let the database store while we compute; it has when the block ends.

    Within the block nothing else may be asked of the database.
    """
    task = asyncio.create_task(storing())
    try:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        yield
    finally:
        await task


def _starts(unit: Unit) -> dict[str, Position | None]:
    """Return from where each changed course must be folded; None: from its first session."""
    records = unit.records
    starts: dict[str, Position | None] = {}
    now = positions(records, records.changed_sessions)
    for key in records.changed_sessions:
        for place in (unit.positions.get(key), now.get(key)):
            earlier = starts.get(key[0])
            if place is not None:
                starts[key[0]] = place if earlier is None else min(earlier, place)
    for case_id, family in families(records).items():
        if case_id in records.handed or family != unit.families[case_id]:
            starts[case_id] = None
    return starts


async def _carries_before(
    db: Db, unit: Unit, shown: set[SessionKey], starts: dict[str, Position | None]
) -> dict[SessionKey, Carry]:
    """Return the stored carries of shown sessions that are not folded anew; a useless one lets its course be folded."""
    resting = {}
    for key, place in positions(unit.records, shown).items():
        start = starts.get(key[0])
        if key[0] not in starts or (start is not None and place < start):
            resting[key] = unit.records.cases[key[0]].folded_with(place[0])
    stored = await queries.carries_after(db, resting) if resting else {}
    carries: dict[SessionKey, Carry] = {}
    for key, digest in resting.items():
        if key in stored and stored[key][0] == digest:
            carries[key] = unseal_carry(stored[key][1])
        else:
            starts[key[0]] = None
    return carries


async def _store_courses(db: Db, unit: Unit, parts: Mapping[str, Part]) -> None:
    """Write carries, changed cases and how far each has come; blank rows of which nothing came go."""
    unit.courses.update((case_id, part.course) for case_id, part in parts.items())
    changed = unit.records.changed_cases | set(parts)
    come = [(unit.records.cases[case_id], unit.courses[case_id]) for case_id in sorted(changed)]
    await stores.write_courses(db, sealed_carries(parts.values()), come)
    blank = {case_id for case_id, case in unit.records.cases.items() if case.revision == 0}
    if blank:
        await stores.drop_blank_cases(db, blank)


def _session_shown(command: AnyCommand, decision: Decision) -> SessionKey | None:
    """Return the session whose figures the answer shows: that of a rating which was not refused."""
    if not command.shown or decision.rating_id is None or decision.session_id is None:
        return None
    return (decision.case_id, decision.session_id)


def _wrote(decision: Decision) -> bool:
    return decision.result in (Result.created, Result.changed)


def _backfilled(commands: Sequence[AnyCommand], decisions: Sequence[Decision]) -> set[str]:
    """Return the cases of which this batch only tells old stories."""
    live = {d.case_id for c, d in zip(commands, decisions, strict=True) if not c.backfill}
    return {decision.case_id for decision in decisions} - live


def _audited(command: AnyCommand, decision: Decision, records: Records) -> Audited:
    if decision.rating_id is not None:
        thing, record = f"rating/{decision.rating_id}", records.ratings[decision.rating_id]
        return (command.key_id, f"rating.{decision.result.value}", thing, record.revision)
    if decision.session_id is not None:
        session = records.sessions[decision.case_id, decision.session_id]
        thing = f"case/{decision.case_id}/session/{decision.session_id}"
        return (command.key_id, f"session.{decision.result.value}", thing, session.revision)
    case = records.cases[decision.case_id]
    return (command.key_id, f"case.{decision.result.value}", f"case/{decision.case_id}", case.revision)


View = tuple[TherapySession, Figures]  # a session as it stands now, and what it shows


def _view(records: Records, key: SessionKey, carry: Carry | None) -> View | None:
    """Return what a session shows, once for all ratings of a batch; None where it is no part of the course."""
    session = records.therapy_session(key)
    if session is None or carry is None:
        return None
    case = records.cases[key[0]]
    return session, figures(carry, session, case.family, case.history.at(session.held_at).references)


def _outcome(
    unit: Unit, decision: Decision, views: Mapping[SessionKey, View], alerts: Mapping[str, list[Alert]]
) -> Outcome:
    records = unit.records
    key = (decision.case_id, decision.session_id or "")
    rating = records.ratings.get(decision.rating_id or "")
    outcome = Outcome(
        decision=decision,
        case=records.cases.get(decision.case_id),
        session=records.sessions.get(key),
        rating=rating,
        course=unit.courses.get(decision.case_id),
    )
    if rating is None or decision.result is Result.refused or key not in views:
        return outcome
    session, shown = views[key]
    resting = (item for item in alerts.get(key[0], ()) if key[1] in item.concern.sessions and item.told)
    missing = missing_raters(session, shown.family, rating_of(rating.facts))
    return replace(outcome, figures=shown, missing_raters=missing, alerts=tuple(resting))
