"""The feed as a reader meets it: from the list on, with filters, 304, and cursors that are refused."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.changes import raise_epoch
from service.db.engine import transaction
from service.db.identity import parse_token, revoke_key
from service.waking import MOST_WAITING
from tests.api.bodies import Document, hostile, session
from tests.api.conftest import NewKey, client_of
from tests.factories import NOW
from tests.serving import serving
from tests.worlds import PATIENCE, caller, new_world

pytestmark = pytest.mark.anyio


async def listed(client: httpx.AsyncClient, **query: Any) -> Document:
    answered = await client.get("/v1/changes", params=query)
    assert answered.status_code == 200, answered.text
    body: Document = answered.json()
    return body


async def put(client: httpx.AsyncClient, case_id: str, number: int, body: Document) -> None:
    answered = await client.put(f"/v1/cases/{case_id}/sessions/s{number}", json=body)
    assert answered.status_code in (200, 201)


@pytest.fixture
async def three(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Return a client of a clinic with an alert in each of three cases."""
    for case_id in ("a", "b", "c"):
        await put(client, case_id, 1, hostile(therapists=[f"dr-{case_id}"]))
    return client


async def test_items_are_the_alerts_as_they_are_listed(three: httpx.AsyncClient) -> None:
    alerts = (await three.get("/v1/alerts")).json()["items"]
    found = await listed(three)
    assert (found["items"], found["has_more"]) == (alerts[::-1], False)  # the earliest change first
    assert await listed(three, after=found["cursor"]) == {"items": [], "cursor": found["cursor"], "has_more": False}


async def test_page_by_page(three: httpx.AsyncClient) -> None:
    cases: list[str] = []
    query: Document = {"limit": 2}
    while True:
        found = await listed(three, **query)
        cases += [item["case_id"] for item in found["items"]]
        query["after"] = found["cursor"]
        if not found["has_more"]:
            break
    assert cases == ["a", "b", "c"]


