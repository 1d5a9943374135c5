"""What an attempt to deliver leads to: delivered, again later, or given up, alone or with its whole subscription."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.delivery import DeliveryState
from service.domain.subscription import StateReason

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER = 0.1
LONGEST_WAIT = timedelta(hours=24)
DEAD_AFTER = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try: the status that was answered, or what went wrong before there was one; `retry_after` in seconds.

    `gone`: the receiver says that nobody is there any more, and never will be.
    """

    at: datetime
    milliseconds: int
    status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    gone: bool = False

    @property
    def delivered(self) -> bool:
        """Tell whether the receiver took it; a redirect is no receipt, and nobody follows it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def ended_at(self) -> datetime:
        return self.at + timedelta(milliseconds=self.milliseconds)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a delivery, and of its subscription if that ends too; which other one was sent for it, if so."""

    state: DeliveryState
    due_at: datetime | None = None
    state_reason: str | None = None
    ends: StateReason | None = None
    merged_into: str | None = None


def judged(attempt: Attempt, tried: int, failing_since: datetime | None, chance: float) -> Verdict:
    """Return what an attempt leads to.

    A receiver that says it is gone is believed. One that took nothing in all the time that a delivery was tried is
    taken for dead; where it took others meanwhile, only this one is given up.
    """
    if attempt.delivered:
        return Verdict(DeliveryState.delivered)
    if attempt.gone:
        return Verdict(DeliveryState.failed, state_reason="gone", ends=StateReason.gone)
    due_at = next_attempt(tried, attempt.ended_at, attempt.retry_after, chance)
    if due_at is not None:
        return Verdict(DeliveryState.waiting, due_at)
    dead = failing_since is not None and attempt.at - failing_since >= DEAD_AFTER
    return Verdict(DeliveryState.failed, None, "exhausted", StateReason.unreachable if dead else None)


def next_attempt(tried: int, at: datetime, retry_after: float | None, chance: float) -> datetime | None:
    """Return when a delivery that was tried some times, the last one at a time, is due again.

    Formula:  at + max(SCHEDULE[tried - 1] · (1 + JITTER · chance), retry_after), chance in [0, 1)
    Range:    5 seconds to 26.4 hours after; what a receiver asks for counts up to LONGEST_WAIT
    Missing:  None after the tenth attempt, three days and some hours after the first
    Source:   Standard Webhooks 1.0 (the schedule), RFC 9110 10.2.3 (Retry-After)
    Ours:     JITTER, only ever later, so that what fell together does not come back together
    """
    if not 1 <= tried <= len(SCHEDULE):
        return None
    wait = SCHEDULE[tried - 1] * (1 + JITTER * chance)
    asked = min(timedelta(seconds=max(retry_after or 0.0, 0.0)), LONGEST_WAIT)
    return at + max(wait, asked)
