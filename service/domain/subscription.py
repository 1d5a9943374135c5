"""Who is told of changes, of which of them, and whether still."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

OVERLAP = timedelta(hours=24)  # how long a former secret stays valid beside the new one
MOST = 20  # webhooks of one organization
MOST_OF_PEOPLE = 2000  # subscriptions of its people


class SubscriptionState(StrEnum):
    active = "active"
    disabled = "disabled"
    deleted = "deleted"


class StateReason(StrEnum):
    """Why a subscription was disabled: its receiver said that it is gone, or took nothing for three days."""

    gone = "gone"
    unreachable = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which changes a subscription is told of: those that are in each list; None is all."""

    rules: tuple[str, ...] | None = None
    severities: tuple[str, ...] | None = None
    therapists: tuple[str, ...] | None = None
    cases: tuple[str, ...] | None = None
    events: tuple[str, ...] | None = None


class Role(StrEnum):
    """A therapist sees the cases that name them, and is told of those; a supervisor those of some therapists."""

    therapist = "therapist"
    supervisor = "supervisor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """An address that is told through a channel; its secrets are sealed, the former one valid until a time.

    One of a `person` tells them, in a `language`, that there is something new, and no more; without one it is a
    system's. Its filter of therapists is whose cases they are told of.
    `failing_since` is when the first of the attempts failed after which none went well.
    """

    subscription_id: str
    channel: str
    address: str
    filters: Filters
    created_at: datetime
    changed_at: datetime
    secret: bytes = field(repr=False)
    former_secret: bytes | None = field(default=None, repr=False)
    former_until: datetime | None = None
    person: str | None = None
    role: Role | None = None
    language: str | None = None
    state: SubscriptionState = SubscriptionState.active
    state_reason: StateReason | None = None
    failing_since: datetime | None = None

    @property
    def of_person(self) -> bool:
        return self.person is not None

    def secrets(self, at: datetime) -> tuple[bytes, ...]:
        """Return the sealed secrets that are valid at a time, the newest first."""
        if self.former_secret is None or self.former_until is None or self.former_until <= at:
            return (self.secret,)
        return (self.secret, self.former_secret)
