"""What a unit of writing needs before it judges: the locked cases, the touched sessions and ratings, the valid keys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from service.db import queries
from service.db.engine import Db
from service.db.queries import SessionKey
from service.db.rulebooks import rulebook
from service.domain.circumstances import circumstances_of
from service.domain.commands import (
    AnyCommand,
    Document,
    NoteOverdue,
    PatchCase,
    PatchSession,
    PostRating,
    PutCase,
    PutRating,
    PutSession,
    RetractRating,
)
from service.domain.figures import Course
from service.domain.model import Family
from service.domain.records import CaseRecord, Records, SessionRecord
from service.refolding import Position


class NewCases(Exception):
    """Some cases are not there yet; their rows must be made before any lock is taken, in the order of their ids."""

    def __init__(self, case_ids: set[str]) -> None:
        super().__init__(f"{len(case_ids)} new cases")
        self.case_ids = case_ids


@dataclass(slots=True)
class Unit:
    """One unit of writing under way: its records, how they and their cases were, and which keys may still write."""

    records: Records
    courses: dict[str, Course]
    keys: set[str]
    places: dict[str, SessionKey]
    positions: dict[SessionKey, Position]
    families: dict[str, Family]
    cases: dict[str, CaseRecord]
    sessions: dict[SessionKey, SessionRecord]

    def names_nobody(self, case_id: str) -> bool:
        """Tell whether a case named no therapist before, or names none now."""
        return not all(cases[case_id].facts["therapists"] for cases in (self.cases, self.records.cases))

    def case_of(self, command: AnyCommand) -> str | None:
        """Return the case that a command is about; None if it names a rating that does not exist."""
        return _case_of(command, self.places)


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
        case PutSession() | PatchSession() | NoteOverdue():
            return (command.case_id, command.session_id)
        case _:
            return None


async def load(db: Db, commands: Sequence[AnyCommand], at: datetime) -> Unit:
    """Lock the cases, then read all that judging the commands needs; NewCases if a row has to be made first."""
    places = await _places(db, commands)
    case_ids = {case_id for command in commands if (case_id := _case_of(command, places)) is not None}
    locked = await queries.lock_cases(db, case_ids)
    telling = [command for command in commands if not isinstance(command, PatchCase | PatchSession | NoteOverdue)]
    creating = {_case_of(command, places) for command in telling}
    new = {case_id for case_id in creating if case_id is not None and case_id not in locked}
    if new:
        raise NewCases(new)
    touched = {key for command in commands if (key := _session_key(command, places)) is not None}
    records = Records(cases={case_id: case for case_id, (case, _, _) in locked.items()})
    sessions, keys, number = await queries.touched_sessions(db, touched, {command.key_id for command in commands}, at)
    if number:
        book = await rulebook(db, number)
        records.cases = {case_id: replace(case, rulebook=book) for case_id, case in records.cases.items()}
    records.sessions = {(record.case_id, record.session_id): record for record in sessions}
    for rating in await queries.ratings_of_sessions(db, records.sessions):  # a session that is not there has none
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
        places=places,
        positions=positions(records, records.sessions),
        families=families(records),
        cases=dict(records.cases),
        sessions=dict(records.sessions),
    )


def _record_ids(commands: Sequence[AnyCommand]) -> set[tuple[str, str, str, str]]:
    facts = [command.facts for command in commands if isinstance(command, PostRating | PutRating)]
    return {(item.case_id, item.rater_kind.value, item.rater_id, item.record_id) for item in facts if item.record_id}


def positions(records: Records, keys: Iterable[SessionKey]) -> dict[SessionKey, Position]:
    """Return the places of those sessions that are part of a course."""
    found = {key: records.therapy_session(key) for key in keys}
    return {key: session.position for key, session in found.items() if session is not None}


def families(records: Records) -> dict[str, Family]:
    """Return each case's family as it stands now."""
    return {case_id: case.family for case_id, case in records.cases.items()}


async def told_anew(db: Db, unit: Unit, further: Mapping[str, Course]) -> dict[str, tuple[Document, Document]]:
    """Return the facts, before and now, of the cases whose alerts are told otherwise, or to others, from now on.

    `further` is how far courses have come. As therapists stand those whose caseload a case is (see `caseload`).
    """
    records, told = unit.records, {}
    courses = {**unit.courses, **further}
    nobodys = {case_id for case_id in records.changed_cases | further.keys() if unit.names_nobody(case_id)}
    ends = {
        case_id: (_last(case_id, unit.courses), _last(case_id, courses)) for case_id in records.changed_cases | nobodys
    }
    moved = {case_id for case_id in nobodys if case_id in records.changed_cases or len(set(ends[case_id])) > 1}
    asked = {key for case_id in moved for key in ends[case_id]}
    stored = await queries.sessions_by_key(db, asked - records.sessions.keys())
    for case_id, (former, last) in ends.items():
        before = _whose(unit.cases[case_id], unit.sessions.get(former) or stored.get(former))
        now = _whose(records.cases[case_id], records.sessions.get(last) or stored.get(last))
        if circumstances_of(before) != circumstances_of(now) or before["therapists"] != now["therapists"]:
            told[case_id] = (before, now)
    return told


def _last(case_id: str, courses: Mapping[str, Course]) -> SessionKey:
    return (case_id, courses[case_id].last_session_id or "")


def _whose(case: CaseRecord, last: SessionRecord | None) -> Document:
    """Return the facts of a case; one that names nobody is of those whom its last held session announced."""
    announced = last.facts["therapists"] if last is not None and last.facts is not None else []
    return {**case.facts, "therapists": case.facts["therapists"] or announced}
