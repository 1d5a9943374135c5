"""The retry table: what becomes of a command, given what is known. Judging changes the records and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from service.domain.announcing import note_overdue, write_case, write_session
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
    RatingFacts,
    Refusal,
    Result,
    RetractRating,
)
from service.domain.decision import AHEAD, Decision, Warned, refused
from service.domain.errors import Fault
from service.domain.facts import EMPTY_SESSION, RESERVED, status_of
from service.domain.instruments import instruments
from service.domain.model import RaterKind, SessionStatus
from service.domain.noted import AgeBand
from service.domain.records import RatingRecord, RatingState, Records, blank_session

MOST_RATERS, MOST_RATINGS = 32, 256  # members who rate one session; live ratings in it, whoever gave them


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
            return write_case(records, command)
        case PutSession() | PatchSession():
            return write_session(records, command)
        case NoteOverdue():
            return note_overdue(records, command)


def differing_facts(sent: RatingFacts, stored: RatingFacts) -> tuple[str, ...]:
    """Return the pointers at which two ratings of one natural key differ; a time left out is equal to any."""
    pairs: list[tuple[str, object, object]] = [
        ("/rater/role", sent.rater_role, stored.rater_role),
        ("/record_id", sent.record_id, stored.record_id),
        ("/answered_at", sent.answered_at, stored.answered_at),
        ("/not_alone", sent.not_alone, stored.not_alone),
        ("/locale", sent.locale, stored.locale),
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
    refusal = _not_admitted(records, facts, command.received_at) or _record_id_used(records, facts, None)
    if refusal:
        return refusal
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
        return refused("rating-retracted", extra={"rating_id": record.rating_id, "revision": record.revision})
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
        return refused("not-found")
    moved = _moved_fields(command.facts, record.facts)
    if moved:
        faults = tuple(Fault(pointer, "immutable", "Retract the rating and post it anew.") for pointer in moved)
        return Decision(result=Result.refused, refusal=Refusal("immutable", faults))
    if record.live and not differing_facts(command.facts, record.facts):
        _note_version(records, record, command.facts)
        return _about(Result.same, records.ratings[record.rating_id], _warnings(records, command.facts))
    if command.if_match != record.revision:
        return refused("precondition-failed", extra={"revision": record.revision})
    return _corrected(records, record, command.facts, command.received_at)


def _corrected(records: Records, record: RatingRecord, facts: RatingFacts, at: datetime) -> Decision:
    """Replace the facts of a rating; what was left out of time and version stays, a retracted one lives again."""
    facts = replace(
        facts,
        held_at=facts.held_at or record.facts.held_at,
        record_version=record.facts.record_version if facts.record_version is None else facts.record_version,
    )
    refusal = _not_admitted(records, facts, at) or _record_id_used(records, facts, record.rating_id)
    if refusal:
        return refusal
    revised = record.revised(facts, RatingState.live, None, at)
    _keep(records, revised, at)
    return _about(Result.changed, revised, _warnings(records, facts))


def _retract_rating(records: Records, command: RetractRating) -> Decision:
    record = records.ratings.get(command.rating_id)
    if record is None:
        return refused("not-found")
    if not record.live:
        return _about(Result.same, record)
    if command.if_match is not None and command.if_match != record.revision:
        return refused("precondition-failed", extra={"revision": record.revision})
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
    """Refuse a rating by a reserved name, of a stranger to a fixed case, without a time, or of a time ahead."""
    if facts.rater_id in RESERVED:
        return refused("reserved-id", "/rater/id", "This id names a kind of reference; choose another.")
    case, key = records.cases[facts.case_id], (facts.case_id, facts.session_id)
    if case.facts["membership"] == "fixed":
        named = [("/rater/id", facts.rater_id)] if facts.rater_kind is RaterKind.member else []
        if facts.about.startswith("member/"):
            named.append(("/about", facts.about.removeprefix("member/")))
        for pointer, member_id in named:
            if member_id not in case.facts["members"]:
                return refused("unknown-member", pointer, "This case has a fixed list of members.")
    crowded = _crowded(records, facts)
    if crowded:
        return crowded
    session = records.sessions.get(key)
    announced = session.facts if session else None
    if facts.held_at is None and (announced is None or announced["held_at"] is None):
        return refused("held-at-missing", "/held_at", "Nobody has announced when this session took place.")
    status = status_of(announced, [facts])
    held_at = facts.held_at or records.held_at(key)
    if held_at is not None and held_at > at + AHEAD and (facts.held_at or status is SessionStatus.held):
        return refused("in-the-future", "/held_at", "A rated session lies at most a day ahead.")
    return None


def _crowded(records: Records, facts: RatingFacts) -> Decision | None:
    """Refuse a rating that no family in one room would need: comparing everybody with everybody has its price."""
    key = facts.natural_key
    others = [item for item in records.live_facts((facts.case_id, facts.session_id)) if item.natural_key != key]
    members = {item.rater_id for item in (*others, facts) if item.rater_kind is RaterKind.member}
    if len(members) > MOST_RATERS:
        return refused("too-many-raters", "/rater/id", f"At most {MOST_RATERS} members rate one session.")
    if len(others) >= MOST_RATINGS:
        return refused("too-many-ratings", "/session_id", f"A session has at most {MOST_RATINGS} live ratings.")
    return None


def _record_id_used(records: Records, facts: RatingFacts, but: str | None) -> Decision | None:
    holder = records.record_id_holder(facts, but)
    if holder is None:
        return None
    detail = "Another live rating of this case and rater has this record id."
    return refused("record-id-used", "/record_id", detail, {"rating_id": holder})


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
    if facts.rater_kind is RaterKind.member and member is not None and _is_of_another_age(facts.instrument, member):
        warned.append(Warned("age-differs", "/instrument"))
    if announced["status"] not in ("held", "scheduled"):
        warned.append(Warned("session-not-held", "/session_id"))
    return tuple(warned)


def _is_of_another_age(instrument: str, member: Document) -> bool:
    """Tell whether a form is made for other ages than a member is known to be of."""
    ages, band = instruments()[instrument].ages, member["age_band"]
    return ages is not None and band is not None and not ages.has(AgeBand(band))


def _keep(records: Records, record: RatingRecord, at: datetime) -> None:
    """Take in a rating and see to its case and session."""
    key = (record.facts.case_id, record.facts.session_id)
    records.keep_rating(record)
    records.found_case(key[0], at)
    if key not in records.sessions:
        records.keep_session(replace(blank_session(key, at), revision=1))
    records.changed_sessions.add(key)
    records.inherit(key)
