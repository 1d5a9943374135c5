"""Recomputed concerns against stored alerts: which alert a concern is, what changed, what lost its ground."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from service.domain.carry import default_parameters
from service.domain.concern import Concern, Reason, State, Topic
from service.domain.model import Severity
from service.domain.plain import freeze
from service.domain.rules import rules


class Handling(StrEnum):
    new = "new"
    acknowledged = "acknowledged"
    snoozed = "snoozed"
    dismissed = "dismissed"


class Origin(StrEnum):
    """What led to an alert: news, an old story told late, or rules that look at what was stored before."""

    live = "live"
    backfill = "backfill"
    reassessment = "reassessment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A stored concern with its handling and the last repair that was told.

    `change_number` is its place among the organization's changes, set when the change is written; a snooze ends at
    `snoozed_until` or once the case counts `snoozed_until_number` held sessions. `asked_at` is when it last began to
    wait for somebody by itself: it opened again or rose to critical; None while it never did.
    """

    alert_id: str
    case_id: str
    concern: Concern
    therapists: tuple[str, ...]
    origin: Origin
    opened_at: datetime
    changed_at: datetime
    handling: Handling = Handling.new
    handled: Mapping[str, Any] | None = None
    handling_revision: int = 0
    snoozed_until: datetime | None = None
    snoozed_until_number: int | None = None
    asked_at: datetime | None = None
    last_repair: Mapping[str, Any] | None = None
    revision: int = 1
    change_number: int = 0

    @property
    def retracted(self) -> bool:
        return self.concern.state is State.retracted

    @property
    def told(self) -> bool:
        """Tell whether it stands for something, and not in shadow: whether anybody hears of it unasked."""
        return not self.retracted and not self.concern.shadow


@dataclass(frozen=True, slots=True)
class Reconciled:
    """An alert as it stands now; `seen` if a reader can tell the difference, else only its bookkeeping moved."""

    alert: Alert
    seen: bool


def basis_of(concern: Concern) -> dict[str, Any]:
    """Return all that an alert rests on; recomputing from it gives the same alert."""
    rule, signal = rules().get(concern.rule), concern.signal
    return {
        "values": dict(signal.values),
        "thresholds": dict(signal.thresholds),
        "sessions": list(concern.sessions),
        "raters": list(signal.raters),
        "missing": list(signal.missing),
        "not_evaluated": list(signal.not_evaluated),
        "baseline": _named(signal.baseline),
        "raised": _named(concern.raised),
        "route": signal.route,
        "unit": signal.baseline.unit if signal.baseline else rule.unit if rule else "ours",
        "evidence": rule.grade if rule else None,
        "parameters": parameters_of(concern),
    }


def parameters_of(concern: Concern) -> Mapping[str, Any]:
    """Return the parameters under which a concern opened, by name; those of its rule where nobody noted them."""
    if concern.parameters is not None:
        return concern.parameters
    return default_parameters().named.get(concern.rule, {})


def _named(value: Any) -> Any:
    """Return a dataclass as a map of its fields; None stays None."""
    return None if value is None else {name: freeze(getattr(value, name)) for name in value.__dataclass_fields__}


def reconcile(
    concerns: Iterable[Concern],
    stored: Iterable[Alert],
    at: datetime,
    make: Callable[[Concern], Alert],
    lost: Reason = Reason.facts_changed,
    therapists: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> list[Reconciled]:
    """Return the alerts that differ from what is stored.

    `concerns` are those of the refolded part of one case, `stored` its alerts that rest on any session of that part,
    and `therapists` who led those of its sessions of which that is known: an alert is of those who led the opening one,
    and stays theirs whom it was told of, since nobody takes it from their list.
    A concern is the alert of the same topic with which it shares a session: the oldest id survives a merge (the others
    are retracted as `merged`), the earlier part keeps the id after a split, and an alert that no concern stands for any
    more is retracted for the reason `lost`; should its ground come back, it lives again.
    """
    theirs = _grouped(stored, lambda alert: alert.concern.topic)
    ours = _grouped(concerns, lambda concern: concern.topic)
    changed: list[Reconciled] = []
    for key in sorted({*theirs, *ours}):
        changed += _of_one_subject(ours.get(key, []), theirs.get(key, []), at, make, lost, therapists)
    return changed


def _grouped(items: Iterable[Any], key: Callable[[Any], Topic]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _of_one_subject(
    concerns: Sequence[Concern],
    stored: Sequence[Alert],
    at: datetime,
    make: Callable[[Concern], Alert],
    lost: Reason,
    therapists: Mapping[str, tuple[str, ...]],
) -> list[Reconciled]:
    left = sorted(stored, key=lambda alert: (alert.retracted, alert.opened_at, alert.alert_id))
    changed: list[Reconciled] = []
    for concern in sorted(concerns, key=lambda item: (item.opened_held_at, item.opened_session_id)):
        match = next((alert for alert in left if alert.concern.meets(concern) and _may_be(alert)), None)
        if match is None:
            changed.append(Reconciled(make(concern), seen=True))
            continue
        left.remove(match)
        moved = _moved(match, concern, therapists.get(concern.opened_session_id, ()), at)
        if moved is not None:
            changed.append(moved)
    for alert in left:
        if not alert.retracted:
            merged = any(alert.concern.meets(concern) for concern in concerns)
            changed.append(_retracted(alert, Reason.merged if merged else lost, at))
    return changed


def _may_be(alert: Alert) -> bool:
    """Tell whether an alert may stand for a concern again; one that was merged away may not."""
    return alert.concern.reason is not Reason.merged


def _moved(alert: Alert, concern: Concern, led_by: tuple[str, ...], at: datetime) -> Reconciled | None:
    """Return the alert with its concern as recomputed and whose it is; None if nothing at all changed."""
    before, therapists = alert.concern, tuple(dict.fromkeys((*alert.therapists, *led_by)))
    same = therapists == alert.therapists
    if before == concern and same:
        return None
    if _shown(before) == _shown(concern) and same:
        return Reconciled(replace(alert, concern=concern), seen=False)
    moved = replace(alert, concern=concern, therapists=therapists, revision=alert.revision + 1, changed_at=at)
    reopened = concern.active and (not before.active or concern.openings > before.openings)
    risen = concern.severity is Severity.critical and before.severity is not Severity.critical
    if reopened or risen:
        moved = replace(moved, asked_at=at)
        moved = moved if alert.handling is Handling.new else unhandled(moved)
    return Reconciled(moved, seen=True)


def unhandled(alert: Alert) -> Alert:
    """Return an alert that waits for somebody again."""
    return replace(
        alert,
        handling=Handling.new,
        handled=None,
        handling_revision=alert.handling_revision + 1,
        snoozed_until=None,
        snoozed_until_number=None,
    )


def _retracted(alert: Alert, reason: Reason, at: datetime) -> Reconciled:
    concern = replace(alert.concern, state=State.retracted, reason=reason)
    return Reconciled(replace(alert, concern=concern, revision=alert.revision + 1, changed_at=at), seen=True)


def _shown(concern: Concern) -> tuple[Any, ...]:
    """Return what a reader sees of a concern; its basis is its signal, its sessions and what its version fixes."""
    opened = (concern.opened_session_id, concern.opened_held_at)
    basis = (concern.rule_version, concern.signal, concern.sessions, concern.raised, parameters_of(concern))
    return (concern.state, concern.reason, concern.severity, concern.flapping, concern.shadow, opened, basis)
