"""Announced facts of cases and sessions: what becomes of a PUT or PATCH, given what is known."""

from dataclasses import replace

from service.domain.checking import check_case, check_session
from service.domain.commands import (
    Document,
    NoteOverdue,
    PatchCase,
    PatchSession,
    PutCase,
    PutSession,
    Refusal,
    Result,
)
from service.domain.decision import AHEAD, Decision, refused
from service.domain.errors import DomainError
from service.domain.facts import EMPTY_CASE, EMPTY_SESSION, patched
from service.domain.records import CaseRecord, Records, SessionRecord, blank_session


def write_case(records: Records, command: PutCase | PatchCase) -> Decision:
    record = records.cases.get(command.case_id)
    if record is None:
        return refused("not-found")
    if isinstance(command, PutCase):
        facts = command.facts
    elif record.announced or record.revision > 0:
        facts = patched(record.facts, command.patch, EMPTY_CASE)
    else:
        return refused("not-found")
    left_out = _left_out(records, record, facts)
    if left_out:
        return refused("member-has-ratings", "/members", "A member with live ratings stays; make it inactive instead.")
    decision = _tell(records, command, record, facts, Decision(result=Result.same, case_id=command.case_id))
    if records.cases[command.case_id].facts["therapists"] != record.facts["therapists"]:
        records.hand_therapists(command.case_id)
    return decision


def _left_out(records: Records, record: CaseRecord, facts: Document) -> set[str]:
    """Return the members with live ratings whom new facts would drop; an open case keeps those it never announced."""
    raters = {member_id for member_id, count in records.raters.get(record.case_id, {}).items() if count > 0}
    bound = raters if facts["membership"] == "fixed" else raters & set(record.facts["members"])
    return bound - set(facts["members"])


def write_session(records: Records, command: PutSession | PatchSession) -> Decision:
    key = (command.case_id, command.session_id)
    record = records.sessions.get(key)
    if isinstance(command, PutSession):
        facts = command.facts
    elif record is not None:
        facts = patched(record.facts or EMPTY_SESSION, command.patch, EMPTY_SESSION)
    else:
        return refused("not-found")
    same = Decision(result=Result.same, case_id=command.case_id, session_id=command.session_id)
    decision = _tell(records, command, record or blank_session(key, command.received_at), facts, same)
    if decision.result in (Result.created, Result.changed):
        records.found_case(command.case_id, command.received_at)
        records.inherit(key)
    return decision


def note_overdue(records: Records, command: NoteOverdue) -> Decision:
    """Note of a session of the course that the one planned to follow is overdue, or take that back.

    Its revision stays: nobody announced anything otherwise.
    """
    key = (command.case_id, command.session_id)
    if records.therapy_session(key) is None:
        return refused("not-found")
    same = Decision(result=Result.same, case_id=command.case_id, session_id=command.session_id)
    if records.sessions[key].overdue_at == command.overdue_at:
        return same
    records.keep_session(replace(records.sessions[key], overdue_at=command.overdue_at))
    return replace(same, result=Result.changed)


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
            rated = bool(records.live_facts((record.case_id, record.session_id)))
            check_session(facts, command.received_at + AHEAD, rated)
    except DomainError as error:
        return Decision(result=Result.refused, refusal=Refusal("invalid-facts", error.faults))
    announced = record.announced if isinstance(record, CaseRecord) else record.facts is not None
    if announced and record.facts == facts:
        return same
    if command.if_match is not None and command.if_match != record.revision:
        return refused("precondition-failed", extra={"revision": record.revision})
    at, revision = command.received_at, record.revision + 1
    if isinstance(record, CaseRecord):
        records.keep_case(replace(record, facts=facts, announced=True, revision=revision, changed_at=at))
    else:
        records.keep_session(replace(record, facts=facts, revision=revision, changed_at=at))
    return replace(same, result=Result.created if record.revision == 0 else Result.changed)