async def test_the_list_says_where_its_changes_go_on(three: httpx.AsyncClient) -> None:
    """Also on its later pages, whatever changed meanwhile: from where the first page was read."""
    first = (await three.get("/v1/alerts?limit=2")).json()
    await put(three, "a", 2, hostile(2))
    second = (await three.get("/v1/alerts", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert second["changes_cursor"] == first["changes_cursor"]
    assert second["items"] == []  # it moved to the front, behind the reader's back
    (moved,) = (await listed(three, after=first["changes_cursor"]))["items"]
    assert (moved["case_id"], moved["severity"]) == ("a", "critical")


FILTERS: list[Document] = [
    {"state": "open"},
    {"state": ["recovering", "open"], "severity": ["warning", "critical"]},
    {"rule": "hostility-to-therapist"},
    {"case_id": ["a", "b"]},
    {"therapist_id": "dr-b"},
    {"severity": "critical"},
    {"tone": "caution"},
    {"tone": "good-news", "state": "open"},
]


@pytest.mark.parametrize("filters", FILTERS)
async def test_the_same_filters_find_the_same(three: httpx.AsyncClient, filters: Document) -> None:
    answered = (await three.get("/v1/alerts", params=filters)).json()
    found = await listed(three, **filters)
    assert found["items"] == answered["items"][::-1]
    assert found["cursor"] == answered["changes_cursor"]


async def test_good_news_comes_to_those_who_ask_for_it(three: httpx.AsyncClient) -> None:
    begun = {tone: (await listed(three, tone=tone))["cursor"] for tone in ("caution", "good-news")}
    for number in (2, 3):
        body = session(number, indicators_observed=True, attendance={"ana": "attended"})
        await put(three, "a", number, body)
    found = {tone: (await listed(three, tone=tone, after=cursor))["items"] for tone, cursor in begun.items()}
    assert {tone: [item["rule"] for item in items] for tone, items in found.items()} == {
        "caution": ["hostility-to-therapist"],
        "good-news": ["recovery"],
    }


async def test_what_the_list_alone_can_filter_is_no_part_of_its_changes(three: httpx.AsyncClient) -> None:
    query = {"handling": "new", "changed_after": "2026-01-01T00:00:00Z", "state": "open"}
    cursor = (await three.get("/v1/alerts", params=query)).json()["changes_cursor"]
    assert (await listed(three, after=cursor, state="open"))["items"] == []


async def test_what_leaves_the_filter_is_removed(three: httpx.AsyncClient) -> None:
    begun = (await three.get("/v1/alerts?state=open")).json()
    gone = next(item["alert_id"] for item in begun["items"] if item["case_id"] == "b")
    await put(three, "b", 1, session())
    found = await listed(three, state="open", after=begun["changes_cursor"])
    assert found["items"] == [{"type": "removed", "alert_id": gone}]
    assert (await listed(three, state="open", after=found["cursor"]))["items"] == []


async def test_handling_and_repairs_are_changes(three: httpx.AsyncClient) -> None:
    begun = (await three.get("/v1/alerts")).json()
    alert_id = begun["items"][0]["alert_id"]
    act = {"id": "h-1", "action": "acknowledge", "by": "dr-a"}
    handled = (await three.post(f"/v1/alerts/{alert_id}/handling", json=act)).json()
    found = await listed(three, after=begun["changes_cursor"])
    assert found["items"] == [handled]
    await three.post(f"/v1/alerts/{alert_id}/handling", json=act)  # again: nothing new
    assert (await listed(three, after=found["cursor"]))["items"] == []


async def test_an_unchanged_answer_is_304(three: httpx.AsyncClient) -> None:
    cursor = (await listed(three))["cursor"]
    first = await three.get("/v1/changes", params={"after": cursor})
    told = {name: first.headers[name] for name in ("cache-control", "vary", "retry-after")}
    assert told == {"cache-control": "private, no-cache", "vary": "Authorization, Accept-Language", "retry-after": "15"}
    known = {"If-None-Match": first.headers["etag"]}
    again = await three.get("/v1/changes", params={"after": cursor}, headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["retry-after"] == "15"
    await put(three, "a", 2, hostile(2))
    assert (await three.get("/v1/changes", params={"after": cursor}, headers=known)).status_code == 200


async def test_more_is_to_be_asked_for_at_once(three: httpx.AsyncClient) -> None:
    assert "retry-after" not in (await three.get("/v1/changes?limit=1")).headers


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (lambda query: {**query, "after": "x"}, 400, "bad-cursor"),
        (lambda query: {**query, "state": "open"}, 400, "bad-cursor"),  # of other filters
        (lambda query: {**query, "state": "odd"}, 422, "invalid"),
        (lambda query: {**query, "limit": 201}, 422, "invalid"),
        (lambda query: {**query, "after": "x" * 1001}, 422, "invalid"),
    ],
)
async def test_what_does_not_fit(
    three: httpx.AsyncClient, change: Callable[[Document], Document], status: int, code: str
) -> None:
    cursor = (await listed(three))["cursor"]
    refused = await three.get("/v1/changes", params=change({"after": cursor}))
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_after_a_restore_the_reader_begins_anew(
    three: httpx.AsyncClient, engine: AsyncEngine, organization: UUID
) -> None:
    cursor = (await listed(three))["cursor"]
    async with transaction(engine, organization) as db:
        await raise_epoch(db, NOW)
    refused = await three.get("/v1/changes", params={"after": cursor})
    assert (refused.status_code, refused.json()["code"]) == (410, "cursor-expired")
    begun = (await three.get("/v1/alerts")).json()
    assert len(begun["items"]) == 3
    assert (await listed(three, after=begun["changes_cursor"]))["items"] == []


async def test_another_organization_hears_nothing_of_it(
    app: FastAPI, three: httpx.AsyncClient, new_key: NewKey, other_organization: UUID
) -> None:
    cursor = (await listed(three))["cursor"]
    async with client_of(app, await new_key(of=other_organization)) as other:
        assert (await listed(other))["items"] == []
        refused = await other.get("/v1/changes", params={"after": cursor})  # ahead of all that it has
        assert refused.status_code == 410


# --- long poll


def waiting(client: httpx.AsyncClient, **query: Any) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(client.get("/v1/changes", params={"wait": 30, **query}))


async def heard(app: FastAPI, waiters: int) -> None:
    """Wait until so many wait for changes."""
    waker = app.state.service.waker
    async with asyncio.timeout(PATIENCE):
        while sum(len(watch.bell.waiting) for watch in waker._watches.values()) < waiters:
            await asyncio.sleep(0)


async def test_who_waits_is_answered_when_something_changes(app: FastAPI, three: httpx.AsyncClient) -> None:
    cursor = (await listed(three))["cursor"]
    tasks = [waiting(three, after=cursor), waiting(three, after=cursor)]
    await heard(app, 2)
    await put(three, "a", 2, hostile(2))
    answers = [await asyncio.wait_for(task, PATIENCE) for task in tasks]
    for answered in answers:
        assert [item["case_id"] for item in answered.json()["items"]] == ["a"]
        assert "retry-after" not in answered.headers
    assert app.state.service.waker._watches == {}


async def test_what_is_there_is_not_waited_for(three: httpx.AsyncClient) -> None:
    answered = await asyncio.wait_for(waiting(three), PATIENCE)
    assert len(answered.json()["items"]) == 3


async def test_what_nobody_asked_for_wakes_nobody_but_moves_the_cursor(app: FastAPI, three: httpx.AsyncClient) -> None:
    cursor = (await listed(three, case_id="a"))["cursor"]
    task = waiting(three, after=cursor, case_id="a", wait=2)
    await heard(app, 1)
    await put(three, "b", 2, hostile(2))
    answered = (await asyncio.wait_for(task, PATIENCE)).json()
    assert (answered["items"], answered["cursor"] != cursor) == ([], True)


async def test_at_the_end_of_the_process_who_waits_is_answered(app: FastAPI, three: httpx.AsyncClient) -> None:
    cursor = (await listed(three))["cursor"]
    task = waiting(three, after=cursor)
    await heard(app, 1)
    app.state.service.waker.end()
    answered = await asyncio.wait_for(task, PATIENCE)
    assert (answered.json()["items"], answered.headers["retry-after"]) == ([], "15")
    again = await asyncio.wait_for(waiting(three, after=cursor), PATIENCE)  # nobody begins to wait any more
    assert again.json()["items"] == []


async def test_a_key_that_ends_while_it_waits_hears_nothing(
    app: FastAPI, three: httpx.AsyncClient, engine: AsyncEngine, organization: UUID, new_key: NewKey
) -> None:
    key = await new_key()
    token = parse_token(key)
    assert token is not None
    cursor = (await listed(three))["cursor"]
    async with client_of(app, key) as reader:
        task = waiting(reader, after=cursor)
        await heard(app, 1)
        await revoke_key(engine, organization, token.key_id, NOW)
        await put(three, "a", 2, hostile(2))
        assert (await asyncio.wait_for(task, PATIENCE)).status_code == 401


async def test_a_restore_ends_the_wait(
    app: FastAPI, three: httpx.AsyncClient, engine: AsyncEngine, organization: UUID
) -> None:
    cursor = (await listed(three))["cursor"]
    task = waiting(three, after=cursor)
    await heard(app, 1)
    async with transaction(engine, organization) as db:
        await raise_epoch(db, NOW)
    app.state.service.waker._ring_all()
    assert (await asyncio.wait_for(task, PATIENCE)).status_code == 410


async def test_as_many_wait_as_one_process_takes(app: FastAPI, three: httpx.AsyncClient) -> None:
    cursor = (await listed(three))["cursor"]
    app.state.service.waker._waiting = MOST_WAITING
    refused = await waiting(three, after=cursor)
    assert (refused.status_code, refused.json()["code"], "retry-after" in refused.headers) == (
        503,
        "too-many-wait",
        True,
    )
    assert (await listed(three, after=cursor))["items"] == []  # who does not wait is answered


@pytest.mark.parametrize("wait", [-1, 31, "x"])
async def test_no_longer_than_is_stated(client: httpx.AsyncClient, wait: Any) -> None:
    refused = await client.get("/v1/changes", params={"wait": wait})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "?wait")


