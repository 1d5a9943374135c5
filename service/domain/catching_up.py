"""What becomes of acts of handling that come late: from a phone that was offline, twice, in any order.

As if each had come in time: the latest act by its own time stands, and what an alert asked after an act, the act has
not answered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.domain.facts import time_of
from service.domain.handling import Act
from service.domain.reconcile import Alert


class Fate(StrEnum):
    """`applied`: it stands now; `already`: it was taken in before; `overtaken`: something later stands; `gone`: there
    is nothing to handle any more; `refused`: it does not fit.
    """

    applied = "applied"
    already = "already"
    overtaken = "overtaken"
    gone = "gone"
    refused = "refused"


@dataclass(frozen=True, slots=True)
class Taken:
    """An act that was taken in: its body as stored, and when it arrived."""

    body: Mapping[str, Any]
    received_at: datetime

    @property
    def at(self) -> datetime:
        """Return when it was done, which is never later than it arrived."""
        return done_at(time_of(self.body["at"]), self.received_at)


def done_at(at: datetime | None, received_at: datetime) -> datetime:
    """Return when an act was done; a time ahead of ours is a clock that runs fast."""
    return received_at if at is None else min(at, received_at)


def last_act(acts: Iterable[Taken]) -> Taken | None:
    """Return the act that was done last."""
    return max(acts, key=lambda act: (act.at, act.received_at), default=None)


def is_overtaken(act: Act, alert: Alert, last: Taken | None, now: datetime) -> bool:
    """Tell whether something later stands, or its client had not seen what stands."""
    at = done_at(act.at, now)
    later = last is not None and last.at > at
    asked = alert.asked_at is not None and alert.asked_at > at
    unseen = act.handling_revision is not None and act.handling_revision != alert.handling_revision
    return later or asked or unseen
