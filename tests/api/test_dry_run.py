"""A dry run is answered as the real thing would be, and afterwards nothing is there."""

import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.grouping import MOST_BULK
from tests.api.bodies import Document, hostile, members, rating, session
from tests.api.conftest import NewKey, client_of
from tests.factories import CASE

pytestmark = pytest.mark.anyio

TABLES = ("cases", "sessions", "ratings", "revisions", "carries", "alerts", "audit")
OWN = {"rating_id", "alert_id", "dry_run"}  # what a second try makes anew, and what only the first says
LINES = {"Content-Type": "application/x-ndjson"}

WRITES: list[tuple[str, str, Document]] = [
    ("PUT", f"/v1/cases/{CASE}", {"members": members("eva", "ana")}),
    ("PATCH", f"/v1/cases/{CASE}", {"members": members("tom")}),
    ("PUT", f"/v1/cases/{CASE}/sessions/s1", session()),
    ("PATCH", f"/v1/cases/{CASE}/sessions/s4", hostile(4)),
    ("POST", "/v1/ratings", rating("eva", 40.0, 4)),
    ("POST", "/v1/ratings", rating("tom", 88.0, 2)),  # late
    ("POST", "/v1/ratings", rating("ana", 92.0, 2)),  # known
]


Stored = Callable[[], Awaitable[dict[str, list[str]]]]


@pytest.fixture
def stored(engine: AsyncEngine, organization: UUID) -> Stored:
    """Return what tells all that is stored of the organization."""

    async def tell() -> dict[str, list[str]]:
        found = {}
        async with engine.connect() as connection:
            for name in TABLES:
                mine = text(f"SELECT * FROM {name} WHERE organization_id = :mine")
                found[name] = sorted(map(str, await connection.execute(mine, {"mine": organization})))
        return found

    return tell


def without_own(document: Any) -> Any:
    if isinstance(document, dict):
        return {name: without_own(value) for name, value in document.items() if name not in OWN}
    return [without_own(item) for item in document] if isinstance(document, list) else document


async def course(client: httpx.AsyncClient) -> None:
    """Post three calm sessions and a fourth that is announced."""
    for number in (1, 2, 3):
        for who in ("eva", "ana"):
            (await client.post("/v1/ratings", json=rating(who, 90.0 + number, number))).raise_for_status()
    (await client.put(f"/v1/cases/{CASE}/sessions/s4", json=session(4))).raise_for_status()


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_says_what_would_be_and_stores_nothing(
    client: httpx.AsyncClient, stored: Stored, method: str, path: str, body: Document
) -> None:
    await course(client)
    before = await stored()
    dry = await client.request(method, f"{path}?dry_run=true", json=body)
    assert await stored() == before
    assert dry.json().pop("dry_run") is True
    assert not {"location", "etag"} & set(dry.headers)
    real = await client.request(method, f"{path}?dry_run=false", json=body)
    assert "dry_run" not in real.json()
    assert dry.status_code == 200
    assert without_own(dry.json()) == without_own(real.json())
    assert (await stored() != before) == (not real.json().get("replayed", False))


async def test_what_would_be_new_has_no_id(client: httpx.AsyncClient) -> None:
    await course(client)
    low, again = rating("eva", 40.0, 4), rating("eva", 90.0, 4)
    dry = (await client.post("/v1/ratings?dry_run=true", json=low)).json()
    assert dry["rating_id"] is None
    assert [alert["alert_id"] for alert in dry["alerts"]] == [None] * len(dry["alerts"]) != []
    known = (await client.post("/v1/ratings", json=low)).json()
    path, ids = f"/v1/ratings/{known['rating_id']}", {alert["alert_id"] for alert in known["alerts"]}
    dry = (await client.put(f"{path}?dry_run=true", json=low, headers={"If-Match": '"1"'})).json()
    assert (dry["rating_id"], {alert["alert_id"] for alert in dry["alerts"]}) == (known["rating_id"], ids)
    assert (await client.put(f"{path}?dry_run=true", json=again, headers={"If-Match": '"1"'})).json()["alerts"] == []


