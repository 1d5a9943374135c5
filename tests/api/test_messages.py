"""What is said of messages in the contract is what is sent."""

import json
from typing import Any

import jsonschema_rs
import pytest

from service.domain.delivery import Event, payload
from service.domain.signing import signed
from tests.api.contract import OPENAPI, closed_schemas
from tests.domain.test_delivery import AT, delivery

CALL: dict[str, Any] = OPENAPI["webhooks"]["alert"]["post"]


@pytest.mark.parametrize("event", Event)
def test_every_message_is_as_described(event: Event) -> None:
    none = dict.fromkeys(("alert_id", "case_id", "severity", "revision"))
    sent = json.loads(payload(delivery(event=event, **(none if event is Event.test else {}))))
    schema = CALL["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema_rs.Draft202012Validator({**schema, "components": {"schemas": closed_schemas()}})
    assert [fault.message for fault in validator.iter_errors(sent)] == []
    assert not validator.is_valid({**sent, "type": "alert.unheard-of"})
    assert not validator.is_valid({**sent, "text": "what it says"})


def test_every_header_is_described() -> None:
    headers = {item["name"] for item in CALL["parameters"] if item["in"] == "header"}
    assert headers == set(signed(["whsec_AAAA"], "msg_1", AT, b"{}"))
    assert all(item["required"] for item in CALL["parameters"])
    assert set(CALL["responses"]) == {"204", "410", "4XX", "5XX"}
