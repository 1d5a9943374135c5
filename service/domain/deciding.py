"""The retry table: what becomes of a command, given what is known. Judging changes the records and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from service.domain.commands import (
    AnyCommand,
    Document,
    PatchCase,
    PatchSession,
    PostRating,
    PutCase,
    PutRating,
    PutSession,
    RatingFacts,
    Refusal,
    Result,
    RetractRating,
)
from service.domain.errors import DomainError, Fault
from service.domain.facts import EMPTY_CASE, EMPTY_SESSION, check_case, check_session, patched, status_of
from service.domain.instruments import instruments
from service.domain.model import RaterKind, SessionStatus
from service.domain.records import CaseRecord, RatingRecord, RatingState, Records, SessionRecord

AHEAD = timedelta(days=1)  # clocks and time zones differ; more than a day ahead is a slip


@dataclass(frozen=True, slots=True)
class Warned:
    """Something to look at that refuses nothing: a code and the place in the request."""

    code: str
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of a command, and which thing it was about."""

    result: Result
    case_id: str = ""
    session_id: str | None = None
    rating_id: str | None = None
    refusal: Refusal | None = None
    warnings: tuple[Warned, ...] = ()


Told = TypeVar("Told", CaseRecord, SessionRecord)


def judge(records: Records, command: AnyCommand, new_id: Callable[[], str]) -> Decision:
    """Return what becomes of a command and take its effect into the records; a refusal leaves them as they were."""
    match command:
        case PostRating():
            return _post_rating(records, command, new_id)
        case PutRating():
            return _put_rating(records, command)
        case RetractRating():
            return _retract_rating(records, command)
        case PutCase() | PatchCase():
            return _write_case(records, command)
        case PutSession() | PatchSession():
            return _write_session(records, command)


def differing_facts(sent: RatingFacts, stored: RatingFacts) -> tuple[str, ...]:
    """Return the pointers at which two ratings of one natural key differ; a time left out is equal to any."""
    pairs: list[tuple[str, object, object]] = [
        ("/rater/role", sent.rater_role, stored.rater_role),
        ("/record_id", sent.record_id, stored.record_id),
        ("/answered_at", sent.answered_at, stored.answered_at),
        ("/not_alone", sent.not_alone, stored.not_alone),
    ]
    if sent.held_at is not None:
        pairs.append(("/held_at", sent.held_at, stored.held_at))
    for name, ours, theirs in (("answers", sent.answers, stored.answers), ("scores", sent.given, stored.given)):
        if (ours is None) != (theirs is None):
            pairs.append((f"/{name}", True, False))
            continue
        mine, others = ours or {}, theirs or {}
        pairs += [(f"/{name}/{key}", mine.get(key), others.get(key)) for key in sorted({*mine, *others})]
    return tuple(pointer for pointer, one, other in pairs if one != other)


def _refused(
    code: str, pointer: str | None = None, detail: str = "", extra: Document | None = None, case_id: str = ""
) -> Decision:
    faults = (Fault(pointer, code, detail),) if pointer is not None else ()
    return Decision(result=Result.refused, case_id=case_id, refusal=Refusal(code, faults, extra or {}))


def _about(result: Result, record: RatingRecord, warnings: tuple[Warned, ...] = ()) -> Decision:
    facts = record.facts
    return Decision(
        result=result,
        case_id=facts.case_id,
        session_id=facts.session_id,
        rating_id=record.rating_id,
        warnings=warnings,
    )


def _post_rating(records: Records, command: PostRating, new_id: Callable[[], str]) -> Decision:
    facts = command.facts
    known = records.by_key.get(facts.natural_key)
    if known is not None:
        return _repeated(records, command, records.ratings[known])
    refused = _not_admitted(records, facts, command.received_at) or _record_id_used(records, facts, None)
    if refused:
        return refused
    record = RatingRecord(
        rating_id=new_id(),
        facts=facts,
        instrument_version=instruments()[facts.instrument].version,
        state=RatingState.live,
        reason=None,
        revision=1,
        received_at=command.received_at,
        changed_at=command.received_at,
    )
    _keep(records, record, command.received_at)
    return _about(Result.created, record, _warnings(records, facts))


def _repeated(records: Records, command: PostRating, record: RatingRecord) -> Decision:
    """Judge a POST of a natural key that is already there: a stale, newer, equal or differing one."""
    facts, stored = command.facts, record.facts
    versions = facts.record_version, stored.record_version
    if versions[0] is not None and versions[1] is not None and versions[0] < versions[1]:
        return _about(Result.stale, record)
    if not record.live:
        return _refused("rating-retracted", extra={"rating_id": record.rating_id, "revision": record.revision})
    newer = versions[0] is not None and versions[1] is not None and versions[0] > versions[1]
    if any(not differing_facts(facts, past.facts) for past in (record.current, *(() if newer else record.past))):
        _note_version(records, record, facts)
        return _about(Result.same, records.ratings[record.rating_id], _warnings(records, facts))
    if newer:
        return _corrected(records, record, facts, command.received_at)
    faults = tuple(Fault(pointer, "differs", "Another value is stored.") for pointer in differing_facts(facts, stored))
    extra = {"rating_id": record.rating_id, "revision": record.revision}
    return Decision(result=Result.refused, refusal=Refusal("rating-differs", faults, extra))


