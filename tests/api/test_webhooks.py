"""Webhooks over the API: made once with a secret, changed, listed, rotated, deleted; what does not fit."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.api import webhooks
from service.domain.subscription import MOST
from service.egress import Egress
from service.main import create_app
from service.settings import Settings
from tests.api.bodies import Document
from tests.api.conftest import Clock, NewKey, client_of

pytestmark = pytest.mark.anyio

PATH = "/v1/webhooks/ehr"
URL = "https://ehr.example.org/evenkeel"


async def put(client: httpx.AsyncClient, /, name: str = "ehr", **facts: Any) -> httpx.Response:
    return await client.put(f"/v1/webhooks/{name}", json={"url": URL, **facts})


def shown(**facts: Any) -> Document:
    none = ("rules", "severities", "therapists", "cases", "events", "state_reason", "failing_since", "secret")
    at = "2026-06-01T12:00:00.000Z"
    usual = {"webhook_id": "ehr", "url": URL, "state": "active", "created_at": at, "changed_at": at}
    return {**usual, **dict.fromkeys(none), "former_secret_until": None, **facts}


async def test_made_once_with_a_secret_that_is_never_shown_again(client: httpx.AsyncClient, clock: Clock) -> None:
    made = await put(client)
    secret = made.json()["secret"]
    assert (made.status_code, made.headers["location"]) == (201, PATH)
    assert made.json() == shown(secret=secret)
    assert secret.startswith("whsec_")
    clock.pass_by(hours=1)
    again = await put(client)
    assert (again.status_code, again.json()) == (200, shown())
    assert (await client.get(PATH)).json() == shown()
    assert (await client.get("/v1/webhooks")).json() == {"items": [shown()], "next_cursor": None}


async def test_changed(client: httpx.AsyncClient, clock: Clock) -> None:
    await put(client)
    clock.pass_by(minutes=1)
    filters: dict[str, Any] = {
        "rules": ["split-alliance", "early-low", "early-low"],
        "severities": ["warning", "critical"],
        "therapists": ["dr-8", "dr-7"],
        "cases": ["fam-42"],
        "events": ["alert.opened"],
    }
    changed = await put(client, url="https://other.example.org/", **filters)
    expected = {name: sorted(set(values)) for name, values in filters.items()}
    at = "2026-06-01T12:01:00.000Z"
    assert changed.json() == shown(url="https://other.example.org/", **expected, changed_at=at)
    assert (await put(client, url="https://other.example.org/", **filters)).json()["changed_at"] == at
    nothing: dict[str, Any] = dict.fromkeys(filters)
    assert (await put(client, **nothing)).json()["rules"] is None


async def test_two_secrets_while_they_change(client: httpx.AsyncClient) -> None:
    first = (await put(client)).json()["secret"]
    rotated = await client.post(f"{PATH}/rotate")
    assert rotated.json() == shown(secret=rotated.json()["secret"], former_secret_until="2026-06-02T12:00:00.000Z")
    assert rotated.json()["secret"] not in (None, first)
    assert (await client.get(PATH)).json()["secret"] is None


async def test_deleted_is_deleted_again(client: httpx.AsyncClient) -> None:
    await put(client)
    for _ in range(2):
        gone = await client.delete(PATH)
        assert (gone.status_code, gone.json()) == (200, shown(url=None, state="deleted"))
    assert (await client.get("/v1/webhooks")).json()["items"] == []
    assert (await client.get(PATH)).json()["state"] == "deleted"
    assert (await client.post(f"{PATH}/rotate")).status_code == 404
    assert (await put(client)).status_code == 201


async def test_pages(client: httpx.AsyncClient) -> None:
    for name in ("c", "a", "b"):
        await put(client, name)
    one = (await client.get("/v1/webhooks", params={"limit": 2})).json()
    two = (await client.get("/v1/webhooks", params={"limit": 2, "cursor": one["next_cursor"]})).json()
    assert [item["webhook_id"] for item in one["items"] + two["items"]] == ["a", "b", "c"]
    assert two["next_cursor"] is None


async def test_so_many_and_no_more(client: httpx.AsyncClient) -> None:
    for number in range(MOST):
        assert (await put(client, f"w{number}")).status_code == 201
    over = await put(client)
    assert (over.status_code, over.json()["code"]) == (409, "too-many-webhooks")


@pytest.mark.parametrize(
    ("facts", "pointer", "code"),
    [
        ({"url": "http://ehr.example.org/"}, "/url", "not-https"),
        ({"url": "https://127.0.0.1/"}, "/url", "not-public"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "/url", "not-public"),
        ({"url": "https://[::ffff:10.0.0.1]/"}, "/url", "not-public"),
        ({"url": "https://localhost/"}, "/url", "not-public"),
        ({"url": "https://2130706433/"}, "/url", "bad-address"),
        ({"url": "https://user:word@ehr.example.org/"}, "/url", "bad-address"),
        ({"url": "https://ehr.example.org:22/"}, "/url", "port-refused"),
        ({"url": "nowhere"}, "/url", "bad-address"),
        ({"url": None}, "/url", "not-a-string"),
        ({"url": "https://ehr.example.org/" + "x" * 2048}, "/url", "too-long"),
        ({"rules": ["no-such-rule"]}, "/rules/0", "unknown-value"),
        ({"rules": []}, "/rules", "too-few"),
        ({"severities": ["fatal"]}, "/severities/0", "unknown-value"),
        ({"therapists": ["family"]}, "/therapists/0", "reserved-id"),
        ({"cases": ["-"]}, "/cases/0", "bad-format"),
        ({"cases": ["a"] * 201}, "/cases", "too-many"),
        ({"events": ["webhook.test"]}, "/events/0", "unknown-value"),
        ({"secret": "whsec_mine"}, "/secret", "unknown-field"),
    ],
)
async def test_what_does_not_fit(client: httpx.AsyncClient, facts: Document, pointer: str, code: str) -> None:
    refused = await put(client, **facts)
    assert refused.status_code == 422
    assert [(item["pointer"], item["code"]) for item in refused.json()["errors"]] == [(pointer, code)]
    assert (await client.get(PATH)).status_code == 404
    for value in ("169.254", "2130706433", "word", "no-such-rule", "whsec_mine"):
        assert value not in refused.text


async def test_a_name_that_leads_inside_is_refused(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = ["10.0.0.1"]

    async def look_up(host: str, port: int) -> list[str]:
        return found

    monkeypatch.setattr(webhooks, "Egress", lambda loopback: Egress(loopback, look_up=look_up))
    refused = await put(client)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "not-public")
    found[0] = "93.184.216.34"
    assert (await put(client)).status_code == 201


async def test_loopback_only_where_the_operator_allows_it(settings: Settings, key: str) -> None:
    demo = create_app(settings.model_copy(update={"webhook_allow_loopback": True}))
    async with demo.router.lifespan_context(demo), client_of(demo, key) as client:
        assert (await put(client, url="http://127.0.0.1:9000/evenkeel")).status_code == 201
        assert (await put(client, url="http://10.0.0.1:9000/evenkeel")).status_code == 422


async def test_without_keys_a_secret_cannot_be_kept(settings: Settings, key: str) -> None:
    app = create_app(settings.model_copy(update={"secret_keys": None}))
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        refused = await put(client)
        assert (refused.status_code, refused.json()["code"]) == (409, "no-secret-keys")
        assert (await client.get(PATH)).status_code == 404


async def test_only_for_who_may_administer(app: FastAPI, client: httpx.AsyncClient, new_key: NewKey) -> None:
    await put(client)
    async with client_of(app, await new_key("alerts:read", "alerts:handle", "course:read")) as reader:
        for answered in (await put(reader), await reader.get(PATH), await reader.post(f"{PATH}/rotate")):
            assert (answered.status_code, answered.json()["code"]) == (403, "missing-scope")
