"""The stream over real sockets: from any place on, cut and resumed, reset, and ended."""

import json
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.changes import raise_epoch
from service.db.engine import transaction
from service.db.identity import create_key, parse_token, revoke_key
from tests.api.bodies import Document, hostile, session
from tests.cli.processes import Process
from tests.conftest import SECRET_KEYS
from tests.serving import serving
from tests.worlds import LONG_AGO, PATIENCE, World, caller, new_world, with_engine

STREAM = "/v1/changes/stream"


@dataclass
class Event:
    kind: str
    id: str | None
    data: Document


@dataclass
class Listener:
    """Somebody who listens in a thread of their own; `status` once the answer begins."""

    response: httpx.Response
    lines: "queue.Queue[str | None]" = field(default_factory=queue.Queue)

    def read_on(self) -> None:
        try:
            for line in self.response.iter_lines():
                self.lines.put(line)
        except httpx.TransportError:
            pass
        self.lines.put(None)

    def line(self) -> str | None:
        return self.lines.get(timeout=PATIENCE)

    def event(self) -> Event:
        """Return the next event; comments and what is said before the first are passed over."""
        found: dict[str, str] = {}
        while (line := self.line()) is not None:
            name, _, value = line.partition(": ")
            if name in ("id", "event", "data"):
                found[name] = value
            elif not line and "event" in found:
                return Event(found["event"], found.get("id"), json.loads(found["data"]))
        raise AssertionError("the stream ended")

    def cases(self, count: int) -> list[Any]:
        return [self.event().data.get("case_id", "removed") for _ in range(count)]

    def rest(self) -> list[str]:
        """Return what comes until the stream ends."""
        lines = []
        while (line := self.line()) is not None:
            lines.append(line)
        return lines


@contextmanager
def listening(client: httpx.Client, headers: dict[str, str] | None = None, **query: Any) -> Iterator[Listener]:
    with client.stream("GET", STREAM, params=query, headers=headers) as response:
        assert response.status_code == 200
        listener = Listener(response)
        thread = threading.Thread(target=listener.read_on)
        thread.start()
        try:
            yield listener
        finally:
            with suppress(OSError):  # it is closed already where the stream has ended
                response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            thread.join()


def put(client: httpx.Client, case_id: str, number: int = 1, body: Document | None = None) -> None:
    answered = client.put(f"/v1/cases/{case_id}/sessions/s{number}", json=body or hostile(number))
    assert answered.status_code in (200, 201)


@pytest.fixture(scope="module")
def process(database_url: str) -> Iterator[Process]:
    with serving(database_url, listen_database_url=database_url, secret_keys=SECRET_KEYS) as process:
        yield process


@pytest.fixture
def world(database_url: str) -> World:
    return new_world(database_url)


@pytest.fixture
def client(process: Process, world: World) -> Iterator[httpx.Client]:
    with caller(process.address, world.key()) as client:
        yield client


def test_it_begins_with_all_and_goes_on_with_what_changes(client: httpx.Client) -> None:
    put(client, "a")
    put(client, "b")
    with listening(client) as listener:
        assert listener.cases(2) == ["a", "b"]
        put(client, "c")
        assert listener.cases(1) == ["c"]
        put(client, "a", 2)
        event = listener.event()
        listed = client.get("/v1/alerts", params={"case_id": "a"}).json()["items"]
        assert (event.kind, event.data) == ("alert", listed[0])  # the same body


def test_how_it_is_answered(client: httpx.Client) -> None:
    with listening(client) as listener:
        told = {
            name: listener.response.headers[name] for name in ("content-type", "cache-control", "x-accel-buffering")
        }
        assert told == {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-store",
            "x-accel-buffering": "no",
        }
        assert [listener.line(), listener.line()] == ["retry: 3000", ""]
    headed = client.head(STREAM)
    assert (headed.status_code, headed.content) == (200, b"")


def test_it_speaks_the_language_of_the_reader(client: httpx.Client) -> None:
    put(client, "a")
    titles = {}
    for code in ("en", "nl"):
        with listening(client, headers={"Accept-Language": code}) as listener:
            titles[code] = listener.event().data["title"]
            assert listener.response.headers["content-language"] == code
    assert titles["en"] == "Hostility to the therapist" != titles["nl"]


def test_one_cursor_for_poll_and_stream(client: httpx.Client) -> None:
    put(client, "a")
    cursor = client.get("/v1/alerts").json()["changes_cursor"]
    put(client, "b")
    with listening(client, after=cursor) as listener:
        event = listener.event()
        assert event.data["case_id"] == "b"
        put(client, "c")
        assert listener.cases(1) == ["c"]
    polled = client.get("/v1/changes", params={"after": event.id}).json()
    assert [item["case_id"] for item in polled["items"]] == ["c"]


