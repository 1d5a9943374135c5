"""Nothing that a client sends gets into logs, metrics, error texts or headers of ours, whatever happens on the way."""

import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, LiteralString
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg import sql

from service.db.migrations import upgrade
from service.main import PAGES
from service.settings import Settings
from tests.api import bodies
from tests.api.bodies import Document
from tests.cli.processes import LISTENING, Process
from tests.serving import serving
from tests.worlds import World, caller, new_world

CANARY = re.compile("zq7canary", re.IGNORECASE)
TEMPLATES = {route.path for page in PAGES for route in page.router.routes} | {"unmatched"}
SAID_OF_A_REQUEST = {"event", "level", "timestamp", "method", "route", "status", "ms", "request_id"}


def canary(name: str) -> str:
    """Return an id that stands in one place of this test and nowhere else."""
    return f"zq7canary-{name}"


CASE = canary("case")
MEMBER, THERAPIST, OBSERVER = canary("member"), canary("therapist"), canary("observer")
FAMILY = {
    "program": canary("program"),
    "members": {
        MEMBER: {"role": "youth", "voice": {"state": "goes-without", "decided_in": canary("voice")}},
        canary("other"): {"role": "parent"},
    },
    "subsystems": {canary("subsystem"): [MEMBER]},
    "therapists": [THERAPIST],
    "checklist": {"nobody-blamed": {"state": "ticked", "decided_in": canary("point")}},
    "walls": [[MEMBER, canary("other")]],
}
EVENTFUL = {
    "held_at": bodies.at(1),
    "therapists": [THERAPIST],
    "attendance": {MEMBER: "late"},
    "indicators_observed": True,
    "indicators": {
        canary("indicator"): {
            "kind": "hostility",
            "from": f"member/{MEMBER}",
            "toward": f"therapist/{THERAPIST}",
            "severity": 3,
            "source": f"observer/{OBSERVER}",
        }
    },
    "tasks": {canary("task"): {"member": MEMBER, "assigned_session_id": canary("earlier"), "outcome": "refused"}},
    "goals": {MEMBER: [canary("goal")]},
    "discussed": [{"rule": canary("rule"), "subject": [f"member/{MEMBER}"]}],
    "readiness": {MEMBER: {"value": 4, "source": f"therapist/{THERAPIST}"}},
    "hope": {MEMBER: {"value": 7, "source": f"observer/{OBSERVER}"}},
}
RATING = {
    **bodies.rating(),
    "case_id": CASE,
    "session_id": canary("session"),
    "rater": {"id": MEMBER, "role": "youth"},
    "about": f"therapist/{THERAPIST}",
    "record_id": canary("record"),
}
HEADERS = {
    name: canary(name.lower())
    for name in ("User-Agent", "Referer", "X-Request-Id", "X-Forwarded-For", "Idempotency-Key", "Cookie", "Traceparent")
}
QUERY = {"case_id": CASE, "therapist_id": THERAPIST, "rule": canary("filter")}


