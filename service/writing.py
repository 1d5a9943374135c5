"""The one unit of writing: a batch of commands of one organization in one transaction, apply(db, commands) → outcomes.

Locks come first and in the order of the case ids, reads after them, computing between, writes last; what a command
is refused for never fails its neighbours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from service.db import queries, stores
from service.db.engine import Db, transaction
from service.db.queries import SessionKey
from service.domain.carry import Carry, carry_from_plain, default_parameters, folded_with
from service.domain.commands import (
    AnyCommand,
    PatchCase,
    PatchSession,
    PostRating,
    PutCase,
    PutRating,
    PutSession,
    Refusal,
    Result,
    RetractRating,
)
from service.domain.deciding import judge
from service.domain.decision import Decision
from service.domain.facts import family_of, rating_of
from service.domain.figures import Course, Figures, figures
from service.domain.reconcile import Alert
from service.domain.records import CaseRecord, RatingRecord, Records, SessionRecord
from service.refolding import Part, Position, reconcile_alerts, refold


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one command, with the things it was about as they stand after the commit.

    `alerts` are those that rest on the rating's session; `figures` None where the session is no part of the course.
    """

    decision: Decision
    case: CaseRecord | None = None
    session: SessionRecord | None = None
    rating: RatingRecord | None = None
    course: Course | None = None
    figures: Figures | None = None
    alerts: tuple[Alert, ...] = ()


class NewCases(Exception):
    """Some cases are not there yet; their rows must be made before any lock is taken, in the order of their ids."""

    def __init__(self, case_ids: set[str]) -> None:
        super().__init__(f"{len(case_ids)} new cases")
        self.case_ids = case_ids


@dataclass(slots=True)
class Unit:
    """One unit of writing under way: its records, how they were before, and which keys may still write."""

    records: Records
    courses: dict[str, Course]
    keys: set[str]
    positions: dict[SessionKey, Position]
    digests: dict[str, str]
    therapists: dict[str, tuple[str, ...]]


async def write(engine: AsyncEngine, organization_id: UUID, commands: Sequence[AnyCommand]) -> list[Outcome]:
    """Apply commands in one transaction of their organization; committed when this returns."""
    try:
        async with transaction(engine, organization_id) as db:
            return await apply(db, commands)
    except NewCases as new:
        async with transaction(engine, organization_id) as db:
            await stores.create_missing_cases(db, new.case_ids, commands[0].received_at)
            return await apply(db, commands)


async def apply(db: Db, commands: Sequence[AnyCommand]) -> list[Outcome]:
    """Judge commands in order, store what they change, fold the touched courses anew; one outcome per command.

    Raises NewCases, having changed nothing, when a command speaks of a case that has no row yet.
    """
    at = max(command.received_at for command in commands)
    places = await _places(db, commands)
    unit = await _load(db, commands, places, at)
    decisions = [_judged(unit, command, places) for command in commands]
    await _store_facts(db, unit)
    shown = {key for key in map(_session_shown, commands, decisions) if key is not None}
    parts, carries = await _fold(db, unit, shown)
    alerts = await reconcile_alerts(db, parts, shown, _backfilled(commands, decisions), at)
    await _store_cases(db, unit, parts)
    judged = zip(commands, decisions, strict=True)
    await stores.write_audit(
        db, at, [_audited(command, done, unit.records) for command, done in judged if _wrote(done)]
    )
    return [_outcome(unit, decision, carries, alerts) for decision in decisions]


async def _places(db: Db, commands: Sequence[AnyCommand]) -> dict[str, SessionKey]:
    """Return the case and session of the ratings that commands name by id."""
    wanted = {command.rating_id for command in commands if isinstance(command, PutRating | RetractRating)}
    return await queries.places_of_ratings(db, wanted) if wanted else {}


def _case_of(command: AnyCommand, places: Mapping[str, SessionKey]) -> str | None:
    match command:
        case PostRating(facts=facts):
            return facts.case_id
        case PutRating(rating_id=rating_id) | RetractRating(rating_id=rating_id):
            return places[rating_id][0] if rating_id in places else None
        case _:
            return command.case_id