def test_cut_and_resumed_nothing_is_missed_or_repeated(client: httpx.Client) -> None:
    """The reader is cut off again and again, whatever was under way, and comes back with the id it last took."""
    heard: list[str] = []
    last: dict[str, str] = {}
    for number in range(12):
        put(client, f"c{number}")
        if number % 3 == 0:
            with listening(client, headers=last) as listener:
                while len(heard) < number + 1:
                    event = listener.event()
                    heard.append(event.data["case_id"])
                    last = {"Last-Event-ID": event.id or ""}
    with listening(client, headers=last) as listener:
        heard += listener.cases(2)
    assert heard == [f"c{number}" for number in range(12)]


def test_the_last_event_id_goes_before_the_address(client: httpx.Client) -> None:
    """A browser keeps the address it began with."""
    begun = client.get("/v1/alerts").json()["changes_cursor"]
    put(client, "a")
    with listening(client, after=begun) as listener:
        event = listener.event()
    put(client, "b")
    with listening(client, headers={"Last-Event-ID": event.id or ""}, after=begun) as listener:
        assert listener.cases(1) == ["b"]


def test_filters_and_what_leaves_them(client: httpx.Client) -> None:
    put(client, "a", body=hostile(therapists=["dr-7"]))
    with listening(client, state="open", therapist_id="dr-7") as listener:
        first = listener.event()
        put(client, "b", body=hostile(therapists=["dr-8"]))
        put(client, "a", body=session(therapists=["dr-7"]))  # what was seen is taken back
        event = listener.event()
        assert (event.kind, event.data) == ("removed", {"type": "removed", "alert_id": first.data["alert_id"]})


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ({"after": "x"}, {}, 400, "bad-cursor"),
        ({}, {"Last-Event-ID": "x"}, 400, "bad-cursor"),
        ({"state": "odd"}, {}, 422, "invalid"),
        ({}, {"Authorization": "Bearer ek_nonsense"}, 401, "no-key"),
    ],
)
def test_what_does_not_fit(client: httpx.Client, query: Any, headers: Any, status: int, code: str) -> None:
    refused = client.get(STREAM, params=query, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_without_the_scope(process: Process, world: World) -> None:
    with caller(process.address, world.key("course:read", "alerts:handle")) as client:
        assert client.get(STREAM).json()["code"] == "missing-scope"


def _restored(world: World) -> None:
    async def begin(engine: AsyncEngine) -> None:
        async with transaction(engine, world.organization_id) as db:
            await raise_epoch(db, datetime.now(UTC))

    with_engine(world.database_url, begin)


def test_after_a_restore_all_begins_anew(client: httpx.Client, world: World) -> None:
    """A cursor from before it, and a stream that was open meanwhile: `reset`, then all that there is."""
    put(client, "a")
    with listening(client) as open_before:
        event = open_before.event()
        _restored(world)
        with listening(client, headers={"Last-Event-ID": event.id or ""}) as listener:
            reset = listener.event()
            assert (reset.kind, reset.id, reset.data) == ("reset", "", {})  # who comes back now begins anew
            assert listener.cases(1) == ["a"]
        put(client, "b")
        assert open_before.event().kind == "reset"
        assert open_before.cases(2) == ["a", "b"]


def test_an_ended_key_hears_nothing_more(process: Process, client: httpx.Client, world: World) -> None:
    key = world.key()
    token = parse_token(key)
    assert token is not None

    async def revoke(engine: AsyncEngine) -> None:
        await revoke_key(engine, world.organization_id, token.key_id, datetime.now(UTC))

    with caller(process.address, key) as other, listening(other) as ending, listening(client) as going_on:
        put(client, "a")
        assert ending.cases(1) == going_on.cases(1) == ["a"]
        with_engine(world.database_url, revoke)
        put(client, "b")
        assert going_on.cases(1) == ["b"]
        assert [line for line in ending.rest() if line.startswith("data")] == []


def mint(client: httpx.Client, person: str) -> Document:
    found: Document = client.post("/v1/tokens", json={"person": person, "scopes": ["alerts:read"]}).json()
    return found


def test_a_front_end_token_hears_of_its_caseload(process: Process, client: httpx.Client) -> None:
    """Also of what is handed over, here and there."""
    tokens = [mint(client, person)["token"] for person in ("dr-7", "dr-8")]
    with caller(process.address, tokens[0]) as one, caller(process.address, tokens[1]) as other:
        with listening(one) as mine, listening(other) as theirs:
            client.put("/v1/cases/a", json={"therapists": ["dr-7"]})
            put(client, "a")
            client.put("/v1/cases/b", json={"therapists": ["dr-8"]})
            put(client, "b")
            assert (mine.cases(1), theirs.cases(1)) == (["a"], ["b"])
            client.patch("/v1/cases/a", json={"therapists": ["dr-8"]})
            assert (mine.cases(1), theirs.cases(1)) == (["removed"], ["a"])


def test_a_revoked_token_hears_nothing_more(process: Process, client: httpx.Client) -> None:
    token = mint(client, "dr-7")
    with caller(process.address, token["token"]) as phone, listening(phone) as listener:
        put(client, "a", body=hostile(therapists=["dr-7"]))
        assert listener.cases(1) == ["a"]
        client.delete(f"/v1/tokens/{token['token_id']}")
        put(client, "b", body=hostile(therapists=["dr-7"]))
        assert [line for line in listener.rest() if line.startswith("data")] == []


def test_an_expired_key_hears_nothing_more(process: Process, client: httpx.Client, world: World) -> None:
    """Nobody revokes it: its time is over while it listens."""
    ends = datetime.now(UTC) + timedelta(seconds=2)

    async def make(engine: AsyncEngine) -> str:
        return await create_key(engine, world.organization_id, ["alerts:read"], LONG_AGO, ends)

    with caller(process.address, with_engine(world.database_url, make)) as short, listening(short) as listener:
        put(client, "a")
        assert listener.cases(1) == ["a"]
        while datetime.now(UTC) <= ends:
            pass
        put(client, "b")
        assert [line for line in listener.rest() if line.startswith("data")] == []


def test_another_organization_hears_nothing(process: Process, client: httpx.Client, world: World) -> None:
    other = new_world(world.database_url)
    with caller(process.address, other.key()) as theirs, listening(theirs) as listener:
        put(client, "a")
        put(theirs, "b")
        assert listener.cases(1) == ["b"]


def test_streams_end_with_the_process(database_url: str, world: World) -> None:
    with serving(database_url) as process, caller(process.address, world.key()) as client:
        with listening(client) as one, listening(client) as other:
            put(client, "a")
            assert one.cases(1) == other.cases(1) == ["a"]
            assert process.end() == 0
            assert [line for listener in (one, other) for line in listener.rest() if line.startswith("data")] == []


def test_who_went_is_forgotten(process: Process, client: httpx.Client) -> None:
    """Connections that break are noticed at once, not when something is to be sent."""
    with listening(client), listening(client, state="open"):
        pass
    while "evenkeel_waiting_readers 0.0" not in client.get("/metrics").text:
        pass


# --- a ticket in place of the header


def ticket_of(client: httpx.Client) -> str:
    answered = client.post(f"{STREAM}/tickets")
    assert (answered.status_code, answered.headers["cache-control"]) == (201, "no-store")
    return str(answered.json()["ticket"])


def test_a_ticket_opens_one_stream(client: httpx.Client, process: Process) -> None:
    put(client, "fam-1")
    ticket = ticket_of(client)
    with httpx.Client(base_url=process.address) as bare:
        with listening(bare, ticket=ticket) as listener:
            assert listener.cases(1) == ["fam-1"]
            put(client, "fam-2")
            assert listener.cases(1) == ["fam-2"]
        for wrong in (ticket, "", "et_1", f"{ticket}0"):
            refused = bare.get(STREAM, params={"ticket": wrong})
            assert (refused.status_code, refused.json()["code"]) == (401, "no-key")
        assert bare.get("/v1/changes", params={"ticket": ticket_of(client)}).status_code == 401  # of a stream alone


def test_the_stream_of_a_ticket_goes_on_from_any_place(client: httpx.Client, process: Process) -> None:
    put(client, "fam-1")
    with httpx.Client(base_url=process.address) as bare:
        with listening(bare, ticket=ticket_of(client)) as listener:
            event = listener.event()
        put(client, "fam-2")
        with listening(bare, ticket=ticket_of(client), after=event.id) as listener:
            assert listener.cases(1) == ["fam-2"]


def test_the_stream_of_a_ticket_ends_with_the_token_it_stands_for(
    client: httpx.Client, process: Process, world: World
) -> None:
    client.put("/v1/cases/mine", json={"therapists": ["dr-7"]})
    for case_id in ("mine", "another"):
        put(client, case_id, body=hostile(therapists=[]))
    minted = client.post("/v1/tokens", json={"person": "dr-7", "scopes": ["alerts:read"]}).json()
    with caller(process.address, minted["token"]) as phone:
        first, second = ticket_of(phone), ticket_of(phone)
    with httpx.Client(base_url=process.address) as bare, listening(bare, ticket=first) as listener:
        assert listener.cases(1) == ["mine"]  # the token's caseload
        client.delete(f"/v1/tokens/{minted['token_id']}")
        put(client, "mine", 2)
        assert not [line for line in listener.rest() if line.startswith("data")]
        assert bare.get(STREAM, params={"ticket": second}).status_code == 401


def test_no_ticket_is_logged(client: httpx.Client, process: Process) -> None:
    ticket = ticket_of(client)
    with httpx.Client(base_url=process.address) as bare, listening(bare, ticket=ticket):
        pass
    process.wait_for_line("/v1/changes/stream/tickets")  # what is logged of it is its route
    assert ticket not in "\n".join(process.said) + client.get("/metrics").text
