"""Announced facts of cases and sessions: their defaults, what a patch makes of them, and what they mean to the fold."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from service.domain.commands import Document, RatingFacts
from service.domain.model import (
    Attendance,
    Family,
    Indicator,
    Member,
    MemberRole,
    Period,
    Rating,
    SessionStatus,
    Task,
    TaskOutcome,
    TherapySession,
)
from service.domain.noted import AgeBand, Noted, Reading

RESERVED = frozenset({"therapist", "family"})  # they name kinds of reference, so nobody may be called so

EMPTY_CASE: Document = {
    "modality": "family",
    "program": None,
    "membership": "open",
    "mandated": False,
    "safety_hold": False,
    "members": {},
    "subsystems": {},
    "therapists": [],
    "periods": [],
    "checklist": {},
    "walls": [],
}
EMPTY_SESSION: Document = {
    "held_at": None,
    "status": "held",
    "therapists": [],
    "next_planned_at": None,
    "attendance": {},
    "indicators_observed": None,
    "indicators": {},
    "tasks": {},
    "goals": {},
    "discussed": [],
    "readiness": {},
    "hope": {},
}


MEMBER_DEFAULTS: Document = {
    "active": True,
    "expected": True,
    "index": False,
    "supporter": False,
    "age_band": None,
    "voice": None,
}
DECIDED_DEFAULTS: Document = {"decided_in": None, "decided_on": None}
PERIOD_DEFAULTS: Document = {"to": None, "ended_as": None}
ENTRY_DEFAULTS: Mapping[str, Document] = {
    "members": MEMBER_DEFAULTS,
    "indicators": {"toward": None},
    "tasks": {"assigned_session_id": None},
    "checklist": DECIDED_DEFAULTS,
}
ENTRY_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "members": ("role",),
    "indicators": ("kind", "from", "severity", "source"),
    "tasks": ("member", "outcome"),
    "checklist": ("state",),
    "readiness": ("value", "source"),
    "hope": ("value", "source"),
}


MOST: Mapping[str, int] = {
    "members": 64,
    "subsystems": 32,
    "attendance": 64,
    "indicators": 64,
    "tasks": 64,
    "goals": 64,
    "readiness": 64,
    "hope": 64,
}
"""How many entries each map of announced facts may have; patches add to them one by one."""


def merge_patch(target: Any, patch: Any) -> Any:
    """Return a document after a merge patch: maps merge by key, null removes, everything else replaces.

    Source:   RFC 7396
    """
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def patched(document: Document, patch: Document, empty: Document) -> Document:
    """Return announced facts after a merge patch; a null at the top or within an entry restores the default."""
    return completed(merge_patch(document, patch), empty)


def completed(document: Document, empty: Document) -> Document:
    """Return announced facts with the default of all that they do not name, as those stored by an older version."""
    whole = {**empty, **document}
    for name, defaults in ENTRY_DEFAULTS.items():
        if name in whole:
            whole[name] = {key: {**defaults, **entry} for key, entry in whole[name].items()}
    for member in whole.get("members", {}).values():
        if member["voice"] is not None:
            member["voice"] = {**DECIDED_DEFAULTS, **member["voice"]}
    if "periods" in whole:
        whole["periods"] = [{**PERIOD_DEFAULTS, **period} for period in whole["periods"]]
    return whole


def time_of(text: str | None) -> datetime | None:
    """Return a stored time."""
    return datetime.fromisoformat(text) if text is not None else None


def family_of(facts: Document) -> Family:
    """Return the family that the facts of a case announce."""
    return Family(
        members={member_id: _member(member) for member_id, member in facts["members"].items()},
        subsystems={code: tuple(member_ids) for code, member_ids in facts["subsystems"].items()},
        therapists=tuple(facts["therapists"]),
        modality=facts["modality"],
        program=facts["program"],
        periods=tuple(Period(item["from"], item["to"], item["ended_as"]) for item in facts["periods"]),
        checklist={point: _noted(noted) for point, noted in facts["checklist"].items()},
    )


def _member(facts: Document) -> Member:
    band, voice = facts["age_band"], facts["voice"]
    return Member(
        MemberRole(facts["role"]),
        active=facts["active"],
        expected=facts["expected"],
        index=facts["index"],
        supporter=facts["supporter"],
        age_band=None if band is None else AgeBand(band),
        voice=None if voice is None else _noted(voice),
    )


def _noted(facts: Document) -> Noted:
    return Noted(facts["state"], facts["decided_in"], facts["decided_on"])


def held_at_of(facts: Document | None, ratings: Iterable[RatingFacts]) -> datetime | None:
    """Return when a session took place: as announced, else the earliest time on its live ratings."""
    announced = time_of(facts["held_at"]) if facts is not None else None
    times = [rating.held_at for rating in ratings if rating.held_at is not None]
    return announced or min(times, default=None)


def status_of(facts: Document | None, ratings: Iterable[RatingFacts]) -> SessionStatus:
    """Return a session's status; live ratings in a scheduled one say that it was held."""
    status = SessionStatus(facts["status"]) if facts is not None else SessionStatus.held
    return SessionStatus.held if status is SessionStatus.scheduled and any(True for _ in ratings) else status


def rating_of(facts: RatingFacts) -> Rating:
    """Return a stored rating as the fold sees it."""
    return Rating(
        rater_kind=facts.rater_kind,
        rater_id=facts.rater_id,
        about=facts.about,
        phase=facts.phase,
        instrument=facts.instrument,
        scores=facts.scores,
        role=facts.rater_role,
        not_alone=bool(facts.not_alone),
        locale=facts.locale,
    )


def session_of(
    session_id: str,
    facts: Document | None,
    ratings: Iterable[RatingFacts],
    inherited: Iterable[str] = (),
    overdue_at: datetime | None = None,
) -> TherapySession | None:
    """Return a session as the fold sees it; None if it is no part of the course.

    `inherited` are the case's therapists, for a session that announces none; `overdue_at` was noted of it.
    """
    live = list(ratings)
    held_at, status = held_at_of(facts, live), status_of(facts, live)
    if held_at is None or status not in (SessionStatus.held, SessionStatus.no_show):
        return None
    known = facts if facts is not None else EMPTY_SESSION
    return TherapySession(
        session_id=session_id,
        held_at=held_at,
        status=status,
        therapists=tuple(known["therapists"]) or tuple(inherited),
        attendance={member_id: Attendance(entry) for member_id, entry in known["attendance"].items()},
        indicators_observed=known["indicators_observed"] is True,
        indicators=tuple(_indicator(item) for _, item in sorted(known["indicators"].items())),
        tasks=tuple(
            Task(task_id, item["member"], TaskOutcome(item["outcome"]))
            for task_id, item in sorted(known["tasks"].items())
        ),
        goals={who: frozenset(codes) for who, codes in known["goals"].items()},
        discussed=frozenset((item["rule"], tuple(item["subject"])) for item in known["discussed"]),
        readiness=_readings(known["readiness"]),
        hope=_readings(known["hope"]),
        overdue_at=overdue_at,
        ratings=tuple(rating_of(rating) for rating in live),
    )


def _indicator(item: Document) -> Indicator:
    return Indicator(item["kind"], item["from"], item.get("toward"), item["severity"], item["source"])


def _readings(facts: Document) -> dict[str, Reading]:
    return {member_id: Reading(item["value"], item["source"]) for member_id, item in sorted(facts.items())}