@pytest.mark.parametrize("listening", [True, False], ids=["told", "asking"])
def test_a_change_at_one_process_wakes_who_waits_at_the_other(database_url: str, listening: bool) -> None:
    world = new_world(database_url)
    told = {"listen_database_url": database_url} if listening else {}
    with serving(database_url) as one, serving(database_url, **told) as other:
        with caller(one.address, world.key()) as writer, caller(other.address, world.key()) as reader:
            with ThreadPoolExecutor(1) as pool:
                answered = pool.submit(reader.get, "/v1/changes", params={"wait": 30})
                writer.put("/v1/cases/a/sessions/s1", json=hostile())
                items = answered.result().json()["items"]
    assert [item["case_id"] for item in items] == ["a"]


def test_draining_answers_who_waits(database_url: str) -> None:
    world = new_world(database_url)
    with serving(database_url) as process, caller(process.address, world.key()) as reader:
        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(reader.get, "/v1/changes", params={"wait": 30})
            while "evenkeel_waiting_readers 1.0" not in httpx.get(f"{process.address}/metrics").text:
                pass
            began = time.monotonic()
            assert process.end() == 0
            assert (answered.result().status_code, answered.result().json()["items"]) == (200, [])
            assert time.monotonic() - began < 20


WRITERS, EACH = 8, 6