async def test_refuses_what_the_real_one_would(client: httpx.AsyncClient) -> None:
    await course(client)
    other = rating("ana", 50.0, 2)
    dry, real = [await client.post(f"/v1/ratings{query}", json=other) for query in ("?dry_run=true", "")]
    assert (dry.status_code, dry.json()) == (409, real.json())


async def test_corrections_and_retractions_too(client: httpx.AsyncClient, stored: Stored) -> None:
    known = await client.post("/v1/ratings", json=rating())
    path, before = known.headers["location"], await stored()
    put = await client.put(f"{path}?dry_run=true", json=rating(total=50.0), headers={"If-Match": '"1"'})
    assert (put.status_code, put.json()["revision"], put.json()["scores"]["total"]["percent"]) == (200, 2, 50.0)
    gone = await client.delete(f"{path}?dry_run=true&reason=withdrawn")
    assert (gone.status_code, gone.json()["state"]) == (200, "retracted")
    assert await stored() == before


async def test_is_no_way_to_ask_for_what_one_may_not_read(app: FastAPI, new_key: NewKey) -> None:
    async with client_of(app, await new_key("ratings:write", "cases:write", "alerts:read")) as writer:
        answers = [await writer.request(method, f"{path}?dry_run=true", json=body) for method, path, body in WRITES]
        answers.append(await writer.post("/v1/batch?dry_run=true", content=b"", headers=LINES))
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(403, "missing-scope")}


async def test_another_word_is_refused(client: httpx.AsyncClient, stored: Stored) -> None:
    before = await stored()
    answered = await client.post("/v1/ratings?dry_run=yes", json=rating())
    assert answered.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answered.json()["errors"]] == [("?dry_run", "not-a-boolean")]
    assert await stored() == before


@pytest.mark.parametrize("call", ["handling", "repairs"])
async def test_what_knows_no_dry_run_says_so(client: httpx.AsyncClient, stored: Stored, call: str) -> None:
    await client.put(f"/v1/cases/{CASE}/sessions/s1", json=hostile())
    (alert,) = (await client.get("/v1/alerts")).json()["items"]
    before, act = await stored(), {"id": "h-1", "action": "acknowledge", "by": "dr-7"}
    answered = await client.post(f"/v1/alerts/{alert['alert_id']}/{call}?dry_run=true", json=act)
    assert (answered.status_code, answered.json()["errors"][0]["pointer"]) == (422, "?dry_run")
    assert await stored() == before


async def test_a_batch_is_one_story(client: httpx.AsyncClient, stored: Stored) -> None:
    """Each line sees those before it, as it would; blank lines count as they do otherwise."""
    told = [
        {"type": "case", "case_id": CASE, "membership": "fixed", "members": members("ana")},
        {"type": "rating", **rating("ana")},
        {"type": "rating", **rating("ana")},
        {"type": "rating", **rating("tom")},
    ]
    content = "\n\n".join(json.dumps(line) for line in told) + "\nno line\n"
    before = await stored()
    dry = await client.post("/v1/batch?dry_run=true", content=content, headers=LINES)
    assert await stored() == before
    real = await client.post("/v1/batch", content=content, headers=LINES)
    ours, theirs = ([json.loads(line) for line in answer.text.splitlines()] for answer in (dry, real))
    assert [(line.get("line"), line.get("status")) for line in ours] == [
        (1, 201), (3, 201), (5, 200), (7, 422), (8, 400), (None, None),
    ]  # fmt: skip
    assert [line["id"] for line in ours[:3]] == [CASE, None, None]  # what is not stored has none
    assert [{**line, "id": None} for line in ours] == [{**line, "id": None} for line in theirs]


@pytest.mark.parametrize(("count", "status"), [(MOST_BULK, 200), (MOST_BULK + 1, 413)])
async def test_a_batch_must_be_short(client: httpx.AsyncClient, count: int, status: int) -> None:
    answered = await client.post("/v1/batch?dry_run=true", content=b"x\n" * count, headers=LINES)
    assert answered.status_code == status
