"""Alerts as the JSON that goes out: the concern, how it is handled now, what may be tried, and all that it rests on."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from service.api.documents import Document, rounded
from service.api.fields import shown_time
from service.api.ready_text import ready_text
from service.domain.circumstances import Circumstances
from service.domain.concern import Concern
from service.domain.facts import time_of
from service.domain.figures import Course
from service.domain.handling import handling_now
from service.domain.reconcile import Alert, Handling, basis_of
from service.domain.rules import rules, tone_of
from service.languages import Language


def alert_document(alert: Alert, case: Circumstances, course: Course, now: datetime, language: Language) -> Document:
    """Return an alert as somebody reads it now, told in a language as the circumstances of its case ask for."""
    concern = alert.concern
    return {
        "alert_id": alert.alert_id,
        "case_id": alert.case_id,
        "therapists": list(alert.therapists),
        "rule": concern.rule,
        "tone": tone_of(concern.rule).value,
        "rule_version": concern.rule_version,
        "subject": list(concern.subject),
        "severity": concern.severity.value,
        "state": concern.state.value,
        "state_reason": concern.reason.value if concern.reason else None,
        "shadow": concern.shadow,
        "flapping": concern.flapping,
        "opened_session_id": concern.opened_session_id,
        "opened_held_at": shown_time(concern.opened_held_at),
        **_age(concern, course),
        **handling_document(alert, course, now),
        **ready_text(concern, case, language),
        "basis": basis_document(concern),
        "last_repair": repair_document(alert.last_repair) if alert.last_repair is not None else None,
        "origin": alert.origin.value,
        "revision": alert.revision,
        "opened_at": shown_time(alert.opened_at),
        "changed_at": shown_time(alert.changed_at),
    }


def basis_document(concern: Concern) -> Document:
    """Return all that an alert rests on; what is text needs no rounding."""
    basis = basis_of(concern)
    numbers = ("values", "thresholds", "baseline", "raised", "parameters")
    return {**basis, **{name: rounded(basis[name]) for name in numbers}}


def handling_document(alert: Alert, course: Course, now: datetime) -> Document:
    """Return the handling fields of an alert."""
    handling = handling_now(alert, course.held_sessions, now)
    kept = alert.handled if handling is alert.handling else None
    return {
        "handling": handling.value,
        "handled": None
        if kept is None or handling is Handling.new
        else {**kept, "at": shown_time(time_of(kept["at"]))},
        "handling_revision": alert.handling_revision,
    }


def repair_document(told: Mapping[str, Any]) -> Document:
    """Return a repair as it goes out."""
    names = ("id", "next_step", "went", "with", "by")
    return {**{name: told[name] for name in names}, "at": shown_time(time_of(told["at"]))}


def _age(concern: Concern, course: Course) -> Document:
    """Return how long a concern has been, or was, open: in held sessions, and the latest of them."""
    through = course.held_sessions if concern.active else concern.ended or concern.number
    last = course.last_session_id if concern.active else concern.sessions[-1]
    return {"last_session_id": last, "sessions_open": max(1, through - concern.opened_number + 1)}


def silent(alert: Alert, case: Circumstances) -> bool:
    """Tell whether a case on safety hold keeps quiet about an alert."""
    return case.on_hold and alert.concern.rule in silent_rules()


def silent_rules() -> Sequence[str]:
    """Return the rules that are not shown while a case is on safety hold."""
    return [code for code, rule in rules().items() if rule.silent_on_hold]


def alert_documents(
    alerts: Iterable[Alert], case: Circumstances, course: Course, now: datetime, language: Language
) -> list[Document]:
    """Return the alerts of one case that may be shown."""
    return [alert_document(alert, case, course, now, language) for alert in alerts if not silent(alert, case)]