def test_eight_writers_at_two_processes(database_url: str) -> None:
    """A reader who asks now one, now the other process meets each alert, and never an older state after a newer."""
    world = new_world(database_url)
    key = world.key()
    with serving(database_url) as one, serving(database_url) as other:
        addresses = (one.address, other.address)
        seen = asyncio.run(_follow_writers(addresses, key))
        with caller(one.address, key) as client:
            stored = client.get("/v1/alerts", params={"limit": 200}).json()["items"]
    final = {item["alert_id"]: item["revision"] for item in stored}
    assert len(final) == WRITERS * EACH
    latest: dict[str, int] = {}
    for item in seen:
        assert item["revision"] > latest.get(item["alert_id"], 0)
        latest[item["alert_id"]] = item["revision"]
    assert latest == final


async def _follow_writers(addresses: tuple[str, str], key: str) -> list[Document]:
    headers = {"Authorization": f"Bearer {key}"}

    async def write(writer: int) -> None:
        async with httpx.AsyncClient(base_url=addresses[writer % 2], headers=headers, timeout=60) as client:
            for number in range(EACH):
                await put(client, f"w{writer}-{number}", 1, hostile())
                await put(client, f"w{writer}-{number}", 2, hostile(2))  # critical now: a second change

    async def follow(done: Callable[[], bool]) -> list[Document]:
        seen: list[Document] = []
        query: Document = {"limit": 5}
        clients = [httpx.AsyncClient(base_url=address, headers=headers, timeout=60) for address in addresses]
        last_round = False
        while not last_round:
            last_round = done()
            more = True
            while more:
                clients.reverse()
                found = await listed(clients[0], **query)
                seen, more = seen + found["items"], found["has_more"]
                query["after"] = found["cursor"]
        for client in clients:
            await client.aclose()
        return seen

    async with asyncio.TaskGroup() as group:
        writers = [group.create_task(write(writer)) for writer in range(WRITERS)]
        following = group.create_task(follow(lambda: all(writer.done() for writer in writers)))
    return following.result()
