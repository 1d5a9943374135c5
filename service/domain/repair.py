"""A repair: what a person tried about an alert, with whom, and how it went. Only people repair; numbers recover."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from service.domain.facts import time_of
from service.domain.reconcile import Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One thing that was tried, by the id that its client made.

    `next_step` is its code, `went` from 1 (badly) to 5 (well), `with_` references to whom it was tried with in order;
    `by` a therapist or supervisor id, `at` when it was, as far as told.
    """

    id: str
    next_step: str
    went: int
    with_: tuple[str, ...]
    by: str
    at: datetime | None = None

    def stored(self) -> dict[str, Any]:
        """Return what is stored beside its id, and held against what comes again under the same."""
        return {
            "next_step": self.next_step,
            "went": self.went,
            "with": list(self.with_),
            "by": self.by,
            "at": self.at.isoformat() if self.at else None,
        }


def told(repair_id: str, stored: Mapping[str, Any], received_at: datetime) -> dict[str, Any]:
    """Return a stored repair as it is shown; a time ahead of ours is a clock that runs fast."""
    at = time_of(stored["at"])
    return {"id": repair_id, **stored, "at": min(at or received_at, received_at).isoformat()}


def repaired(alert: Alert, repair: Repair, now: datetime) -> Alert:
    """Return an alert after a repair: it is the last one told; state, severity and handling are for others to move."""
    last = told(repair.id, repair.stored(), now)
    return replace(alert, last_repair=last, revision=alert.revision + 1, changed_at=now)
