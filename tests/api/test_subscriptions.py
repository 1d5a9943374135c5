"""Subscriptions of people over the API: made, changed, listed, tried, deleted; never where somebody is reached."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.main import create_app
from service.settings import Settings
from tests.api.bodies import Document, hostile
from tests.api.conftest import Clock, NewKey, client_of

pytestmark = pytest.mark.anyio

PATH = "/v1/subscriptions/anna"
WHERE = "anna.muster@clinic.example"
MAIL: Document = {"channel": "email", "address": WHERE, "person": "dr-7"}


async def put(client: httpx.AsyncClient, name: str = "anna", **facts: Any) -> httpx.Response:
    body = {name: value for name, value in {**MAIL, **facts}.items() if value is not None}
    return await client.put(f"/v1/subscriptions/{name}", json=body)


def shown(**facts: Any) -> Document:
    at = "2026-06-01T12:00:00.000Z"
    return {
        "subscription_id": "anna",
        "channel": "email",
        "address": "a…@clinic.example",
        "person": "dr-7",
        "role": "therapist",
        "therapists": ["dr-7"],
        "severities": ["critical", "warning"],
        "language": None,
        "state": "active",
        "state_reason": None,
        "failing_since": None,
        "created_at": at,
        "changed_at": at,
        **facts,
    }


async def test_made_changed_listed_deleted(client: httpx.AsyncClient, clock: Clock) -> None:
    made = await put(client)
    assert (made.status_code, made.headers["location"], made.json()) == (201, PATH, shown())
    clock.pass_by(hours=1)
    again = await put(client)
    assert (again.status_code, again.json()) == (200, shown())
    later = "2026-06-01T13:00:00.000Z"
    moved = await put(client, address="alex@clinic.example")  # which looks the same
    assert moved.json() == shown(changed_at=later)
    changed = await put(client, language="de", severities=["critical"], role="supervisor", therapists=["dr-9", "dr-8"])
    facts = {"language": "de", "severities": ["critical"], "role": "supervisor", "therapists": ["dr-8", "dr-9"]}
    assert changed.json() == shown(changed_at=later, **facts)
    assert (await client.get("/v1/subscriptions")).json() == {"items": [changed.json()], "next_cursor": None}
    assert (await client.get(PATH)).json() == changed.json()
    gone = await client.delete(PATH)
    assert (gone.json()["state"], gone.json()["address"]) == ("deleted", None)
    assert (await client.delete(PATH)).json() == gone.json()
    assert (await client.get("/v1/subscriptions")).json()["items"] == []


@pytest.mark.parametrize(
    ("facts", "pointer", "code"),
    [
        ({"address": "anna"}, "/address", "bad-address"),
        ({"address": "anna@clinic.example\nBcc: x@example.org"}, "/address", "bad-address"),
        ({"channel": "web-push"}, "/channel", "unknown-value"),
        ({"person": "family"}, "/person", "reserved-id"),
        ({"role": "supervisor"}, "/therapists", "therapists-of-supervisor"),
        ({"therapists": ["dr-7"]}, "/therapists", "therapists-of-supervisor"),
        ({"severities": []}, "/severities", "too-few"),
        ({"severities": ["grave"]}, "/severities/0", "unknown-value"),
        ({"language": "tlh"}, "/language", "unknown-value"),
        ({"events": ["alert.opened"]}, "/events", "unknown-field"),
    ],
)
async def test_what_does_not_fit(client: httpx.AsyncClient, facts: Document, pointer: str, code: str) -> None:
    answered = await put(client, **facts)
    assert answered.status_code == 422
    assert [(item["pointer"], item["code"]) for item in answered.json()["errors"]] == [(pointer, code)]
    assert "Bcc" not in answered.text
    assert (await client.get("/v1/subscriptions")).json()["items"] == []


async def test_people_and_systems_are_two_kinds(client: httpx.AsyncClient) -> None:
    await put(client)
    url = {"url": "https://ehr.example.org/evenkeel"}
    await client.put("/v1/webhooks/ehr", json=url)
    for method, path in (
        ("get", "/v1/webhooks/anna"),
        ("delete", "/v1/webhooks/anna"),
        ("get", "/v1/subscriptions/ehr"),
    ):
        assert (await client.request(method, path)).status_code == 404, path
    assert (await client.delete("/v1/subscriptions/ehr")).status_code == 404
    taken = [
        await client.put("/v1/webhooks/anna", json=url),
        await put(client, "ehr"),
        await put(client, person="dr-8"),
    ]
    assert [(item.status_code, item.json()["code"]) for item in taken] == [(409, "subscription-id-used")] * 3
    assert [item["webhook_id"] for item in (await client.get("/v1/webhooks")).json()["items"]] == ["ehr"]
    assert (await client.get(PATH)).json() == shown()


async def test_what_waits_says_why(client: httpx.AsyncClient) -> None:
    await put(client)
    tested = await client.post(f"{PATH}/test")
    assert (tested.status_code, tested.json()["state"]) == (200, "waiting")
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile(therapists=["dr-7"]))
    items = (await client.get(f"{PATH}/deliveries")).json()["items"]
    assert [(item["event"], item["state"]) for item in items] == [
        ("alert.opened", "waiting"),
        ("webhook.test", "waiting"),
    ]
    one = await client.get(f"{PATH}/deliveries", params={"limit": 1})
    rest = await client.get(f"{PATH}/deliveries", params={"limit": 1, "cursor": one.json()["next_cursor"]})
    assert [*one.json()["items"], *rest.json()["items"]] == items


async def test_where_there_is_no_mail_server(settings: Settings, key: str, clock: Clock) -> None:
    app = create_app(settings.model_copy(update={"smtp_host": None}), clock)
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        answered = await put(client)
    assert (answered.status_code, answered.json()["code"]) == (409, "no-mail-server")


async def test_without_keys_nothing_is_kept(settings: Settings, key: str, clock: Clock) -> None:
    app = create_app(settings.model_copy(update={"secret_keys": None}), clock)
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        answered = await put(client)
        assert (await client.get("/v1/subscriptions")).json()["items"] == []
    assert (answered.status_code, answered.json()["code"]) == (409, "no-secret-keys")


async def test_another_organization_has_its_own(
    app: FastAPI, client: httpx.AsyncClient, new_key: NewKey, other_organization: Any
) -> None:
    await put(client)
    async with client_of(app, await new_key(of=other_organization)) as other:
        assert (await other.get(PATH)).status_code == 404
        assert (await other.get("/v1/subscriptions")).json()["items"] == []
        assert (await put(other)).status_code == 201
