"""Poison for every writing route of a real server, and what holds for every refusal.

Every body holds the canary in its values, so that neither an answer nor a log line can repeat one unseen.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any

import httpx
import psycopg

from tests.api import bodies
from tests.api.bodies import Document
from tests.cli.processes import Process
from tests.serving import serving
from tests.worlds import World, caller, new_world

CANARY = "zq7canary"
FREE_TEXT = f"{CANARY} Müller"  # no plain word, so not even a pointer may hold it
LINES = "application/x-ndjson"

RATING = {
    **bodies.rating(),
    "case_id": CANARY,
    "session_id": f"{CANARY}.s",
    "rater": {"id": f"{CANARY}-r", "role": "youth"},
    "record_id": f"{CANARY}:7",
    "record_version": 3,
    "answered_at": bodies.at(1),
    "not_alone": False,
    "locale": "nl-BE",
}
CASE = {
    "modality": "family",
    "program": CANARY,
    "safety_hold": False,
    "members": {
        "eva": {"role": "parent", "index": False, "voice": {"state": "goes-without", "decided_in": CANARY}},
        "ana": {"role": "youth", "age_band": "13-17"},
    },
    "subsystems": {"parents": ["eva"]},
    "therapists": [f"{CANARY}-t"],
    "periods": [{"from": "2026-01-01", "to": "2026-05-01", "ended_as": "completed"}],
    "checklist": {"nobody-blamed": {"state": "ticked", "decided_in": CANARY, "decided_on": "2026-01-05"}},
    "walls": [["eva", "ana"]],
}
SESSION = {
    "held_at": bodies.at(1),
    "status": "held",
    "next_planned_at": bodies.at(2),
    "therapists": [f"{CANARY}-t"],
    "attendance": {"eva": "attended"},
    "indicators_observed": True,
    "indicators": {"i1": bodies.indicator(source=f"observer/{CANARY}")},
    "tasks": {"t1": {"member": f"{CANARY}-m", "outcome": "done"}},
    "goals": {"ana": [CANARY]},
    "discussed": [{"rule": CANARY, "subject": [f"member/{CANARY}"]}],
    "readiness": {"ana": {"value": 4, "source": f"observer/{CANARY}"}},
    "hope": {"ana": {"value": 10, "source": "member/ana"}},
}
HANDLING = {
    "id": f"{CANARY}-h",
    "action": "snooze",
    "by": f"{CANARY}-t",
    "at": bodies.at(1),
    "until": {"sessions": 2},
    "handling_revision": 0,
}
REPAIR = bodies.repair(f"{CANARY}-r", **{"with": [f"member/{CANARY}-m"], "by": f"{CANARY}-t", "at": bodies.at(1)})
EPISODE = {
    "id": f"{CANARY}-e",
    "alert_ids": ["01890000-0000-7000-8000-000000000000"],
    "first_session_id": CANARY,
    "last_session_id": CANARY,
    "members": [f"member/{CANARY}-m"],
    "tried": ["check-in"],
    "outcome": "repaired",
    "by": f"{CANARY}-t",
    "at": bodies.at(1),
    "replaces": f"{CANARY}-e0",
}
REFERENCES = {
    "references": [
        {
            "dimension": "total",
            "role": "youth",
            "locale": "nl-BE",
            "sd": 11.5,
            "sp": 5.5,
            "mean": 86.5,
            "reliability": 0.9,
            "n": 60,
            "source": CANARY,
            "verified": False,
        }
    ]
}
RETRACTION = {"rating_id": "01890000-0000-7000-8000-000000000000", "reason": "withdrawn"}


@dataclass(frozen=True)
class Route:
    """A way to write: where, a body that would fit but for the poison, and a scalar in it to put poison into."""

    method: str
    path: str
    body: Mapping[str, Any]
    spot: str
    media_type: str = "application/json"

    @property
    def is_line(self) -> bool:
        return self.media_type == LINES


def line(kind: str, spot: str, **body: Any) -> Route:
    return Route("POST", "/v1/batch", {"type": kind, **body}, spot, LINES)


SPOTS = {"rating": "/answers/goals", "case": "/members/eva/index", "session": "/indicators/i1/severity"}
ROUTES = {
    "post-rating": Route("POST", "/v1/ratings", RATING, SPOTS["rating"]),
    "put-rating": Route("PUT", "/v1/ratings/{rating_id}", RATING, SPOTS["rating"]),
    "put-case": Route("PUT", "/v1/cases/fam-42", CASE, SPOTS["case"]),
    "patch-case": Route("PATCH", "/v1/cases/fam-42", CASE, SPOTS["case"]),
    "put-session": Route("PUT", "/v1/cases/fam-42/sessions/s1", SESSION, SPOTS["session"]),
    "patch-session": Route("PATCH", "/v1/cases/fam-42/sessions/s1", SESSION, SPOTS["session"]),
    "handling": Route("POST", "/v1/alerts/{alert_id}/handling", HANDLING, "/handling_revision"),
    "repair": Route("POST", "/v1/alerts/{alert_id}/repairs", REPAIR, "/went"),
    "episode": Route("POST", "/v1/cases/fam-42/episodes", EPISODE, "/outcome"),
    "references": Route("PUT", "/v1/instruments/srs/references", REFERENCES, "/references/0/sd"),
    "rating-line": line("rating", SPOTS["rating"], **RATING),
    "case-line": line("case", SPOTS["case"], case_id=CANARY, **CASE),
    "session-line": line("session", SPOTS["session"], case_id=CANARY, session_id=CANARY, **SESSION),
    "retraction-line": line("retraction", "/reason", **RETRACTION),
}
OF = {
    "rating": ("post-rating", "put-rating", "rating-line"),
    "case": ("put-case", "patch-case", "case-line"),
    "session": ("put-session", "patch-session", "session-line"),
    "handling": ("handling",),
    "repair": ("repair",),
    "episode": ("episode",),
    "references": ("references",),
    "retraction": ("retraction-line",),
}


@dataclass(frozen=True)
class Refused:
    """A refusal as it arrived."""

    status: int
    problem: Document

    @property
    def code(self) -> str:
        return str(self.problem["code"])

    @property
    def faults(self) -> list[tuple[str, str]]:
        return [(fault["pointer"], fault["code"]) for fault in self.problem["errors"]]


@dataclass(frozen=True)
class Target:
    """A server with something stored that a poison might change."""

    process: Process
    world: World
    connection: psycopg.Connection[Any]
    client: httpx.Client
    rating_id: str
    alert_id: str
    before: Mapping[str, tuple[int, str]]

    def send(self, name: str, content: Any, headers: Mapping[str, str] | None = None) -> Refused:
        """Send a body to a route, as it is; return how it was refused."""
        route = ROUTES[name]
        path = route.path.format(rating_id=self.rating_id, alert_id=self.alert_id)
        given = {"Content-Type": route.media_type, "If-Match": '"1"'} if headers is None else headers
        return self.refused(self.client.request(route.method, path, content=content, headers=given), route.is_line)

    def refused(self, response: httpx.Response, is_line: bool = False) -> Refused:
        """Hold an answer against what holds for every refusal."""
        self.check_quiet(response)
        if is_line and response.status_code == 200:
            first, *_, last = [json.loads(text) for text in response.text.splitlines()]
            assert (first["line"], last) == (1, {"end": True, "created": 0, "same": 0, "changed": 0, "refused": 1})
            found = Refused(first["status"], first["problem"])
        else:
            assert response.headers["content-type"] == "application/problem+json"
            found = Refused(response.status_code, response.json())
        assert 400 <= found.status < 500
        assert found.problem["status"] == found.status
        assert set(found.problem) == {"type", "title", "status", "detail", "code", "errors"}
        self.check_nothing_stored()
        return found

    def check_nothing_stored(self) -> None:
        assert self.world.stored(self.connection) == self.before

    def check_quiet(self, response: httpx.Response) -> None:
        """Neither the answer nor the log, which is read until it tells of this request, repeats what was sent."""
        told = response.text + str(response.headers.raw)
        self.process.wait_for_line(re.escape(response.headers["x-request-id"]))
        said = list(self.process.said)
        del self.process.said[: len(said)]
        for text in (told, *said):
            assert CANARY not in text.lower()
            assert "Müller" not in text


@contextmanager
def poisonable(database_url: str) -> Iterator[Target]:
    """Yield a server with a case, a session, a rating and an alert."""
    world = new_world(database_url)
    with (
        serving(database_url, log_level="debug", database_prepare="true") as process,
        caller(process.address, world.key()) as client,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        fixed = {"membership": "fixed", "members": bodies.members("eva", "ana")}
        assert client.put("/v1/cases/fixed", json=fixed).status_code == 201
        assert client.put("/v1/cases/fam-42/sessions/s1", json=bodies.hostile()).status_code == 201
        rating = client.post("/v1/ratings", json=bodies.rating()).json()
        alert_id = rating["alerts"][0]["alert_id"]
        yield Target(process, world, connection, client, rating["rating_id"], alert_id, world.stored())


def with_token(body: Mapping[str, Any], pointer: str, token: str) -> bytes:
    """Return a body as JSON with some raw text as the value at a place, which need not be there yet."""
    copied = json.loads(json.dumps(body))
    *parents, name = pointer.removeprefix("/").split("/")
    parent = reduce(lambda found, key: found[int(key)] if isinstance(found, list) else found[key], parents, copied)
    if isinstance(parent, list):
        parent[int(name)] = "@here@"
    else:
        parent[name] = "@here@"
    return json.dumps(copied, ensure_ascii=False).replace('"@here@"', token).encode("utf-8", "surrogateescape")
