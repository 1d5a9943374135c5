"""Backtests over the API: what is tried is checked, what would differ is shown, and nothing else happens."""

from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.working import do_all
from tests.api.bodies import Document, backtest, rating

pytestmark = pytest.mark.anyio

PATH = "/v1/backtests"
LOSS = "trust-bond-loss"


@pytest.fixture
async def alerts(client: httpx.AsyncClient) -> list[Document]:
    """Return the alerts of a course in which Ana's bond falls."""
    for number, mark in enumerate((90.0, 90.0, 90.0, 90.0, 30.0), 1):
        await client.post("/v1/ratings", json=rating("ana", mark, number))
    found: list[Document] = (await client.get("/v1/alerts")).json()["items"]
    assert LOSS in {alert["rule"] for alert in found}
    return found


async def get(client: httpx.AsyncClient, path: str) -> Document:
    answered = await client.get(path)
    assert answered.status_code == 200
    body: Document = answered.json()
    return body


async def test_from_its_beginning_to_its_end(
    client: httpx.AsyncClient, engine: AsyncEngine, alerts: list[Document]
) -> None:
    asked = await client.post(PATH, json=backtest())
    assert (asked.status_code, asked.headers["location"]) == (201, f"{PATH}/b-1")
    trial = {LOSS: {"mode": "off", "parameters": {}}}
    assert (asked.json()["state"], asked.json()["program"], asked.json()["trial"]) == ("waiting", None, trial)
    await do_all(engine)
    done = await get(client, f"{PATH}/b-1")
    assert (done["state"], done["cases_done"], done["member_sessions"]) == ("done", 1, 5)
    assert {name: count for name, count in done["rules"][LOSS].items() if count} == {
        "before": 1,
        "vanished": 1,
        "before_per_100": 20.0,
    }
    (gone,) = [item for item in (await get(client, f"{PATH}/b-1/differences"))["items"] if item["rule"] == LOSS]
    (alert,) = [item for item in alerts if item["rule"] == LOSS]
    assert (gone["change"], gone["alert_id"], gone["after"]) == ("vanished", None, None)
    assert gone["before"]["opened_held_at"] == alert["opened_held_at"]
    assert await get(client, PATH) == {"items": [{**done, "rules": None}], "next_cursor": None}
    assert (await client.get("/v1/alerts")).json()["items"] == alerts
    assert (await get(client, "/v1/reassessments"))["items"] == []


async def test_asking_again_and_cancelling(
    client: httpx.AsyncClient, engine: AsyncEngine, alerts: list[Document]
) -> None:
    asked = await client.post(PATH, json=backtest(bond_below=70))
    again = await client.post(PATH, json=backtest(bond_below=70.0))
    assert (again.status_code, again.json()) == (200, asked.json())
    other = await client.post(PATH, json=backtest(bond_below=71))
    assert (other.status_code, other.json()["code"]) == (409, "job-differs")
    cancelled = await client.delete(f"{PATH}/b-1")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    assert (await client.delete(f"{PATH}/b-9")).status_code == 404
    assert (await client.get(f"{PATH}/b-9/differences")).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"id": "b-1"}, "/rules", "missing"),
        ({"id": "b-1", "rules": {}}, "/rules", "too-few"),
        ({**backtest(), "program": "No Code"}, "/program", "bad-format"),
        (backtest(mode="loud"), f"/rules/{LOSS}/mode", "unknown-value"),
        (backtest(bond_below="low"), f"/rules/{LOSS}/parameters/bond_below", "not-a-number"),
        (backtest(bond_below=-1), f"/rules/{LOSS}/parameters/bond_below", "out-of-range"),
        (backtest(nothing=1), f"/rules/{LOSS}/parameters/nothing", "unknown-field"),
        ({"id": "b-1", "rules": {"no-rule": {}}}, "/rules/no-rule", "unknown-value"),
        ({"id": "b-1", "rules": {LOSS: {"severity": "info"}}}, f"/rules/{LOSS}/severity", "unknown-field"),
    ],
)
async def test_what_does_not_fit(client: httpx.AsyncClient, body: Document, pointer: str, code: str) -> None:
    refused = await client.post(PATH, json=body)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert [(item["pointer"], item["code"]) for item in refused.json()["errors"]] == [(pointer, code)]
    assert (await get(client, PATH))["items"] == []


@pytest.mark.parametrize("query", [{"dry_run": "true"}, {"dry_run": "false"}])
async def test_it_knows_no_dry_run(client: httpx.AsyncClient, query: dict[str, Any]) -> None:
    assert (await client.post(PATH, json=backtest(), params=query)).status_code == 422
