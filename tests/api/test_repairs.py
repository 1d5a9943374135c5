"""Repairs over the API: one tap, its repeat, what does not fit, who hears what, and how alerts show them."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from service.domain.next_steps import NEXT_STEPS
from tests.api.bodies import Document, calm, hostile, indicator, repair, session
from tests.api.conftest import Clock, NewKey, client_of

pytestmark = pytest.mark.anyio

WITH_ANA = ["member/ana"]


class Repairing:
    """One alert and what is tried about it."""

    def __init__(self, client: httpx.AsyncClient, alert_id: str) -> None:
        self.client = client
        self.path = f"/v1/alerts/{alert_id}"

    async def tell(self, key: str = "r-1", /, **facts: Any) -> httpx.Response:
        return await self.client.post(f"{self.path}/repairs", json=repair(key, **facts))

    async def read(self) -> Document:
        body: Document = (await self.client.get(self.path)).json()
        return body

    async def told(self, **query: Any) -> Document:
        answered = await self.client.get(f"{self.path}/repairs", params=query)
        assert answered.status_code == 200
        body: Document = answered.json()
        return body


async def alert_after(client: httpx.AsyncClient, body: Document) -> Document:
    """Return the only alert after a session."""
    await client.put("/v1/cases/fam-42/sessions/s1", json=body)
    (alert,) = (await client.get("/v1/alerts")).json()["items"]
    found: Document = alert
    return found


@pytest.fixture
async def repairing(client: httpx.AsyncClient) -> Repairing:
    return Repairing(client, (await alert_after(client, hostile()))["alert_id"])


async def test_good_news_asks_for_no_repair(client: httpx.AsyncClient, repairing: Repairing) -> None:
    for number in (2, 3):
        await client.put(f"/v1/cases/fam-42/sessions/s{number}", json=calm(number))
    (good,) = (await client.get("/v1/alerts", params={"tone": "good-news"})).json()["items"]
    answered = await Repairing(client, good["alert_id"]).tell()
    assert (answered.status_code, answered.json()["code"]) == (409, "good-news")
    assert (await client.get(f"/v1/alerts/{good['alert_id']}")).json() == good
    assert (await repairing.tell()).status_code == 200  # what it recovered from may be told of still


async def test_one_tap_and_its_repeat(repairing: Repairing, clock: Clock) -> None:
    before = await repairing.read()
    assert before["last_repair"] is None
    clock.pass_by(hours=1)
    answered = await repairing.tell(at="2026-06-01T12:30:00Z")
    body = answered.json()
    assert answered.status_code == 200
    assert body["last_repair"] == {**repair(), "at": "2026-06-01T12:30:00.000Z"}
    moved = {"last_repair": body["last_repair"], "revision": 2, "changed_at": "2026-06-01T13:00:00.000Z"}
    assert body == {**before, **moved}  # neither its state nor its handling
    clock.pass_by(hours=1)
    again = await repairing.tell(at="2026-06-01T14:30:00+02:00")
    assert (again.status_code, again.json(), again.headers["etag"]) == (200, body, '"2"')
    assert await repairing.read() == body
    assert await repairing.told() == {"items": [body["last_repair"]], "next_cursor": None}


async def test_whom_it_was_tried_with_has_no_order(repairing: Repairing) -> None:
    two = ["member/eva", "member/ana"]
    first = (await repairing.tell(**{"with": two})).json()
    assert first["last_repair"]["with"] == ["member/ana", "member/eva"]
    again = await repairing.tell(**{"with": ["member/ana", "member/eva", "member/ana"]})
    assert (again.status_code, again.json()) == (200, first)


async def test_the_same_at_once_is_one(repairing: Repairing) -> None:
    answers = await asyncio.gather(*(repairing.tell() for _ in range(4)))
    assert {answered.status_code for answered in answers} == {200}
    assert len((await repairing.told())["items"]) == 1
    assert (await repairing.read())["revision"] == 2


@pytest.mark.parametrize(
    "other",
    [{"went": 3}, {"next_step": "own-part"}, {"with": ["family"]}, {"by": "dr-8"}, {"at": "2026-05-01T12:00:00Z"}],
)
async def test_the_same_id_with_other_content(repairing: Repairing, other: Document) -> None:
    await repairing.tell()
    before = await repairing.read()
    answered = await repairing.tell(**other)
    assert (answered.status_code, answered.json()["code"]) == (409, "repair-differs")
    assert await repairing.read() == before
    assert len((await repairing.told())["items"]) == 1


async def test_all_are_listed_and_the_last_one_is_shown(repairing: Repairing, clock: Clock) -> None:
    for number, step in enumerate(("check-in", "own-part", "validation"), 1):
        clock.pass_by(hours=1)
        await repairing.tell(f"r-{number}", next_step=step, went=number, **{"with": WITH_ANA})
    assert (await repairing.read())["last_repair"]["next_step"] == "validation"
    first = await repairing.told(limit=2)
    rest = await repairing.told(limit=2, cursor=first["next_cursor"])
    assert [item["went"] for item in first["items"] + rest["items"]] == [1, 2, 3]
    assert rest["next_cursor"] is None
    late = (await repairing.tell("r-1", next_step="check-in", went=1)).json()  # a late repeat of the first
    assert late["last_repair"]["id"] == "r-3"


async def test_it_stays_whatever_the_course_does(client: httpx.AsyncClient, repairing: Repairing) -> None:
    last = (await repairing.tell()).json()["last_repair"]
    await client.put("/v1/cases/fam-42/sessions/s2", json=hostile(2))  # rises to critical
    body = await repairing.read()
    assert (body["severity"], body["last_repair"]) == ("critical", last)
    (concern,) = (await client.get("/v1/cases/fam-42/course")).json()["concerns"]
    assert concern == body
    for number in (1, 2):
        await client.put(f"/v1/cases/fam-42/sessions/s{number}", json=session(number))
    assert [(await repairing.read())[name] for name in ("state", "last_repair")] == ["retracted", last]


@pytest.mark.parametrize("step", sorted(NEXT_STEPS))
async def test_every_step_may_have_been_tried(repairing: Repairing, step: str) -> None:
    assert (await repairing.tell(next_step=step)).json()["last_repair"]["next_step"] == step


@pytest.mark.parametrize(
    ("facts", "pointer", "code"),
    [
        ({"next_step": "hug"}, "/next_step", "unknown-value"),
        ({"next_step": None}, "/next_step", "not-a-string"),
        ({"went": 0}, "/went", "greater-than-equal"),
        ({"went": 6}, "/went", "less-than-equal"),
        ({"went": 4.0}, "/went", "not-integer"),
        ({"with": []}, "/with", "too-few"),
        ({"with": ["family"] * 17}, "/with", "too-many"),
        ({"with": ["ana"]}, "/with/0", "bad-format"),
        ({"by": "family"}, "/by", "reserved-id"),
        ({"at": "yesterday"}, "/at", "bad-time"),
        ({"note": "x"}, "/note", "unknown-field"),
    ],
)
async def test_what_does_not_fit(repairing: Repairing, facts: Document, pointer: str, code: str) -> None:
    answered = await repairing.tell(**facts)
    assert answered.status_code == 422
    assert [(item["pointer"], item["code"]) for item in answered.json()["errors"]] == [(pointer, code)]
    assert (await repairing.read())["revision"] == 1


async def test_a_clock_that_runs_fast_is_set_to_ours(repairing: Repairing) -> None:
    body = (await repairing.tell(at="2031-01-01T00:00:00Z")).json()
    assert body["last_repair"]["at"] == "2026-06-01T12:00:00.000Z"


async def test_without_alerts_read_only_the_repair_comes_back(
    app: FastAPI, repairing: Repairing, new_key: NewKey
) -> None:
    async with client_of(app, await new_key("alerts:handle")) as handler:
        mine = Repairing(handler, repairing.path.rpartition("/")[2])
        answered = await mine.tell()
        assert answered.json() == {**repair(), "at": "2026-06-01T12:00:00.000Z"}
        assert "etag" not in answered.headers
        await repairing.tell("r-2", went=1)
        assert (await mine.tell()).json() == answered.json()  # its own, not the last
        assert (await handler.get(f"{mine.path}/repairs")).status_code == 403


async def test_what_is_silent_says_no_more_than_what_was_told(client: httpx.AsyncClient) -> None:
    sides: Document = {"from": "therapist/dr-7", "toward": "member/eva"}
    taken = indicator("side-taking", **sides)
    alert = await alert_after(client, session(indicators_observed=True, indicators={"i1": taken}))
    silent = Repairing(client, alert["alert_id"])
    await client.patch("/v1/cases/fam-42", json={"safety_hold": True})
    assert (await silent.tell()).json() == {**repair(), "at": "2026-06-01T12:00:00.000Z"}
    assert (await client.get(f"{silent.path}/repairs")).status_code == 404
    await client.patch("/v1/cases/fam-42", json={"safety_hold": False})
    assert (await silent.read())["last_repair"]["id"] == "r-1"


async def test_an_unknown_alert_is_not_there(client: httpx.AsyncClient) -> None:
    nowhere = Repairing(client, str(uuid4()))
    assert (await nowhere.tell()).status_code == 404
    assert (await client.get(f"{nowhere.path}/repairs")).status_code == 404
