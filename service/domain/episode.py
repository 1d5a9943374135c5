"""A rupture episode: what a clinician confirms, never what numbers say. It binds alerts of a case into one story."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.domain.facts import time_of


class EpisodeOutcome(StrEnum):
    """How an episode ended; `lost` means that somebody left treatment over it."""

    repaired = "repaired"
    unrepaired = "unrepaired"
    lost = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One episode by the id that its client made; lists are in order and without repeats.

    `members` are references, `tried` codes of next steps; `replaces` names an earlier episode of the case that this one
    corrects.
    """

    id: str
    alert_ids: tuple[str, ...]
    first_session_id: str
    last_session_id: str
    members: tuple[str, ...]
    tried: tuple[str, ...]
    outcome: EpisodeOutcome
    by: str
    at: datetime | None = None
    replaces: str | None = None

    def stored(self) -> dict[str, Any]:
        """Return what is stored beside its id, and held against what comes again under the same."""
        return {
            "alert_ids": list(self.alert_ids),
            "first_session_id": self.first_session_id,
            "last_session_id": self.last_session_id,
            "members": list(self.members),
            "tried": list(self.tried),
            "outcome": self.outcome.value,
            "by": self.by,
            "at": self.at.isoformat() if self.at else None,
            "replaces": self.replaces,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """An episode as it is kept: what was told, when it arrived, and the one that corrects it, if any does."""

    id: str
    body: Mapping[str, Any]
    received_at: datetime
    replaced_by: str | None = None

    @property
    def at(self) -> datetime:
        """Return when it was confirmed; a time ahead of ours is a clock that runs fast."""
        return min(time_of(self.body["at"]) or self.received_at, self.received_at)