def _note_version(records: Records, record: RatingRecord, facts: RatingFacts) -> None:
    """Note a higher record version on an unchanged rating, without a new revision."""
    stored = record.facts.record_version
    if facts.record_version is not None and (stored is None or facts.record_version > stored):
        if not differing_facts(facts, record.facts):
            records.keep_rating(replace(record, facts=replace(record.facts, record_version=facts.record_version)))


def _put_rating(records: Records, command: PutRating) -> Decision:
    record = records.ratings.get(command.rating_id)
    if record is None:
        return _refused("not-found")
    moved = _moved_fields(command.facts, record.facts)
    if moved:
        faults = tuple(Fault(pointer, "immutable", "Retract the rating and post it anew.") for pointer in moved)
        return Decision(result=Result.refused, refusal=Refusal("immutable", faults))
    if record.live and not differing_facts(command.facts, record.facts):
        _note_version(records, record, command.facts)
        return _about(Result.same, records.ratings[record.rating_id], _warnings(records, command.facts))
    if command.if_match != record.revision:
        return _refused("precondition-failed", extra={"revision": record.revision})
    return _corrected(records, record, command.facts, command.received_at)


def _corrected(records: Records, record: RatingRecord, facts: RatingFacts, at: datetime) -> Decision:
    """Replace the facts of a rating; what was left out of time and version stays, a retracted one lives again."""
    facts = replace(
        facts,
        held_at=facts.held_at or record.facts.held_at,
        record_version=record.facts.record_version if facts.record_version is None else facts.record_version,
    )
    refused = _not_admitted(records, facts, at) or _record_id_used(records, facts, record.rating_id)
    if refused:
        return refused
    revised = record.revised(facts, RatingState.live, None, at)
    _keep(records, revised, at)
    return _about(Result.changed, revised, _warnings(records, facts))


def _retract_rating(records: Records, command: RetractRating) -> Decision:
    record = records.ratings.get(command.rating_id)
    if record is None:
        return _refused("not-found")
    if not record.live:
        return _about(Result.same, record)
    if command.if_match is not None and command.if_match != record.revision:
        return _refused("precondition-failed", extra={"revision": record.revision})
    revised = record.revised(record.facts, RatingState.retracted, command.reason, command.received_at)
    _keep(records, revised, command.received_at)
    return _about(Result.changed, revised)


def _moved_fields(sent: RatingFacts, stored: RatingFacts) -> tuple[str, ...]:
    """Return the pointers of the natural key's fields that a PUT would change."""
    names = ("/case_id", "/session_id", "/rater/role", "/rater/id", "/about", "/instrument", "/phase")
    return tuple(
        pointer for pointer, one, other in zip(names, sent.natural_key, stored.natural_key, strict=True) if one != other
    )


def _not_admitted(records: Records, facts: RatingFacts, at: datetime) -> Decision | None:
    """Refuse a rating of a stranger to a fixed case, without a time, or of a time that lies ahead."""
    case, key = records.cases[facts.case_id], (facts.case_id, facts.session_id)
    if case.facts["membership"] == "fixed":
        named = [("/rater/id", facts.rater_id)] if facts.rater_kind is RaterKind.member else []
        if facts.about.startswith("member/"):
            named.append(("/about", facts.about.removeprefix("member/")))
        for pointer, member_id in named:
            if member_id not in case.facts["members"]:
                return _refused("unknown-member", pointer, "This case has a fixed list of members.")
    session = records.sessions.get(key)
    announced = session.facts if session else None
    if facts.held_at is None and (announced is None or announced["held_at"] is None):
        return _refused("held-at-missing", "/held_at", "Nobody has announced when this session took place.")
    status = status_of(announced, [facts])
    held_at = facts.held_at or records.held_at(key)
    if held_at is not None and held_at > at + AHEAD and (facts.held_at or status is SessionStatus.held):
        return _refused("in-the-future", "/held_at", "A rated session lies at most a day ahead.")
    return None


def _record_id_used(records: Records, facts: RatingFacts, but: str | None) -> Decision | None:
    holder = records.record_id_holder(facts, but)
    if holder is None:
        return None
    detail = "Another live rating of this case and rater has this record id."
    return _refused("record-id-used", "/record_id", detail, {"rating_id": holder})