def tell_everything(client: httpx.Client) -> Iterator[httpx.Response]:
    """Yield the answers to a story told in canaries alone: what fits, what does not, what nobody asked for."""
    session = f"/v1/cases/{CASE}/sessions/{canary('session')}"
    yield client.put(f"/v1/cases/{CASE}", json=FAMILY)
    yield client.put(session, json=EVENTFUL)
    posted = client.post("/v1/ratings", json=RATING)
    yield posted
    rating = f"/v1/ratings/{posted.json()['rating_id']}"
    alert = f"/v1/alerts/{posted.json()['alerts'][0]['alert_id']}"
    act = {"id": canary("handling"), "action": "acknowledge", "by": THERAPIST}
    yield client.post(f"{alert}/handling", json=act)
    tried = {"next_step": "check-in", "went": 3, "with": [f"member/{MEMBER}"], "by": THERAPIST}
    yield client.post(f"{alert}/repairs", json={"id": canary("repair"), **tried})
    story = {
        "alert_ids": [alert.rpartition("/")[2]],
        "first_session_id": canary("session"),
        "last_session_id": canary("session"),
        "members": [f"member/{MEMBER}"],
        "outcome": "lost",
        "by": THERAPIST,
    }
    episodes = f"/v1/cases/{CASE}/episodes"
    yield client.post(episodes, json={"id": canary("episode"), **story})
    yield client.post("/v1/batch", content=_lines(), headers={"Content-Type": "application/x-ndjson"})
    for path in (
        rating,
        f"{rating}/revisions",
        session,
        alert,
        f"{alert}/basis",
        f"{alert}/repairs",
        episodes,
        f"/v1/cases/{CASE}",
        f"/v1/cases/{CASE}/course",
    ):
        yield client.get(path)
    yield client.get("/v1/ratings", params={"rater": f"member/{MEMBER}", "record_id": canary("record")})
    yield client.get("/v1/alerts", params=QUERY)
    # from here on, refusals
    yield client.post("/v1/ratings", json={**RATING, "answers": {"goals": 1.0}})  # differs
    yield client.post("/v1/ratings", json={**RATING, "instrument": "zq7canary"})
    yield client.post("/v1/ratings", json={**RATING, "held_at": canary("time")})
    yield client.post("/v1/ratings", content=json.dumps(canary("text") + " a b"))
    yield client.post("/v1/ratings", content=canary("broken"), headers={"Content-Type": "application/json"})
    yield client.post("/v1/ratings", content=b"", headers={"Content-Type": f"text/{canary('type')}"})
    yield client.post(f"{alert}/handling", json={**act, "action": "snooze", "until": {"sessions": 1}})  # differs
    yield client.post(f"{alert}/repairs", json={"id": canary("repair"), **tried, "went": 2})  # differs
    yield client.post(episodes, json={"id": canary("episode"), **story, "outcome": "repaired"})  # differs
    yield client.put(rating, json={**RATING, "session_id": canary("moved")}, headers={"If-Match": '"1"'})
    yield client.put(f"/v1/cases/{CASE}", json={**FAMILY, "mandated": True}, headers={"If-Match": canary("tag")})
    yield client.put(f"/v1/cases/{CASE}", json={"program": canary("program"), "members": {}})  # a member has ratings
    yield client.get(f"/v1/cases/{canary('nobody')}")
    yield client.get(f"/v1/ratings/{canary('id')}")
    yield client.get("/v1/alerts", params={"cursor": canary("cursor"), "state": canary("state")})
    yield client.get("/v1/alerts", params={"cursor": canary("cursor")})
    yield client.get(f"/v1/rules/{canary('rule')}")
    yield client.get(f"/{canary('path')}", params={"q": canary("query")})
    yield client.request("TRACE", f"/v1/cases/{CASE}")
    yield client.get("/v1/cases", headers={"Authorization": f"Bearer {canary('key')}"})
    yield client.get("/v1/cases", headers={"Authorization": canary("scheme")})


