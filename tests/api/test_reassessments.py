"""Reassessments over the API: begun once, followed, cancelled; a dry run shows the difference and changes nothing."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import transaction
from service.working import do_all
from tests.api.bodies import Document, hostile, rating, session
from tests.api.conftest import NewKey, client_of

pytestmark = pytest.mark.anyio

PATH = "/v1/reassessments"
MARKS = (90.0, 90.0, 90.0, 90.0, 30.0)
COUNTS = {"before", "after", "appeared", "vanished", "moved", "before_per_100", "after_per_100"}
MOVES = {"opened_earlier", "opened_later", "more_severe", "less_severe", "ended_otherwise"}


@pytest.fixture
async def alerts(client: httpx.AsyncClient, engine: AsyncEngine, organization: UUID) -> list[Document]:
    """Return the alerts of a course, of which one was forgotten as if its rule were new."""
    for number, mark in enumerate(MARKS, 1):
        await client.post("/v1/ratings", json=rating("ana", mark, number))
    found: list[Document] = (await client.get("/v1/alerts")).json()["items"]
    assert len(found) > 1
    async with transaction(engine, organization) as db:
        await db.driver.execute("DELETE FROM alerts WHERE alert_id = $1", UUID(found[0]["alert_id"]))
    return found


async def begun(client: httpx.AsyncClient, key: str = "j-1", **query: Any) -> Document:
    answered = await client.post(PATH, json={"id": key}, params=query)
    assert (answered.status_code, answered.headers["location"]) == (201, f"{PATH}/{key}")
    body: Document = answered.json()
    return body


async def get(client: httpx.AsyncClient, path: str) -> Document:
    answered = await client.get(path)
    assert answered.status_code == 200
    body: Document = answered.json()
    return body


async def test_from_its_beginning_to_its_end(
    client: httpx.AsyncClient, engine: AsyncEngine, alerts: list[Document]
) -> None:
    asked = await begun(client)
    waiting = {
        "id": "j-1",
        "state": "waiting",
        "dry_run": False,
        "cases": 1,
        "cases_done": 0,
        "cases_failed": 0,
        "alerts_changed": 0,
        "member_sessions": 0,
        "created_at": "2026-06-01T12:00:00.000Z",
        "ended_at": None,
        "rules": None,
    }
    assert asked == waiting
    assert await get(client, f"{PATH}/j-1") == {**waiting, "rules": {}}
    await do_all(engine)
    done = await get(client, f"{PATH}/j-1")
    assert (done["state"], done["cases_done"], done["alerts_changed"], done["member_sessions"]) == ("done", 1, 1, 5)
    assert done["ended_at"] > done["created_at"]
    missing = alerts[0]["rule"]
    assert set(done["rules"]) == {alert["rule"] for alert in alerts}
    assert set(done["rules"][missing]) == COUNTS | MOVES
    counted = {name: count for name, count in done["rules"][missing].items() if count}
    assert counted == {"after": 1, "appeared": 1, "after_per_100": 20.0}  # one alert in five member-sessions
    assert await get(client, PATH) == {"items": [{**done, "rules": None}], "next_cursor": None}
    shown = {alert["rule"]: alert["origin"] for alert in (await get(client, "/v1/alerts"))["items"]}
    assert shown == {alert["rule"]: "live" for alert in alerts} | {missing: "reassessment"}
    assert (await get(client, f"{PATH}/j-1/differences"))["items"] == []


async def test_a_dry_run_shows_the_difference(
    client: httpx.AsyncClient, engine: AsyncEngine, alerts: list[Document]
) -> None:
    assert (await begun(client, dry_run="true"))["dry_run"] is True
    before = await get(client, "/v1/alerts")
    await do_all(engine)
    assert await get(client, "/v1/alerts") == before
    done = await get(client, f"{PATH}/j-1")
    assert (done["state"], done["alerts_changed"]) == ("done", 1)
    missing = alerts[0]
    assert await get(client, f"{PATH}/j-1/differences") == {
        "items": [
            {
                "case_id": "fam-42",
                "rule": missing["rule"],
                "subject": missing["subject"],
                "change": "appeared",
                "moves": [],
                "alert_id": None,
                "before": None,
                "after": {
                    name: missing[name]
                    for name in (
                        "rule_version",
                        "severity",
                        "state",
                        "state_reason",
                        "opened_session_id",
                        "opened_held_at",
                    )
                },
            }
        ],
        "next_cursor": None,
    }


async def test_asking_again(client: httpx.AsyncClient, engine: AsyncEngine, alerts: list[Document]) -> None:
    asked = await begun(client)
    again = await client.post(PATH, json={"id": "j-1"})
    assert (again.status_code, again.json()) == (200, asked)
    other = await client.post(PATH, json={"id": "j-1"}, params={"dry_run": "true"})
    assert (other.status_code, other.json()["code"]) == (409, "job-differs")
    await do_all(engine)
    assert (await client.post(PATH, json={"id": "j-1"})).json()["state"] == "done"


async def test_cancelled(client: httpx.AsyncClient, engine: AsyncEngine, alerts: list[Document]) -> None:
    await begun(client)
    before = await get(client, "/v1/alerts")
    cancelled = await client.delete(f"{PATH}/j-1")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert cancelled.json()["ended_at"] == "2026-06-01T12:00:00.000Z"
    await do_all(engine)
    assert await get(client, "/v1/alerts") == before
    assert (await client.delete(f"{PATH}/j-1")).json() == cancelled.json()


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/id", "missing"),
        ({"id": "no spaces"}, "/id", "bad-format"),
        ({"id": "j-1", "dry_run": True}, "/dry_run", "unknown-field"),
        ({"id": 7}, "/id", "not-a-string"),
    ],
)
async def test_what_does_not_fit(client: httpx.AsyncClient, body: Document, pointer: str, code: str) -> None:
    refused = await client.post(PATH, json=body)
    assert refused.status_code == 422
    assert [(item["pointer"], item["code"]) for item in refused.json()["errors"]] == [(pointer, code)]
    assert (await get(client, PATH))["items"] == []


async def test_page_by_page(client: httpx.AsyncClient, engine: AsyncEngine, organization: UUID) -> None:
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile())
    await client.put("/v1/cases/fam-43/sessions/s1", json=hostile())
    async with transaction(engine, organization) as db:
        await db.driver.execute("DELETE FROM alerts WHERE organization_id = $1", organization)
    for key in ("j-1", "j-2"):
        await begun(client, key, dry_run="true")
    await do_all(engine)
    for path, name, expected in (
        (PATH, "id", ["j-2", "j-1"]),
        (f"{PATH}/j-1/differences", "case_id", ["fam-42", "fam-43"]),
    ):
        first = await get(client, f"{path}?limit=1")
        last = await get(client, f"{path}?limit=1&cursor={first['next_cursor']}")
        assert [item[name] for item in (*first["items"], *last["items"])] == expected
        assert last["next_cursor"] is None
        assert (await client.get(f"{path}?cursor=nonsense")).status_code == 400


async def test_what_is_not_there(client: httpx.AsyncClient) -> None:
    for path in (f"{PATH}/j-9", f"{PATH}/j-9/differences"):
        assert (await client.get(path)).status_code == 404
    assert (await client.delete(f"{PATH}/j-9")).status_code == 404
    odd = await client.get(f"{PATH}/no spaces")
    assert odd.status_code == 422
    assert "spaces" not in odd.text


async def test_a_dry_run_is_no_way_to_learn_what_one_may_not_read(
    app: FastAPI, new_key: NewKey, client: httpx.AsyncClient, engine: AsyncEngine, alerts: list[Document]
) -> None:
    async with client_of(app, await new_key("admin")) as admin:
        refused = await admin.post(PATH, json={"id": "j-1"}, params={"dry_run": "true"})
        assert (refused.status_code, refused.json()["code"]) == (403, "missing-scope")
        await begun(client, dry_run="true")
        await do_all(engine)
        assert (await admin.get(f"{PATH}/j-1")).status_code == 200
        assert (await admin.get(f"{PATH}/j-1/differences")).status_code == 403
    async with client_of(app, await new_key("admin", "course:read")) as reader:
        assert (await reader.post(PATH, json={"id": "j-2"}, params={"dry_run": "true"})).status_code == 201


async def test_what_a_safety_hold_keeps_quiet_about_is_no_difference(
    client: httpx.AsyncClient, engine: AsyncEngine, organization: UUID
) -> None:
    seen = {"kind": "side-taking", "from": "therapist/dr-7", "toward": "member/eva", "severity": 2}
    told = {"i1": {**seen, "source": "observer/o1"}}
    await client.put("/v1/cases/fam-42/sessions/s1", json=session(1, indicators_observed=True, indicators=told))
    await client.put("/v1/cases/fam-42/sessions/s2", json=hostile(2))
    async with transaction(engine, organization) as db:
        await db.driver.execute("DELETE FROM alerts WHERE organization_id = $1", organization)
    await begun(client, dry_run="true")
    await do_all(engine)

    async def rules_told() -> list[str]:
        return [item["rule"] for item in (await get(client, f"{PATH}/j-1/differences"))["items"]]

    assert await rules_told() == ["hostility-to-therapist", "side-taking"]
    await client.patch("/v1/cases/fam-42", json={"safety_hold": True})
    assert await rules_told() == ["hostility-to-therapist"]