def _warnings(records: Records, facts: RatingFacts) -> tuple[Warned, ...]:
    """Return where a rating differs from the announced facts of its case and session."""
    session = records.sessions.get((facts.case_id, facts.session_id))
    announced = session.facts if session and session.facts is not None else EMPTY_SESSION
    member = records.cases[facts.case_id].facts["members"].get(facts.rater_id)
    warned = []
    if announced["held_at"] is not None and facts.held_at is not None:
        if datetime.fromisoformat(announced["held_at"]) != facts.held_at:
            warned.append(Warned("held-at-differs", "/held_at"))
    if facts.rater_kind is RaterKind.member and member is not None and member["role"] != facts.rater_role:
        warned.append(Warned("role-differs", "/rater/role"))
    if announced["status"] not in ("held", "scheduled"):
        warned.append(Warned("session-not-held", "/session_id"))
    return tuple(warned)


def _keep(records: Records, record: RatingRecord, at: datetime) -> None:
    """Take in a rating and see to its session."""
    facts = record.facts
    key = (facts.case_id, facts.session_id)
    records.keep_rating(record)
    _found(records, facts.case_id, at)
    if key not in records.sessions:
        records.keep_session(
            SessionRecord(
                case_id=facts.case_id,
                session_id=facts.session_id,
                facts=None,
                inherited=None,
                revision=1,
                created_at=at,
                changed_at=at,
            )
        )
    records.changed_sessions.add(key)
    _inherit(records, key)


def _found(records: Records, case_id: str, at: datetime) -> None:
    """Let a case exist that a rating or a session is the first to speak of."""
    if records.cases[case_id].revision == 0:
        records.keep_case(replace(records.cases[case_id], revision=1, created_at=at, changed_at=at))


def _inherit(records: Records, key: tuple[str, str]) -> None:
    """Give a session that joined the course the therapists its case has now; later lists do not reach back."""
    session = records.sessions[key]
    if session.inherited is None and records.therapy_session(key) is not None:
        therapists = tuple(records.cases[key[0]].facts["therapists"])
        records.keep_session(replace(session, inherited=therapists))


def _write_case(records: Records, command: PutCase | PatchCase) -> Decision:
    record = records.cases.get(command.case_id)
    if record is None:
        return _refused("not-found")
    if isinstance(command, PutCase):
        facts = command.facts
    elif record.announced or record.revision > 0:
        facts = patched(record.facts, command.patch, EMPTY_CASE)
    else:
        return _refused("not-found")
    left_out = _left_out(records, record, facts)
    if left_out:
        return _refused("member-has-ratings", "/members", "A member with live ratings stays; make it inactive instead.")
    return _tell(records, command, record, facts, Decision(result=Result.same, case_id=command.case_id))


def _left_out(records: Records, record: CaseRecord, facts: Document) -> set[str]:
    """Return the members with live ratings whom new facts would drop; an open case keeps those it never announced."""
    raters = records.raters.get(record.case_id, set())
    bound = raters if facts["membership"] == "fixed" else raters & set(record.facts["members"])
    return bound - set(facts["members"])


def _write_session(records: Records, command: PutSession | PatchSession) -> Decision:
    key = (command.case_id, command.session_id)
    record = records.sessions.get(key)
    if isinstance(command, PutSession):
        facts = command.facts
    elif record is not None:
        facts = patched(record.facts or EMPTY_SESSION, command.patch, EMPTY_SESSION)
    else:
        return _refused("not-found")
    same = Decision(result=Result.same, case_id=command.case_id, session_id=command.session_id)
    at = command.received_at
    blank = SessionRecord(
        case_id=key[0], session_id=key[1], facts=None, inherited=None, revision=0, created_at=at, changed_at=at
    )
    decision = _tell(records, command, record or blank, facts, same)
    if decision.result in (Result.created, Result.changed):
        _found(records, command.case_id, at)
        _inherit(records, key)
    return decision


def _tell(
    records: Records,
    command: PutCase | PatchCase | PutSession | PatchSession,
    record: CaseRecord | SessionRecord,
    facts: Document,
    same: Decision,
) -> Decision:
    """Judge announced facts of a case or session: contradictions, equality, If-Match, then the next revision."""
    try:
        if isinstance(record, CaseRecord):
            check_case(facts)
        else:
            check_session(facts, command.received_at + AHEAD)
    except DomainError as error:
        return Decision(result=Result.refused, refusal=Refusal("invalid-facts", error.faults))
    announced = record.announced if isinstance(record, CaseRecord) else record.facts is not None
    if announced and record.facts == facts:
        return same
    if command.if_match is not None and command.if_match != record.revision:
        return _refused("precondition-failed", extra={"revision": record.revision})
    at, revision = command.received_at, record.revision + 1
    if isinstance(record, CaseRecord):
        records.keep_case(replace(record, facts=facts, announced=True, revision=revision, changed_at=at))
    else:
        records.keep_session(replace(record, facts=facts, revision=revision, changed_at=at))
    return replace(same, result=Result.created if record.revision == 0 else Result.changed)
