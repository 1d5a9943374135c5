"""Cursors: opaque, of one list and its filters, refused when they are none of ours; the Link to the next page."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import httpx
import pytest

from tests.api.bodies import Document, hostile, rating

pytestmark = pytest.mark.anyio


@pytest.fixture
async def three(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Return a client of a clinic with three cases, and in the first of them three ratings and sessions."""
    for case_id in ("a", "b", "c"):
        await client.put(f"/v1/cases/{case_id}", json={})
    for number in (1, 2, 3):
        await client.post("/v1/ratings", json=rating(total=30.0, number=number, case_id="a"))
        await client.put(f"/v1/cases/a{number}/sessions/s1", json=hostile())
    return client


PLACES: list[Any] = [
    *([], {"a": 1}, "x", [1.5], [None], [[]], [True], ["x", "y", "z"], [1, 2], [2**70], ["\x00"], ["\ud800"]),
    ["2026-01-01T00:00:00", "x"],  # no offset
    ["0001-01-01T00:00:00+14:00", "x"],
    ["9999-12-31T23:59:59-14:00", "00000000-0000-7000-8000-000000000000"],
    ["2026-01-01T00:00:00Z", "\x00"],
    [20260101, "x"],
]
LISTS = ["/v1/cases", "/v1/cases/a/sessions", "/v1/ratings", "/v1/ratings?rater=ana", "/v1/alerts?state=open"]


async def cursor(client: httpx.AsyncClient, path: str) -> str:
    found: str = (await client.get(path, params=_with(path, limit=1))).json()["next_cursor"]
    return found


def _with(path: str, **more: Any) -> Document:
    return {**dict(httpx.URL(path).params), **more}


@pytest.mark.parametrize("path", LISTS)
async def test_the_link_leads_to_the_next_page(three: httpx.AsyncClient, path: str) -> None:
    first = await three.get(path, params=_with(path, limit=1))
    link, rel = first.headers["link"].split("; ")
    assert rel == 'rel="next"'
    assert link.startswith("</v1/")  # whatever the host, behind whatever proxy
    second = await three.get(link.strip("<>"))
    assert second.json()["items"] != first.json()["items"]
    by_cursor = await three.get(path, params=_with(path, limit=1, cursor=first.json()["next_cursor"]))
    assert by_cursor.json() == second.json()


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("broken", ["", "x", "!", "ä", "null", "e30", "WyJhIl0", "A" * 1000])
async def test_a_cursor_that_is_none_of_ours(three: httpx.AsyncClient, path: str, broken: str) -> None:
    answered = await three.get(path, params=_with(path, cursor=broken))
    assert (answered.status_code, answered.json()["code"]) == (400, "bad-cursor")


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_of_another_list(three: httpx.AsyncClient, path: str) -> None:
    for other in set(LISTS) - {path}:
        answered = await three.get(other, params=_with(other, cursor=await cursor(three, path)))
        assert (answered.status_code, answered.json()["code"]) == (400, "bad-cursor")


@pytest.mark.parametrize("path", LISTS)
async def test_a_cursor_whose_place_was_changed(three: httpx.AsyncClient, path: str) -> None:
    found = await cursor(three, path)
    of, _ = json.loads(urlsafe_b64decode(found + "=="))
    for place in PLACES:
        forged = urlsafe_b64encode(json.dumps([of, place]).encode()).decode().rstrip("=")
        answered = await three.get(path, params=_with(path, cursor=forged))
        assert (answered.status_code, answered.json()["code"]) == (400, "bad-cursor"), place


async def test_the_order_of_filters_does_not_matter(three: httpx.AsyncClient) -> None:
    found = (await three.get("/v1/ratings?case_id=a&rater=ana&case_id=b&limit=1")).json()["next_cursor"]
    answered = await three.get(f"/v1/ratings?limit=2&rater=ana&case_id=b&cursor={found}&case_id=a")
    assert len(answered.json()["items"]) == 2
    assert (await three.get(f"/v1/ratings?rater=eva&case_id=a&cursor={found}")).status_code == 400


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "1.5", ""])
async def test_how_many_at_most(client: httpx.AsyncClient, limit: str) -> None:
    answered = await client.get("/v1/cases", params={"limit": limit})
    assert answered.status_code == 422
    assert [item["pointer"] for item in answered.json()["errors"]] == ["?limit"]


async def test_fifty_unless_told_otherwise(client: httpx.AsyncClient) -> None:
    lines = "".join(json.dumps({"type": "case", "case_id": f"c{number}"}) + "\n" for number in range(51))
    headers = {"Content-Type": "application/x-ndjson"}
    assert (await client.post("/v1/batch", content=lines, headers=headers)).status_code == 200
    first = (await client.get("/v1/cases")).json()
    rest = (await client.get("/v1/cases", params={"cursor": first["next_cursor"]})).json()
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (50, 1, None)
    assert len((await client.get("/v1/cases", params={"limit": 200})).json()["items"]) == 51
