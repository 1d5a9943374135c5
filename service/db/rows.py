"""Rows ↔ domain values, one pair of functions per table that the domain knows."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping

from service.db.sealing import seal, unseal_concern
from service.domain.commands import RatingFacts, RetractionReason
from service.domain.facts import EMPTY_CASE, EMPTY_SESSION, completed, time_of
from service.domain.model import MemberRole, Phase, RaterKind, Score
from service.domain.plain import freeze
from service.domain.reconcile import Alert, Handling, Origin
from service.domain.records import CaseRecord, RatingRecord, RatingState, Revision, SessionRecord

Row = Mapping[str, Any] | RowMapping

SCORE = attrgetter(*(field.name for field in fields(Score)))


def case_of(row: Row) -> CaseRecord:
    return CaseRecord(
        case_id=row["case_id"],
        facts=completed(row["facts"], EMPTY_CASE),
        announced=row["announced"],
        rules_since=row["rules_since"],
        revision=row["revision"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )


def session_record_of(row: Row) -> SessionRecord:
    return SessionRecord(
        case_id=row["case_id"],
        session_id=row["session_id"],
        facts=None if row["facts"] is None else completed(row["facts"], EMPTY_SESSION),
        inherited=None if row["inherited"] is None else tuple(row["inherited"]),
        revision=row["revision"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
        overdue_at=row["overdue_at"],
    )


def facts_document(facts: RatingFacts) -> dict[str, Any]:
    """Return the facts of a rating beside its natural key, as they are stored."""
    return {
        "rater_role": facts.rater_role,
        "held_at": _iso(facts.held_at),
        "answers": facts.answers,
        "given": facts.given,
        "record_id": facts.record_id,
        "record_version": facts.record_version,
        "answered_at": _iso(facts.answered_at),
        "not_alone": facts.not_alone,
        "locale": facts.locale,
    }


def facts_of(row: Row, document: Mapping[str, Any], scores: Mapping[str, Any]) -> RatingFacts:
    """Return the facts of a rating from its row (natural key), one of its documents and the scores to it."""
    role = document["rater_role"]
    return RatingFacts(
        case_id=row["case_id"],
        session_id=row["session_id"],
        rater_kind=RaterKind(row["rater_kind"]),
        rater_id=row["rater_id"],
        rater_role=None if role is None else MemberRole(role),
        about=row["about"],
        phase=Phase(row["phase"]),
        instrument=row["instrument"],
        held_at=time_of(document["held_at"]),
        answers=document["answers"],
        given=document["given"],
        record_id=document["record_id"],
        record_version=document["record_version"],
        answered_at=time_of(document["answered_at"]),
        not_alone=document["not_alone"],
        locale=document.get("locale"),
        scores=scores_of(scores),
    )


# a form has few different scores, and they come again and again
_score = lru_cache(maxsize=8192)(Score)


def scores_document(scores: Mapping[str, Score]) -> dict[str, Any]:
    """Return scores as they are stored: each is the list of its fields."""
    return {dimension: SCORE(score) for dimension, score in scores.items()}


def scores_of(document: Mapping[str, Any]) -> dict[str, Score]:
    return {
        dimension: _score(raw, mean, percent, answered, items, prorated, tuple(flags))
        for dimension, (raw, mean, percent, answered, items, prorated, flags) in document.items()
    }


def rating_record_of(row: Row, past: tuple[Revision, ...] = ()) -> RatingRecord:
    return RatingRecord(
        rating_id=str(row["rating_id"]),
        facts=facts_of(row, row["facts"], row["scores"]),
        instrument_version=row["instrument_version"],
        state=RatingState(row["state"]),
        reason=_reason(row["reason"]),
        revision=row["revision"],
        received_at=row["received_at"],
        changed_at=row["changed_at"],
        past=past,
    )


def revision_of(row: Row, superseded: Row) -> Revision:
    """Return a superseded state from its own row and the row of its rating, which has the natural key."""
    return Revision(
        revision=superseded["revision"],
        facts=facts_of(row, superseded["facts"], superseded["scores"]),
        state=RatingState(superseded["state"]),
        reason=_reason(superseded["reason"]),
        changed_at=superseded["changed_at"],
    )


def rating_row(record: RatingRecord) -> dict[str, Any]:
    facts = record.facts
    return {
        "rating_id": UUID(record.rating_id),
        "case_id": facts.case_id,
        "session_id": facts.session_id,
        "rater_kind": facts.rater_kind,
        "rater_id": facts.rater_id,
        "about": facts.about,
        "instrument": facts.instrument,
        "phase": facts.phase,
        "facts": facts_document(facts),
        "scores": scores_document(facts.scores),
        "instrument_version": record.instrument_version,
        "record_id": facts.record_id,
        "state": record.state,
        "reason": record.reason,
        "revision": record.revision,
        "received_at": record.received_at,
        "changed_at": record.changed_at,
    }


def revision_row(record: RatingRecord, past: Revision) -> dict[str, Any]:
    return {
        "rating_id": UUID(record.rating_id),
        "revision": past.revision,
        "facts": facts_document(past.facts),
        "scores": scores_document(past.facts.scores),
        "state": past.state.value,
        "reason": freeze(past.reason),
        "changed_at": past.changed_at,
    }


def alert_of(row: Row) -> Alert:
    return Alert(
        alert_id=str(row["alert_id"]),
        case_id=row["case_id"],
        concern=unseal_concern(row["concern"]),
        therapists=tuple(row["therapists"]),
        origin=Origin(row["origin"]),
        opened_at=row["opened_at"],
        changed_at=row["changed_at"],
        handling=Handling(row["handling"]),
        handled=row["handled"],
        handling_revision=row["handling_revision"],
        snoozed_until=row["snoozed_until"],
        snoozed_until_number=row["snoozed_until_number"],
        asked_at=row["asked_at"],
        last_repair=row["last_repair"],
        revision=row["revision"],
        change_number=row["change_number"],
    )


def alert_row(alert: Alert) -> dict[str, Any]:
    concern = alert.concern
    return {
        "alert_id": UUID(alert.alert_id),
        "case_id": alert.case_id,
        "rule": concern.rule,
        "subject": list(concern.subject),
        "severity": concern.severity.value,
        "state": concern.state.value,
        "state_reason": freeze(concern.reason),
        "shadow": concern.shadow,
        "concern": seal(concern),
        "sessions": list(concern.sessions),
        "therapists": list(alert.therapists),
        "origin": alert.origin.value,
        "handling": alert.handling.value,
        "handled": alert.handled,
        "handling_revision": alert.handling_revision,
        "snoozed_until": alert.snoozed_until,
        "snoozed_until_number": alert.snoozed_until_number,
        "asked_at": alert.asked_at,
        "last_repair": alert.last_repair,
        "revision": alert.revision,
        "change_number": alert.change_number,
        "opened_at": alert.opened_at,
        "changed_at": alert.changed_at,
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _reason(code: str | None) -> RetractionReason | None:
    return None if code is None else RetractionReason(code)
