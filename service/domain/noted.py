"""What people note beside ratings: what was decided and when, and what somebody says of readiness and hope."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class AgeBand(StrEnum):
    """Whole years of age: the bands for which the forms of one published family are made, up to grown-ups."""

    under_6 = "under-6"
    from_6 = "6-12"
    from_13 = "13-17"
    grown_up = "18-and-over"

    @property
    def years(self) -> tuple[int, int | None]:
        """Return the youngest and the oldest age of the band; None: no oldest."""
        return YEARS[self]


YEARS: dict[AgeBand, tuple[int, int | None]] = {
    AgeBand.under_6: (0, 5),
    AgeBand.from_6: (6, 12),
    AgeBand.from_13: (13, 17),
    AgeBand.grown_up: (18, None),
}


class PointState(StrEnum):
    """How far a point of the engagement checklist is."""

    open = "open"
    ticked = "ticked"
    not_needed = "not-needed"


class VoiceState(StrEnum):
    """What was decided about a member who does not speak in the room."""

    goes_without = "goes-without"
    heard_elsewhere = "heard-elsewhere"


class ChecklistPoint(StrEnum):
    """What to see to before and while a family is engaged (after Stanton & Todd 1981)."""

    who_is_invited = "who-is-invited"
    youth_not_messenger = "youth-not-messenger"
    consent_to_contact = "consent-to-contact"
    rationale_given = "rationale-given"
    nobody_blamed = "nobody-blamed"


@dataclass(frozen=True, slots=True)
class Noted:
    """A point that is open or decided: in which session, on which day (ISO, UTC), or both."""

    state: str
    decided_in: str | None = None
    decided_on: str | None = None

    def is_decided(self, day: str, came: bool) -> bool:
        """Tell whether it is decided by a day; `came`: the session in which it was decided has come."""
        if self.state == PointState.open:
            return False
        return came or (self.decided_on is not None and self.decided_on <= day)


@dataclass(frozen=True, slots=True)
class Reading:
    """Readiness or hope of one member in one session, 0 (none) to 10, and who says so (a reference)."""

    value: int
    source: str


def day_of(at: datetime) -> str:
    """Return the day of a time, ISO, in UTC."""
    return at.astimezone(UTC).date().isoformat()