def _session_key(command: AnyCommand, places: Mapping[str, SessionKey]) -> SessionKey | None:
    match command:
        case PostRating(facts=facts):
            return (facts.case_id, facts.session_id)
        case PutRating(rating_id=rating_id) | RetractRating(rating_id=rating_id):
            return places.get(rating_id)
        case PutSession() | PatchSession():
            return (command.case_id, command.session_id)
        case _:
            return None


async def _load(db: Db, commands: Sequence[AnyCommand], places: Mapping[str, SessionKey], at: datetime) -> Unit:
    """Lock the cases, then read all that judging the commands needs."""
    case_ids = {case_id for command in commands if (case_id := _case_of(command, places)) is not None}
    locked = await queries.lock_cases(db, case_ids)
    creating = {_case_of(command, places) for command in commands if not isinstance(command, PatchCase | PatchSession)}
    new = {case_id for case_id in creating if case_id is not None and case_id not in locked}
    if new:
        raise NewCases(new)
    touched = {key for command in commands if (key := _session_key(command, places)) is not None}
    records = Records(cases={case_id: case for case_id, (case, _, _) in locked.items()})
    sessions, keys = await queries.touched_sessions(db, touched, {command.key_id for command in commands}, at)
    records.sessions = {(record.case_id, record.session_id): record for record in sessions}
    for rating in await queries.ratings_of_sessions(db, touched):
        records.keep_rating(rating, changed=False)
    for rating in await queries.ratings_by_record_id(db, _record_ids(commands)):
        if rating.rating_id not in records.ratings:
            records.keep_rating(rating, changed=False)
    replaced = {command.case_id for command in commands if isinstance(command, PutCase | PatchCase)} & set(locked)
    records.raters = await queries.rating_members(db, replaced) if replaced else {}
    return Unit(
        records=records,
        courses={case_id: Course(held, last) for case_id, (_, held, last) in locked.items()},
        keys=keys,
        positions=_positions(records, records.sessions),
        digests=_digests(records),
        therapists={case_id: tuple(case.facts["therapists"]) for case_id, case in records.cases.items()},
    )


def _record_ids(commands: Sequence[AnyCommand]) -> set[tuple[str, str, str, str]]:
    facts = [command.facts for command in commands if isinstance(command, PostRating | PutRating)]
    return {(item.case_id, item.rater_kind.value, item.rater_id, item.record_id) for item in facts if item.record_id}


def _positions(records: Records, keys: Mapping[SessionKey, SessionRecord]) -> dict[SessionKey, Position]:
    found = {key: records.therapy_session(key) for key in keys}
    return {key: session.position for key, session in found.items() if session is not None}


def _digests(records: Records) -> dict[str, str]:
    parameters = default_parameters()
    return {case_id: folded_with(family_of(case.facts), parameters) for case_id, case in records.cases.items()}


def _judged(unit: Unit, command: AnyCommand, places: Mapping[str, SessionKey]) -> Decision:
    if command.key_id not in unit.keys:
        return Decision(result=Result.refused, refusal=Refusal("key-revoked"))
    if _case_of(command, places) not in unit.records.cases:
        return Decision(result=Result.refused, refusal=Refusal("not-found"))
    return judge(unit.records, command, lambda: str(uuid7()))


async def _store_facts(db: Db, unit: Unit) -> None:
    """Write the changed sessions and ratings, and hand new therapists to the sessions that had none."""
    records = unit.records
    for case_id in records.changed_cases:
        therapists = tuple(records.cases[case_id].facts["therapists"])
        if therapists and therapists != unit.therapists[case_id]:
            await stores.inherit_therapists(db, case_id, therapists)
            _inherit(records, case_id, therapists)
    courses = {key: records.therapy_session(key) for key in records.changed_sessions}
    await stores.write_sessions(
        db, [(records.sessions[key], records.held_at(key), courses[key] is not None) for key in sorted(courses)]
    )
    await stores.write_ratings(db, [records.ratings[rating_id] for rating_id in sorted(records.changed_ratings)])


def _inherit(records: Records, case_id: str, therapists: tuple[str, ...]) -> None:
    """Do to the loaded sessions what `inherit_therapists` does to the stored ones."""
    for key, record in records.sessions.items():
        if key[0] == case_id and record.inherited == ():
            records.sessions[key] = replace(record, inherited=therapists)


