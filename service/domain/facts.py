"""Announced facts of cases and sessions: their defaults, their inner contradictions, and what they mean to the fold."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from service.domain.commands import Document, RatingFacts
from service.domain.errors import Fault, InvalidFamily, InvalidSession
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
}


MEMBER_DEFAULTS: Document = {"active": True, "expected": True, "index": False}
PERIOD_DEFAULTS: Document = {"to": None, "ended_as": None}
ENTRY_DEFAULTS: Mapping[str, Document] = {
    "members": MEMBER_DEFAULTS,
    "indicators": {"toward": None},
    "tasks": {"assigned_session_id": None},
}
ENTRY_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "members": ("role",),
    "indicators": ("kind", "from", "severity", "source"),
    "tasks": ("member", "outcome"),
}


MOST: Mapping[str, int] = {
    "members": 64,
    "subsystems": 32,
    "attendance": 64,
    "indicators": 64,
    "tasks": 64,
    "goals": 64,
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
    merged = {**empty, **merge_patch(document, patch)}
    for name, defaults in ENTRY_DEFAULTS.items():
        if name in merged:
            merged[name] = {key: {**defaults, **entry} for key, entry in merged[name].items()}
    if "periods" in merged:
        merged["periods"] = [{**PERIOD_DEFAULTS, **period} for period in merged["periods"]]
    return merged


def _unfit(facts: Document) -> list[Fault]:
    """Return which maps are too large and what entries lack after a patch; whole documents were checked before."""
    crowded = [name for name, most in MOST.items() if len(facts.get(name, ())) > most]
    return [Fault(f"/{name}", "too-many", "There are too many entries.") for name in crowded] + [
        Fault(f"/{name}/{key}/{field}", "missing", "This field is needed.")
        for name, required in ENTRY_REQUIRED.items()
        for key, entry in facts.get(name, {}).items()
        for field in required
        if field not in entry
    ]


def check_case(facts: Document) -> None:
    """Raise InvalidFamily where the facts of a case are incomplete or contradict each other."""
    faults = _unfit(facts) + [
        Fault(f"/members/{member_id}", "reserved-id", "This id names a kind of reference; choose another.")
        for member_id in facts["members"]
        if member_id in RESERVED
    ]
    for code, member_ids in facts["subsystems"].items():
        faults += [
            Fault(f"/subsystems/{code}/{place}", "unknown-member", "A subsystem names members of its case.")
            for place, member_id in enumerate(member_ids)
            if member_id not in facts["members"]
        ]
    for place, period in enumerate(facts["periods"]):
        if period["to"] is not None and period["to"] < period["from"]:
            faults.append(Fault(f"/periods/{place}/to", "before-start", "A period ends on or after its first day."))
        if period["to"] is None and period["ended_as"] is not None:
            faults.append(Fault(f"/periods/{place}/to", "missing", "A period that ended needs its last day."))
    if faults:
        raise InvalidFamily(*faults)


def check_session(facts: Document, now_plus_a_day: datetime, rated: bool = False) -> None:
    """Raise InvalidSession where facts of a session are incomplete, contradict each other or lie ahead in time.

    A scheduled session that is already `rated` counts as held.
    """
    held_at = time_of(facts["held_at"])
    faults = _unfit(facts)
    past = ("held", "no-show", "scheduled") if rated else ("held", "no-show")
    if facts["status"] in past and held_at is not None and held_at > now_plus_a_day:
        faults.append(Fault("/held_at", "in-the-future", "A session that was held lies at most a day ahead."))
    if facts["indicators"] and facts["indicators_observed"] is False:
        faults.append(Fault("/indicators_observed", "contradiction", "Indicators were recorded, so somebody looked."))
    if faults:
        raise InvalidSession(*faults)


def time_of(text: str | None) -> datetime | None:
    """Return a stored time."""
    return datetime.fromisoformat(text) if text is not None else None


def family_of(facts: Document) -> Family:
    """Return the family that the facts of a case announce."""
    return Family(
        members={
            member_id: Member(
                MemberRole(member["role"]),
                active=member["active"],
                expected=member["expected"],
                index=member["index"],
            )
            for member_id, member in facts["members"].items()
        },
        subsystems={code: tuple(member_ids) for code, member_ids in facts["subsystems"].items()},
        therapists=tuple(facts["therapists"]),
        modality=facts["modality"],
        program=facts["program"],
        periods=tuple(Period(item["from"], item["to"], item["ended_as"]) for item in facts["periods"]),
    )


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
    )


def session_of(
    session_id: str, facts: Document | None, ratings: Iterable[RatingFacts], inherited: Iterable[str] = ()
) -> TherapySession | None:
    """Return a session as the fold sees it; None if it is no part of the course.

    `inherited` are the case's therapists, for a session that announces none.
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
        ratings=tuple(rating_of(rating) for rating in live),
    )


def _indicator(item: Document) -> Indicator:
    return Indicator(item["kind"], item["from"], item.get("toward"), item["severity"], item["source"])
