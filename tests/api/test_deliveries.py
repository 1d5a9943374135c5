"""Deliveries over the API: what was sent, a test, and sending again."""

from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import claims
from service.db.engine import transaction
from service.domain.delivery import DeliveryState
from service.domain.retrying import Attempt, Verdict
from tests.api.bodies import Document, hostile
from tests.api.conftest import Clock
from tests.factories import NOW

pytestmark = pytest.mark.anyio

PATH = "/v1/webhooks/ehr"
AT = "2026-06-01T12:00:00.000Z"


@pytest.fixture(autouse=True)
async def _subscribed(client: httpx.AsyncClient) -> None:
    await client.put(PATH, json={"url": "https://ehr.example.org/evenkeel"})


async def listed(client: httpx.AsyncClient, **query: object) -> list[Document]:
    answered = await client.get(f"{PATH}/deliveries", params=dict(query))  # type: ignore[arg-type]
    assert answered.status_code == 200
    items: list[Document] = answered.json()["items"]
    return items


async def failed(engine: AsyncEngine, organization: UUID, clock: Clock) -> None:
    """Let a worker try all that is due, and give it up."""
    async with transaction(engine, organization) as db:
        for found in await claims.claim(db, clock(), clock(), 8, ()):
            attempt = Attempt(at=clock(), milliseconds=15_000, error="timeout")
            verdict = Verdict(DeliveryState.failed, None, "exhausted")
            await claims.settle(db, [(found.delivery, attempt, verdict)], clock())


async def test_an_alert_is_on_its_way_with_the_answer_that_tells_of_it(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile())
    (alert,) = (await client.get("/v1/alerts")).json()["items"]
    (sent,) = await listed(client)
    assert sent == {
        "delivery_id": sent["delivery_id"],
        "webhook_id": "ehr",
        "event": "alert.opened",
        "occurred_at": AT,
        "alert_id": alert["alert_id"],
        "case_id": "fam-42",
        "severity": "warning",
        "revision": 1,
        "state": "waiting",
        "state_reason": None,
        "merged_into": None,
        "due_at": AT,
        "attempts": [],
    }


async def test_a_dry_run_and_old_stories_tell_nobody(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42/sessions/s1?dry_run=true", json=hostile())
    line = {"type": "session", "case_id": "fam-42", "session_id": "s1", **hostile()}
    headers = {"Content-Type": "application/x-ndjson"}
    batch = httpx.Request("POST", "http://x", json=line).content + b"\n"
    await client.post("/v1/batch?deliver=false", content=batch, headers=headers)
    assert len((await client.get("/v1/alerts")).json()["items"]) == 1
    assert await listed(client) == []
    await client.post("/v1/batch", content=batch.replace(b"s1", b"s2"), headers=headers)
    assert len(await listed(client)) == 1


async def test_a_test(client: httpx.AsyncClient) -> None:
    sent = (await client.post(f"{PATH}/test")).json()
    assert (sent["event"], sent["alert_id"], sent["state"]) == ("webhook.test", None, "waiting")
    assert await listed(client) == [sent]


async def test_attempts_and_sending_again(
    client: httpx.AsyncClient, engine: AsyncEngine, organization: UUID, clock: Clock
) -> None:
    sent = [(await client.post(f"{PATH}/test")).json()["delivery_id"] for _ in range(3)]
    await failed(engine, organization, clock)
    for item in await listed(client):
        assert (item["state"], item["state_reason"], item["due_at"]) == ("failed", "exhausted", None)
        assert item["attempts"] == [{"at": AT, "milliseconds": 15000, "status": None, "error": "timeout"}]
    clock.pass_by(hours=1)
    one = await client.post(f"{PATH}/replay", json={"delivery_ids": [sent[1], str(uuid4())]})
    assert one.json() == {"replayed": 1}
    states = {item["delivery_id"]: (item["state"], item["due_at"]) for item in await listed(client)}
    assert states[sent[1]] == ("waiting", "2026-06-01T13:00:00.000Z")
    assert states[sent[0]] == states[sent[2]] == ("failed", None)
    assert (await client.post(f"{PATH}/replay", json={"since": "2026-06-01T12:00:01Z"})).json() == {"replayed": 0}
    assert (await client.post(f"{PATH}/replay", json={"since": NOW.isoformat()})).json() == {"replayed": 2}
    assert {item["state"] for item in await listed(client)} == {"waiting"}


async def test_pages_and_states(
    client: httpx.AsyncClient, engine: AsyncEngine, organization: UUID, clock: Clock
) -> None:
    first = (await client.post(f"{PATH}/test")).json()["delivery_id"]
    await failed(engine, organization, clock)
    later = [(await client.post(f"{PATH}/test")).json()["delivery_id"] for _ in range(2)]
    one = (await client.get(f"{PATH}/deliveries", params={"limit": 2})).json()
    two = (await client.get(f"{PATH}/deliveries", params={"limit": 2, "cursor": one["next_cursor"]})).json()
    assert [item["delivery_id"] for item in one["items"] + two["items"]] == [later[1], later[0], first]
    assert [item["delivery_id"] for item in await listed(client, state="failed")] == [first]
    assert len(await listed(client, state=["failed", "waiting"])) == 3


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "", "ids-or-since"),
        ({"delivery_ids": [str(uuid4())], "since": AT}, "", "ids-or-since"),
        ({"delivery_ids": []}, "/delivery_ids", "too-few"),
        ({"delivery_ids": ["1"]}, "/delivery_ids/0", "bad-format"),
        ({"since": "yesterday"}, "/since", "bad-time"),
    ],
)
async def test_what_does_not_fit(client: httpx.AsyncClient, body: Document, pointer: str, code: str) -> None:
    refused = await client.post(f"{PATH}/replay", json=body)
    assert refused.status_code == 422
    assert [(item["pointer"], item["code"]) for item in refused.json()["errors"]] == [(pointer, code)]


async def test_what_is_not_there(client: httpx.AsyncClient) -> None:
    answers = [
        await client.get("/v1/webhooks/nobody/deliveries"),
        await client.post("/v1/webhooks/nobody/test"),
        await client.post("/v1/webhooks/nobody/replay", json={"since": AT}),
    ]
    assert {answered.status_code for answered in answers} == {404}
    await client.delete(PATH)
    assert (await client.post(f"{PATH}/test")).status_code == 404
    assert (await client.get(f"{PATH}/deliveries")).status_code == 200