async def _fold(db: Db, unit: Unit, shown: set[SessionKey]) -> tuple[dict[str, Part], dict[SessionKey, Carry]]:
    """Fold what changed, and return the carry after each session that changed or is shown."""
    starts = _starts(unit)
    digests = _digests(unit.records)
    carries: dict[SessionKey, Carry] = {}
    quiet = {key for key in shown if key[0] not in starts and unit.records.therapy_session(key) is not None}
    stored = await queries.carries_after(db, quiet) if quiet else {}
    for key in quiet:
        digest, plain = stored.get(key, (None, None))
        if digest == digests[key[0]] and plain is not None:
            carries[key] = carry_from_plain(plain)
        else:
            starts[key[0]] = None
    parts = await refold(db, unit.records, starts) if starts else {}
    for part in parts.values():
        carries.update(
            ((part.case_id, session.session_id), carry)
            for session, carry in zip(part.sessions, part.carries, strict=True)
        )
    late = {key for key in shown if key not in carries and unit.records.therapy_session(key) is not None}
    found = await queries.carries_after(db, late) if late else {}
    carries.update((key, carry_from_plain(plain)) for key, (_, plain) in found.items())
    return parts, carries


def _starts(unit: Unit) -> dict[str, Position | None]:
    """Return from where each changed course must be folded; None: from its first session."""
    records = unit.records
    starts: dict[str, Position | None] = {}
    now = _positions(records, {key: records.sessions[key] for key in records.changed_sessions})
    for key in records.changed_sessions:
        places = [places[key] for places in (unit.positions, now) if key in places]
        if places:
            earlier = starts.get(key[0])
            starts[key[0]] = min(*places, *([earlier] if earlier else []), places[0])
    for case_id, digest in _digests(records).items():
        if case_id in records.changed_cases and digest != unit.digests[case_id]:
            starts[case_id] = None
    return starts


async def _store_cases(db: Db, unit: Unit, parts: Mapping[str, Part]) -> None:
    """Write changed cases and how far each has come; blank rows of which nothing came go."""
    unit.courses.update((case_id, part.course) for case_id, part in parts.items())
    changed = unit.records.changed_cases | set(parts)
    rows = [(unit.records.cases[case_id], unit.courses[case_id]) for case_id in sorted(changed)]
    await stores.write_cases(db, [(case, course.held_sessions, course.last_session_id) for case, course in rows])
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


def _audited(command: AnyCommand, decision: Decision, records: Records) -> tuple[str, str, str, int | None]:
    if decision.rating_id is not None:
        thing, record = f"rating/{decision.rating_id}", records.ratings[decision.rating_id]
        return (command.key_id, f"rating.{decision.result.value}", thing, record.revision)
    if decision.session_id is not None:
        session = records.sessions[decision.case_id, decision.session_id]
        thing = f"case/{decision.case_id}/session/{decision.session_id}"
        return (command.key_id, f"session.{decision.result.value}", thing, session.revision)
    case = records.cases[decision.case_id]
    return (command.key_id, f"case.{decision.result.value}", f"case/{decision.case_id}", case.revision)


def _outcome(
    unit: Unit, decision: Decision, carries: Mapping[SessionKey, Carry], alerts: Mapping[str, list[Alert]]
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
    if rating is None or decision.result is Result.refused:
        return outcome
    return _with_figures(outcome, records, carries.get(key), alerts.get(decision.case_id, ()))


def _with_figures(outcome: Outcome, records: Records, carry: Carry | None, alerts: Sequence[Alert]) -> Outcome:
    """Return an outcome with the figures and alerts of its rating's session."""
    if outcome.rating is None or outcome.case is None or carry is None:
        return outcome
    facts = outcome.rating.facts
    session = records.therapy_session((facts.case_id, facts.session_id))
    if session is None:
        return outcome
    resting = tuple(item for item in alerts if facts.session_id in item.concern.sessions and not item.retracted)
    seen = figures(carry, session, family_of(outcome.case.facts), rating_of(facts))
    return replace(outcome, figures=seen, alerts=resting)
