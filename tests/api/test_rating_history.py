"""Ratings as they are stored: found by each filter, in the order of their changes; every state one was in."""

import httpx
import pytest

from tests.api.bodies import Document, rating
from tests.api.conftest import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def six(client: httpx.AsyncClient, clock: Clock) -> httpx.AsyncClient:
    """Return a client of a clinic with six ratings, an hour between them; the third is then corrected."""
    for facts in (
        rating("ana", record_id="r-1"),
        rating("eva", record_id="r-2"),
        rating("ana", number=2, record_id="r-3"),
        rating("ana", case_id="fam-43", record_id="r-1"),
        rating("dr-7", about="member/ana"),
        rating(rater={"id": "ana", "role": "observer"}, about="family", instrument="core4", answers=CORE),
    ):
        answered = await client.post("/v1/ratings", json=facts)
        assert answered.status_code == 201, answered.text
        clock.pass_by(hours=1)
    third = (await client.get("/v1/ratings", params={"record_id": "r-3"})).json()["items"][0]
    body = rating("ana", 40.0, number=2, record_id="r-3")
    await client.put(f"/v1/ratings/{third['rating_id']}", json=body, headers={"If-Match": '"1"'})
    return client


CORE = dict.fromkeys(("empathy", "respect", "genuineness", "warmth"), 9.0)


def named(items: list[Document]) -> list[str]:
    """Return ratings by case, session, rater and kind of rater, shortly."""
    return [
        f"{item['case_id'][-2:]} {item['session_id']} {item['rater']['id']} {item['rater']['role']}" for item in items
    ]


ALL = [
    "42 s1 ana youth",
    "42 s1 eva parent",
    "43 s1 ana youth",
    "42 s1 dr-7 therapist",
    "42 s1 ana observer",
    "42 s2 ana youth",  # corrected last
]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ALL),
        ({"record_id": "r-1"}, ["42 s1 ana youth", "43 s1 ana youth"]),
        ({"record_id": ["r-1", "r-2"], "case_id": "fam-42"}, ALL[:2]),
        ({"case_id": "fam-43"}, ["43 s1 ana youth"]),
        ({"case_id": ["fam-43", "fam-44"]}, ["43 s1 ana youth"]),
        ({"session_id": "s2"}, ["42 s2 ana youth"]),
        ({"rater": "ana", "case_id": "fam-42"}, ["42 s1 ana youth", "42 s1 ana observer", "42 s2 ana youth"]),
        ({"rater": "member/ana", "session_id": "s1"}, ["42 s1 ana youth", "43 s1 ana youth"]),
        ({"rater": ["observer/ana", "eva"]}, ["42 s1 eva parent", "42 s1 ana observer"]),
        ({"rater": "therapist/ana"}, []),
        ({"changed_after": "2026-06-01T16:00:00Z"}, ["42 s1 ana observer", "42 s2 ana youth"]),
        ({"changed_after": "2026-06-01T18:00:00Z"}, []),
    ],
)
async def test_filters(six: httpx.AsyncClient, filters: Document, found: list[str]) -> None:
    answered = await six.get("/v1/ratings", params=filters)
    assert named(answered.json()["items"]) == found


@pytest.mark.parametrize("filters", [{"rater": "friend/ana"}, {"record_id": "r 1"}, {"changed_after": "2026"}])
async def test_filters_that_do_not_fit(client: httpx.AsyncClient, filters: Document) -> None:
    answered = await client.get("/v1/ratings", params=filters)
    assert answered.status_code == 422
    assert [item["pointer"] for item in answered.json()["errors"]] == [f"?{name}" for name in filters]


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
async def test_pages_meet_each_once(six: httpx.AsyncClient, limit: int) -> None:
    found: list[str] = []
    path: str | None = f"/v1/ratings?limit={limit}"
    while path is not None:
        answered = await six.get(path)
        found += named(answered.json()["items"])
        link = answered.headers.get("link")
        path = link.removeprefix("<").partition(">")[0] if link else None
    assert found == ALL


async def test_retracted_ones_are_found_too(six: httpx.AsyncClient, clock: Clock) -> None:
    first = (await six.get("/v1/ratings", params={"limit": 1})).json()["items"][0]
    clock.pass_by(hours=1)
    await six.delete(f"/v1/ratings/{first['rating_id']}", params={"reason": "withdrawn"})
    last = (await six.get("/v1/ratings")).json()["items"][-1]
    assert (last["rating_id"], last["state"], last["state_reason"]) == (first["rating_id"], "retracted", "withdrawn")
    shown = ("answers", "scores", "rater", "held_at", "record_id")
    assert [last[name] for name in shown] == [first[name] for name in shown]


async def test_every_state_newest_first(client: httpx.AsyncClient, clock: Clock) -> None:
    path = (await client.post("/v1/ratings", json=rating(total=90.0))).headers["location"]
    for revision, total in ((1, 80.0), (2, 70.0)):
        clock.pass_by(hours=1)
        await client.put(path, json=rating(total=total), headers={"If-Match": f'"{revision}"'})
    clock.pass_by(hours=1)
    await client.delete(path, params={"reason": "wrong-member"})
    states = (await client.get(f"{path}/revisions")).json()["items"]
    assert [(item["revision"], item["scores"]["total"]["percent"], item["state"]) for item in states] == [
        (4, 70.0, "retracted"),
        (3, 70.0, "live"),
        (2, 80.0, "live"),
        (1, 90.0, "live"),
    ]
    assert [item["state_reason"] for item in states] == ["wrong-member", None, None, None]
    assert [item["changed_at"][11:13] for item in states] == ["15", "14", "13", "12"]
    first = (await client.get(f"{path}/revisions", params={"limit": 3})).json()
    rest = (await client.get(f"{path}/revisions", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    assert [*first["items"], *rest["items"]] == states
    assert rest["next_cursor"] is None


async def test_an_id_that_is_none(client: httpx.AsyncClient) -> None:
    for path in ("/v1/ratings/42", "/v1/ratings/42/revisions"):
        answered = await client.get(path)
        assert answered.status_code == 422
        assert [item["pointer"] for item in answered.json()["errors"]] == ["path:rating_id"]
