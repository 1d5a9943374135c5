import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.domain.delivery import Delivery, Event, payload
from service.domain.model import Severity

AT = datetime(2026, 6, 1, 12, 0, 0, 250_000, UTC)
EVENT_ID = "01a21092-7d3e-7c11-8a55-0123456789ab"


def delivery(**facts: object) -> Delivery:
    usual: dict[str, object] = {
        "event_id": EVENT_ID,
        "subscription_id": "ehr",
        "event": Event.opened,
        "occurred_at": AT,
        "due_at": AT,
        "alert_id": "01a21092-0000-7000-8000-000000000001",
        "case_id": "fam-42",
        "severity": Severity.warning,
        "revision": 1,
    }
    return Delivery(**{**usual, **facts})  # type: ignore[arg-type]


def test_a_message_names_the_alert_and_says_nothing_of_it() -> None:
    assert json.loads(payload(delivery())) == {
        "type": "alert.opened",
        "timestamp": "2026-06-01T12:00:00.250Z",
        "data": {
            "alert_id": "01a21092-0000-7000-8000-000000000001",
            "case_id": "fam-42",
            "revision": 1,
            "severity": "warning",
        },
    }


def test_a_test_is_about_nothing() -> None:
    told = delivery(event=Event.test, alert_id=None, case_id=None, severity=None, revision=None)
    assert json.loads(payload(told)) == {"type": "webhook.test", "timestamp": "2026-06-01T12:00:00.250Z", "data": {}}


def test_times_go_out_in_utc() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert payload(delivery(occurred_at=elsewhere)) == payload(delivery())


@pytest.mark.parametrize("event", Event)
def test_types_are_spelt_as_the_standard_wants(event: Event) -> None:
    assert all(part.isalnum() for part in event.value.split("."))


def test_the_id_of_a_message_is_the_same_at_every_attempt_and_has_no_dot() -> None:
    assert delivery().message_id == delivery(tried=4, due_at=AT + timedelta(days=1)).message_id
    assert delivery().message_id == "msg_01a210927d3e7c118a550123456789ab"
