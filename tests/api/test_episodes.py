"""Episodes over the API: confirmed once, corrected by another one, listed; who hears what."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from tests.api.bodies import Document, calm, episode, hostile, session
from tests.api.conftest import Clock, NewKey, client_of

pytestmark = pytest.mark.anyio

PATH = "/v1/cases/fam-42/episodes"


@pytest.fixture
async def alert_id(client: httpx.AsyncClient) -> str:
    """Return the id of the one alert of a case."""
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile())
    (alert,) = (await client.get("/v1/alerts")).json()["items"]
    found: str = alert["alert_id"]
    return found


async def listed(client: httpx.AsyncClient, **query: Any) -> Document:
    answered = await client.get(PATH, params=query)
    assert answered.status_code == 200
    body: Document = answered.json()
    return body


def shown(alert_id: str, **facts: Any) -> Document:
    at = "2026-06-01T12:00:00.000Z"
    return {**episode(alert_id), "case_id": "fam-42", "at": at, "replaces": None, "replaced_by": None, **facts}


async def test_confirmed_and_again(client: httpx.AsyncClient, clock: Clock, alert_id: str) -> None:
    before = (await client.get(f"/v1/alerts/{alert_id}")).json()
    answered = await client.post(PATH, json=episode(alert_id))
    assert (answered.status_code, answered.json()) == (200, shown(alert_id))
    clock.pass_by(hours=1)
    disorderly = episode(alert_id, alert_id.upper(), members=["member/ana", "member/ana"], at=None)
    again = await client.post(PATH, json=disorderly)
    assert (again.status_code, again.json()) == (200, answered.json())
    assert await listed(client) == {"items": [answered.json()], "next_cursor": None}
    assert (await client.get(f"/v1/alerts/{alert_id}")).json() == before


async def test_a_correction(client: httpx.AsyncClient, clock: Clock, alert_id: str) -> None:
    await client.post(PATH, json=episode(alert_id))
    clock.pass_by(hours=1)
    better = episode(alert_id, key="e-0", outcome="unrepaired", tried=["validation", "own-part"], replaces="e-1")
    answered = await client.post(PATH, json=better)
    assert answered.json()["tried"] == ["own-part", "validation"]
    first, second = (await listed(client))["items"]
    assert first == shown(alert_id, replaced_by="e-0")
    assert (second, second["outcome"]) == (answered.json(), "unrepaired")
    one = await listed(client, limit=1)
    rest = await listed(client, limit=1, cursor=one["next_cursor"])
    assert (one["items"] + rest["items"], rest["next_cursor"]) == ([first, second], None)


async def test_an_id_that_was_used_and_one_that_was_replaced(client: httpx.AsyncClient, alert_id: str) -> None:
    await client.post(PATH, json=episode(alert_id))
    differs = await client.post(PATH, json=episode(alert_id, outcome="lost"))
    assert (differs.status_code, differs.json()["code"]) == (409, "episode-differs")
    await client.post(PATH, json=episode(alert_id, key="e-2", replaces="e-1"))
    late = await client.post(PATH, json=episode(alert_id, key="e-3", replaces="e-1"))
    assert (late.status_code, late.json()["code"]) == (409, "episode-replaced")
    assert len((await listed(client))["items"]) == 2


async def test_good_news_is_no_part_of_a_rupture(client: httpx.AsyncClient, alert_id: str) -> None:
    for number in (2, 3):
        await client.put(f"/v1/cases/fam-42/sessions/s{number}", json=calm(number))
    (good,) = (await client.get("/v1/alerts", params={"tone": "good-news"})).json()["items"]
    answered = await client.post(PATH, json=episode(alert_id, good["alert_id"]))
    assert (answered.status_code, answered.json()["code"]) == (409, "good-news")
    assert (await listed(client))["items"] == []
    assert (await client.post(PATH, json=episode(alert_id))).status_code == 200


@pytest.mark.parametrize(
    ("facts", "pointer", "code"),
    [
        ({"alert_ids": []}, "/alert_ids", "too-few"),
        ({"alert_ids": ["a1"]}, "/alert_ids/0", "bad-format"),
        ({"members": []}, "/members", "too-few"),
        ({"members": ["family"]}, "/members/0", "bad-format"),
        ({"tried": ["hug"]}, "/tried/0", "unknown-value"),
        ({"outcome": "better"}, "/outcome", "unknown-value"),
        ({"by": "therapist"}, "/by", "reserved-id"),
        ({"first_session_id": "-"}, "/first_session_id", "bad-format"),
        ({"note": "x"}, "/note", "unknown-field"),
    ],
)
async def test_what_does_not_fit(
    client: httpx.AsyncClient, alert_id: str, facts: Document, pointer: str, code: str
) -> None:
    answered = await client.post(PATH, json=episode(alert_id, **facts))
    assert answered.status_code == 422
    assert [(item["pointer"], item["code"]) for item in answered.json()["errors"]] == [(pointer, code)]
    assert (await listed(client))["items"] == []


async def test_alerts_of_another_case_or_of_none_are_not_there(client: httpx.AsyncClient, alert_id: str) -> None:
    await client.put("/v1/cases/other/sessions/s1", json=session())
    for path, alerts in (
        (PATH, [alert_id, str(uuid4())]),
        ("/v1/cases/other/episodes", [alert_id]),
        ("/v1/cases/nobody/episodes", [alert_id]),
    ):
        answered = await client.post(path, json=episode(*alerts))
        assert (answered.status_code, answered.json()["code"]) == (404, "not-found")
    for case_id in ("other", "nobody"):  # without alerts, as good as not there
        assert (await client.get(f"/v1/cases/{case_id}/episodes")).status_code == 404


async def test_a_key_that_only_handles_hears_what_it_told(
    app: FastAPI, client: httpx.AsyncClient, alert_id: str, new_key: NewKey
) -> None:
    async with client_of(app, await new_key("alerts:handle")) as handler:
        assert (await handler.post(PATH, json=episode(alert_id))).json() == shown(alert_id)
        assert (await handler.get(PATH)).status_code == 403
    assert len((await listed(client))["items"]) == 1
