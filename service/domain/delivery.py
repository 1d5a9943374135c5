"""What a subscription is told of: that something about an alert changed, by its ids alone, never what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from service.domain.model import Severity
from service.domain.plain import encode


class Event(StrEnum):
    """What a message says has happened."""

    opened = "alert.opened"
    changed = "alert.changed"
    handled = "alert.handled"
    escalated = "alert.escalated"
    test = "webhook.test"


class DeliveryState(StrEnum):
    """Where a delivery stands: only one that waits is ever tried."""

    waiting = "waiting"
    delivered = "delivered"
    failed = "failed"
    withheld = "withheld"
    merged = "merged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message on its way to one subscription; `tried` counts attempts since it last began to wait.

    The alert's own id, revision and severity are those of the moment; a test is about no alert. What was told to a
    person together with others has `merged_into`, the one of them that was sent.
    """

    event_id: str
    subscription_id: str
    event: Event
    occurred_at: datetime
    due_at: datetime
    alert_id: str | None = None
    case_id: str | None = None
    severity: Severity | None = None
    revision: int | None = None
    state: DeliveryState = DeliveryState.waiting
    state_reason: str | None = None
    merged_into: str | None = None
    tried: int = 0
    attempts: tuple[Mapping[str, Any], ...] = ()

    @property
    def urgent(self) -> bool:
        """Tell whether it should wait for no digest."""
        return self.severity is Severity.critical and self.event is not Event.handled

    @property
    def message_id(self) -> str:
        """Return the id by which a receiver knows that it has had this message: the same at every attempt."""
        return f"msg_{self.event_id.replace('-', '')}"


def payload(delivery: Delivery) -> bytes:
    """Return the body of a message: its type and time, the ids by which the alert can be asked for, the severity.

    Source: Standard Webhooks 1.0, thin payloads: `type`, `timestamp`, `data`.
    """
    about = {"alert_id": delivery.alert_id, "case_id": delivery.case_id, "revision": delivery.revision}
    data: dict[str, Any] = {}
    if delivery.alert_id is not None:
        data = {**about, "severity": delivery.severity.value if delivery.severity else None}
    at = delivery.occurred_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return encode({"type": delivery.event.value, "timestamp": f"{at[:-6]}Z", "data": data}).encode()
