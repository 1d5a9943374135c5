"""Devices over the API: a person's own, by their front-end token; pushes to a real receiver by the worker."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.main import create_app
from service.settings import Settings
from tests.api.bodies import DEVICE, Document
from tests.api.conftest import Clock, NewKey, client_of

pytestmark = pytest.mark.anyio

DEVICE_PUBLIC, AUTH = DEVICE["keys"]["p256dh"], DEVICE["keys"]["auth"]
SUPERVISOR: Document = {"person": "sup-1", "role": "supervisor", "therapists": ["dr-9", "dr-7"]}


@pytest.fixture
def phone(app: FastAPI, client: httpx.AsyncClient) -> Any:
    """Return what opens the phone of a person: a client with a front-end token."""

    async def opened(**facts: Any) -> httpx.AsyncClient:
        body = {"person": "dr-7", "scopes": ["alerts:read", "alerts:handle"], **facts}
        return client_of(app, (await client.post("/v1/tokens", json=body)).json()["token"])

    return opened


async def test_a_phone_subscribes_itself(phone: Any, client: httpx.AsyncClient) -> None:
    async with await phone() as mine:
        made = await mine.put("/v1/devices/phone", json={**DEVICE, "language": "nl"})
        again = await mine.put("/v1/devices/phone", json={**DEVICE, "language": "nl"})
    found = made.json()
    assert (made.status_code, again.status_code, again.json()) == (201, 200, found)
    facts = {"subscription_id": "dr-7:phone", "channel": "web-push", "address": "https://push.example.org/…"}
    usual = {"person": "dr-7", "role": "therapist", "therapists": ["dr-7"], "severities": ["critical", "warning"]}
    assert {**found, **facts, **usual, "language": "nl", "state": "active"} == found
    assert "secret-of" not in made.text + (await client.get("/v1/subscriptions/dr-7:phone")).text
    assert (await client.get("/v1/subscriptions")).json()["items"] == [found]


async def test_a_supervisors_phone_has_their_caseload(phone: Any) -> None:
    async with await phone(**SUPERVISOR) as mine:
        found = (await mine.put("/v1/devices/phone", json=DEVICE)).json()
    assert (found["role"], found["therapists"]) == ("supervisor", ["dr-7", "dr-9"])


async def test_what_only_has_the_name_of_ones_device_is_anothers(phone: Any, client: httpx.AsyncClient) -> None:
    mail = {"channel": "email", "address": "anna.muster@clinic.example", "person": "dr-8"}
    (await client.put("/v1/subscriptions/dr-7:phone", json=mail)).raise_for_status()
    async with await phone() as mine:
        put, deleted = await mine.put("/v1/devices/phone", json=DEVICE), await mine.delete("/v1/devices/phone")
    assert (put.status_code, put.json()["code"]) == (409, "subscription-id-used")
    assert (deleted.status_code, deleted.json()["code"]) == (404, "not-found")
    assert (await client.get("/v1/subscriptions/dr-7:phone")).json()["state"] == "active"


async def test_everybody_has_devices_of_their_own(phone: Any, client: httpx.AsyncClient) -> None:
    async with await phone() as mine, await phone(person="dr-8") as other:
        for one in (mine, other):
            assert (await one.put("/v1/devices/phone", json=DEVICE)).status_code == 201
        assert (await other.delete("/v1/devices/phone")).json()["state"] == "deleted"
        assert (await other.delete("/v1/devices/tablet")).status_code == 404
    left = (await client.get("/v1/subscriptions")).json()["items"]
    assert [item["subscription_id"] for item in left] == ["dr-7:phone"]
    assert (await client.delete("/v1/subscriptions/dr-7:phone")).json()["state"] == "deleted"


async def test_a_key_is_nobodys_phone(client: httpx.AsyncClient) -> None:
    for answered in (await client.put("/v1/devices/phone", json=DEVICE), await client.delete("/v1/devices/phone")):
        assert (answered.status_code, answered.json()["code"]) == (403, "only-for-tokens")


@pytest.mark.parametrize(
    ("facts", "pointer", "code"),
    [
        ({"endpoint": "http://push.example.org/a"}, "/endpoint", "not-https"),
        ({"endpoint": "https://127.0.0.1/a"}, "/endpoint", "not-public"),
        ({"endpoint": "https://push.example.org:22/a"}, "/endpoint", "port-refused"),
        ({"keys": {"p256dh": DEVICE_PUBLIC, "auth": "AAAA"}}, "/keys/auth", "bad-key"),
        ({"keys": {"p256dh": "AAAA", "auth": AUTH}}, "/keys/p256dh", "bad-key"),
        ({"keys": {"p256dh": DEVICE_PUBLIC}}, "/keys/auth", "missing"),
        ({"keys": {"p256dh": "ö", "auth": AUTH}}, "/keys/p256dh", "bad-format"),
        ({"person": "dr-8"}, "/person", "unknown-field"),
    ],
)
async def test_what_does_not_fit(phone: Any, facts: Document, pointer: str, code: str) -> None:
    async with await phone() as mine:
        answered = await mine.put("/v1/devices/phone", json={**DEVICE, **facts})
    assert answered.status_code == 422
    assert [(item["pointer"], item["code"]) for item in answered.json()["errors"]] == [(pointer, code)]


async def test_the_key_of_pushes_stays_and_is_each_organizations_own(
    app: FastAPI, phone: Any, client: httpx.AsyncClient, new_key: NewKey, other_organization: Any
) -> None:
    first = (await client.get("/v1/web-push")).json()
    async with await phone() as mine:
        assert (await mine.get("/v1/web-push")).json() == first
    assert len(first["public_key"]) == len(DEVICE_PUBLIC)
    async with client_of(app, await new_key(of=other_organization)) as other:
        assert (await other.get("/v1/web-push")).json() != first


async def test_without_keys_there_is_none(settings: Settings, key: str, clock: Clock) -> None:
    app = create_app(settings.model_copy(update={"secret_keys": None}), clock)
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        answered = await client.get("/v1/web-push")
    assert (answered.status_code, answered.json()["code"]) == (409, "no-secret-keys")