def _lines() -> str:
    lines: list[Document] = [
        {"type": "rating", **RATING, "session_id": canary("second"), "record_id": canary("second-record")},
        {"type": canary("line")},
        {"type": "case", "case_id": canary("bad case") + " a b"},
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def check_answer(response: httpx.Response) -> None:
    """An answer may name what it is about where it says so; refusals and headers of ours repeat nothing."""
    ours = [value for name, value in response.headers.items() if name.startswith("x-")]
    assert not CANARY.search(" ".join(ours))
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert not CANARY.search(response.text + str(response.headers))
    elif response.headers["content-type"].startswith("application/x-ndjson"):
        problems = [line["problem"] for line in map(json.loads, response.text.splitlines()) if "problem" in line]
        assert len(problems) == 2
        assert not CANARY.search(json.dumps(problems))


def check_log(said: Iterable[str]) -> list[Document]:
    """Every line is an event of ours in JSON and holds nothing of a client; return them."""
    lines = [line for line in said if not LISTENING.search(line)]
    assert not [line for line in lines if CANARY.search(line)]
    events: list[Document] = [json.loads(line) for line in lines]
    for event in events:
        if event["event"] == "request":
            assert set(event) == SAID_OF_A_REQUEST
            assert event["route"] in TEMPLATES
    return events


def said_about(process: Process, response: httpx.Response) -> list[str]:
    """Return all that a process has said, once it has told of a request."""
    process.wait_for_line(re.escape(response.headers["x-request-id"]))
    return list(process.said)


@pytest.mark.parametrize("level", ["info", "debug"])
def test_a_whole_story(database_url: str, level: str) -> None:
    world = new_world(database_url)
    with (
        serving(database_url, log_level=level) as process,
        caller(process.address, world.key()) as client,
    ):
        client.headers.update(HEADERS)
        statuses = []
        for response in tell_everything(client):
            check_answer(response)
            statuses.append(response.status_code)
        events = check_log(said_about(process, response))
        check_metrics(client.get("/metrics"))
    assert statuses == [201, 201, 201, 200, *[200] * 14, 409, 422, 422, 415, 400, 415, 409, 409, 409, 422, 412, 409,
                        404, 422, 422, 400, 404, 404, 405, 401, 401]  # fmt: skip
    requests = [event for event in events if event["event"] == "request"]
    assert [event["status"] for event in requests] == statuses
    check_log(process.said)  # the end of the process too


def check_metrics(response: httpx.Response) -> None:
    """Labels are methods, route templates and statuses: few, and none made by a client."""
    assert not CANARY.search(response.text + str(response.headers))
    samples = [sample for family in text_string_to_metric_families(response.text) for sample in family.samples]
    routes = {sample.labels["route"] for sample in samples if "route" in sample.labels}
    assert routes <= TEMPLATES
    assert "/v1/cases/{case_id}/sessions/{session_id}" in routes
    assert {name for sample in samples for name in sample.labels} <= {"method", "route", "status", "le"}


# --- trouble on the way


@pytest.fixture
def own_database_url(empty_database_url: str) -> str:
    upgrade(Settings().with_database(empty_database_url))
    return empty_database_url


@pytest.fixture
def world(own_database_url: str) -> World:
    return new_world(own_database_url)


@contextmanager
def administrator(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


BROKEN = {
    "a row that is refused": ("ALTER TABLE ratings ADD CONSTRAINT quiet CHECK (rater_id = '') NOT VALID", "23514"),
    "a key that is there": ("CREATE UNIQUE INDEX quiet ON sessions ((1)) ", "23505"),
    "a table that is gone": ("ALTER TABLE sessions RENAME TO elsewhere", "42P01"),
    "a column that is gone": ("ALTER TABLE ratings RENAME COLUMN facts TO elsewhere", "42703"),
    "a type that is another": ("ALTER TABLE ratings ALTER COLUMN record_id TYPE integer USING 0", "42883"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_error_of_the_database(world: World, kind: str) -> None:
    """PostgreSQL's own messages quote whole rows; of an error nobody foresaw, only its kind and place are told."""
    breaking, state = BROKEN[kind]
    with (
        serving(world.database_url, log_level="debug") as process,
        caller(process.address, world.key()) as client,
    ):
        client.put(f"/v1/cases/{CASE}/sessions/{canary('session')}", json=EVENTFUL)
        with administrator(world.database_url) as connection:
            connection.execute(breaking.encode())
        told = {**RATING, "session_id": canary("second")}
        response = client.post("/v1/ratings", json=told)
        assert (response.status_code, response.json()["code"]) == (500, "internal-error")
        check_answer(response)
        line = json.dumps({"type": "rating", **told}) + "\n"
        with pytest.raises(httpx.RemoteProtocolError):  # an upload ends without its last line
            client.post("/v1/batch", content=line, headers={"Content-Type": "application/x-ndjson"})
        last = client.get("/v1/rules")
        events = check_log(said_about(process, last))
    assert {event.get("sqlstate") for event in events if event["event"] == "unforeseen"} == {state}


def test_a_database_that_stops_in_the_middle(server_url: str, world: World) -> None:
    """While a rating waits for its lock, then while nobody gets in: come back later, and not a word more."""
    with (
        serving(world.database_url, log_level="debug") as process,
        caller(process.address, world.key()) as client,
        administrator(server_url) as outside,
    ):
        assert client.put(f"/v1/cases/{CASE}", json=FAMILY).status_code == 201
        with administrator(world.database_url) as inside, inside.transaction():
            inside.execute("SELECT 1 FROM cases FOR UPDATE")
            waiting = _answer_while_ended(client, outside, world.database_url)
        with nobody_gets_in(outside, world.database_url):
            answers = [waiting, client.post("/v1/ratings", json=RATING), client.get(f"/v1/cases/{CASE}")]
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
            check_answer(answer)
        stored = client.post("/v1/ratings", json=RATING)
        assert stored.status_code == 201
        events = check_log(said_about(process, stored))
    assert "unforeseen" not in {event["event"] for event in events}


def _answer_while_ended(client: httpx.Client, outside: psycopg.Connection[Any], url: str) -> httpx.Response:
    """Return the answer to a rating whose connection is ended, and ended again, while it waits for a lock."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, "/v1/ratings", json=RATING)
        while not asked.done():
            end_connections(outside, url, " AND wait_event_type = 'Lock'")
        return asked.result()


def end_connections(outside: psycopg.Connection[Any], url: str, which: LiteralString = "") -> None:
    statement: LiteralString = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    outside.execute(statement + which, [database_of(url)])


@contextmanager
def nobody_gets_in(outside: psycopg.Connection[Any], url: str) -> Iterator[None]:
    """Let a database take no connections, and end those that it has."""
    statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    outside.execute(statement.format(sql.Identifier(database_of(url)), sql.Literal(False)))
    end_connections(outside, url)
    yield
    outside.execute(statement.format(sql.Identifier(database_of(url)), sql.Literal(True)))


def database_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")
