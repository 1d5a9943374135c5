"""Two worlds that differ only in another member's ratings: a key that may only write ratings cannot tell them apart.

Both worlds are organizations of one service whose clock stands still. A partner rates differently in each; then one
and the same sequence of requests, Ana's, is sent in both, between the partner's. Answers, statuses and headers must be
equal byte by byte, once the ids that the service makes are numbered in the order in which they appear.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import make_engine
from service.db.identity import ALL, create_key, create_organization
from service.main import create_app
from service.settings import Settings
from tests.api import bodies
from tests.api.bodies import Document
from tests.api.conftest import Clock, client_of
from tests.factories import CASE, NOW
from tests.worlds import LONG_AGO

UUIDS = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
WRITES_ALONE = ("ratings:write",)
UNKNOWN = "01890000-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; `{0}`, `{1}`, … in its path or lines stand for the ratings that its world's key has made."""

    method: str
    path: str
    body: Any = None
    lines: tuple[Document, ...] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Hand:
    """Somebody with a key in one world: what they send, and all that they hear."""

    client: httpx.AsyncClient
    ids: list[str] = field(default_factory=list)
    heard: list[tuple[int, str, str]] = field(default_factory=list)

    async def ask(self, ask: Ask) -> None:
        body = self._filled(json.dumps(ask.body)) if ask.body is not None else None
        headers = dict(ask.headers)
        if ask.lines is not None:
            body = "".join(self._filled(json.dumps(line)) + "\n" for line in ask.lines)
            headers["Content-Type"] = "application/x-ndjson"
        elif body is not None:
            headers.setdefault("Content-Type", "application/json")
        response = await self.client.request(ask.method, self._filled(ask.path), content=body, headers=headers)
        self.heard.append((response.status_code, str(response.headers.raw), response.text))
        self.ids += [found for found in re.findall(r'"(?:rating_id|id)":"([0-9a-f-]{36})"', response.text)]

    def _filled(self, text: str) -> str:
        return re.sub(r"@(\d+)@", lambda found: self._id(int(found[1])), text)

    def _id(self, number: int) -> str:
        return self.ids[number % len(self.ids)] if self.ids else UNKNOWN

    def told(self) -> list[tuple[int, str, str]]:
        """Return all that was heard, the ids numbered in the order of their appearance."""
        numbers: dict[str, str] = {}

        def number(found: re.Match[str]) -> str:
            return numbers.setdefault(found[0], f"{len(numbers):036}")

        return [(status, UUIDS.sub(number, headers), UUIDS.sub(number, text)) for status, headers, text in self.heard]


# --- what the partner does: differently in each world

SESSIONS = st.sampled_from([1, 2, 3, 4, 5, 5])  # nobody announced the fifth
TOTALS = st.sampled_from([0.0, 30.0, 60.0, 79.0, 90.0, 100.0])


@st.composite
def partner_ratings(draw: st.DrawFn) -> Ask:
    """Return a rating by somebody else: of the family or new to it, in sessions that are known or not."""
    rater = draw(st.sampled_from(["eva", "tom", "kim", "oma", "dr-7"]))
    number = draw(SESSIONS)
    version = draw(st.sampled_from([None, 1, 2, 3]))
    body = bodies.rating(rater, draw(TOTALS), number, record_version=version, record_id=draw(RECORDS))
    return Ask("POST", "/v1/ratings", body)


RECORDS = st.sampled_from([None, None, "r1", "r2"])
PARTNERS = st.one_of(
    partner_ratings(),
    partner_ratings(),
    st.builds(lambda number, reason: Ask("DELETE", f"/v1/ratings/@{number}@?reason={reason}"),
              st.integers(0, 9), st.sampled_from(["withdrawn", "wrong-member"])),
)  # fmt: skip

# --- what Ana does, the same in both


@st.composite
def my_bodies(draw: st.DrawFn) -> Document:
    """Return a rating of Ana's about the therapist or herself, or of the observer about her; some are not sound."""
    number, total = draw(SESSIONS), draw(st.sampled_from([40.0, 85.0, 99.0]))
    facts: dict[str, Any] = {"record_id": draw(RECORDS), "record_version": draw(st.sampled_from([None, None, 1, 2]))}
    if draw(st.booleans()):
        facts["held_at"] = None
    who = draw(st.sampled_from(["ana", "ana", "ana", "zoe", "wrong"]))
    body = bodies.rating("ana" if who == "wrong" else who, total, number, **facts)
    if who == "wrong":
        body["answers"] = draw(st.sampled_from([{}, {"goals": 11}, {"hope": 1}, None]))
    return body


@st.composite
def my_asks(draw: st.DrawFn) -> Ask:
    number = draw(st.integers(0, 9))
    kind = draw(st.sampled_from(["post", "post", "post", "put", "put", "delete", "batch", "other"]))
    if kind == "post":
        return Ask("POST", "/v1/ratings", draw(my_bodies()))
    if kind == "put":
        tag = draw(st.sampled_from(['"1"', '"2"', '"7"', None]))
        return Ask("PUT", f"/v1/ratings/@{number}@", draw(my_bodies()), headers={"If-Match": tag} if tag else {})
    if kind == "delete":
        tag = draw(st.sampled_from(['"1"', '"2"', None]))
        return Ask("DELETE", f"/v1/ratings/@{number}@", headers={"If-Match": tag} if tag else {})
    if kind == "batch":
        ratings = draw(st.lists(my_bodies().map(lambda body: {"type": "rating", **body}), max_size=3))
        retraction: Document = {"type": "retraction", "rating_id": f"@{number}@"}
        case: Document = {"type": "case", "case_id": CASE}
        return Ask("POST", "/v1/batch", lines=(*ratings, case, retraction))
    return draw(st.sampled_from(OTHERS))


OTHERS = [
    Ask("GET", f"/v1/cases/{CASE}/course"),
    Ask("HEAD", f"/v1/cases/{CASE}/course"),
    Ask("GET", f"/v1/cases/{CASE}"),
    Ask("GET", f"/v1/cases/{CASE}/sessions/s2"),
    Ask("GET", f"/v1/cases/{CASE}/sessions"),
    Ask("GET", "/v1/cases"),
    Ask("GET", "/v1/ratings?rater=member/eva"),
    Ask("GET", "/v1/ratings/@0@"),
    Ask("GET", "/v1/ratings/@1@/revisions"),
    Ask("GET", "/v1/alerts"),
    Ask("GET", "/v1/changes"),
    Ask("POST", "/v1/handling/batch", {"items": [{"alert_id": UNKNOWN}]}),
    Ask("HEAD", "/v1/changes/stream"),
    Ask("GET", f"/v1/alerts/{UNKNOWN}"),
    Ask("POST", f"/v1/alerts/{UNKNOWN}/handling", {"id": "h1", "action": "acknowledge", "by": "dr-7"}),
    Ask("POST", f"/v1/alerts/{UNKNOWN}/repairs", bodies.repair()),
    Ask("GET", f"/v1/alerts/{UNKNOWN}/basis"),
    Ask("POST", f"/v1/cases/{CASE}/episodes", bodies.episode(UNKNOWN)),
    Ask("GET", f"/v1/cases/{CASE}/episodes"),
    Ask("PUT", f"/v1/cases/{CASE}", {"members": {}}),
    Ask("PATCH", f"/v1/cases/{CASE}", {"mandated": True}),
    Ask("PUT", f"/v1/cases/{CASE}/sessions/s2", {"held_at": bodies.at(2)}),
    Ask("PUT", f"/v1/ratings/{UNKNOWN}", bodies.rating(), headers={"If-Match": '"1"'}),
    Ask("DELETE", f"/v1/ratings/{UNKNOWN}"),
    Ask("POST", "/v1/tokens", {"person": "dr-7", "scopes": ["course:read"]}),
    Ask("DELETE", f"/v1/tokens/{UNKNOWN}"),
    Ask("GET", "/v1/rules"),
    Ask("GET", "/v1/nothing"),
]

# --- what is announced, the same in both: a family with a hostile session, one ahead, one cancelled, one unknown

ANNOUNCED = [
    Ask("PUT", f"/v1/cases/{CASE}", {"members": bodies.members("eva", "tom", "ana"), "therapists": ["dr-7"]}),
    Ask("PUT", f"/v1/cases/{CASE}/sessions/s1", bodies.session(1)),
    Ask("PUT", f"/v1/cases/{CASE}/sessions/s2", bodies.hostile(2)),
    Ask("PUT", f"/v1/cases/{CASE}/sessions/s3", {"status": "scheduled", "held_at": bodies.at(3)}),
    Ask("PUT", f"/v1/cases/{CASE}/sessions/s4", bodies.session(4, status="cancelled")),
]
FIXED = Ask("PATCH", f"/v1/cases/{CASE}", {"membership": "fixed", "members": bodies.members("kim", "oma")})


@dataclass(frozen=True, slots=True)
class Turn:
    """What happens next: the partner's request in one world and in the other, or a request of Ana's in both."""

    mine: Ask | None = None
    theirs: tuple[Ask | None, Ask | None] = (None, None)


TURNS = st.one_of(
    my_asks().map(lambda ask: Turn(mine=ask)),
    my_asks().map(lambda ask: Turn(mine=ask)),
    st.tuples(st.none() | PARTNERS, st.none() | PARTNERS).map(lambda pair: Turn(theirs=pair)),
)


@dataclass(slots=True)
class Stage:
    """A running service with its own event loop, on which worlds are set up as often as wanted."""

    runner: asyncio.Runner
    app: FastAPI
    engine: AsyncEngine

    def play(self, turns: list[Turn], fixed: bool, scopes: tuple[str, ...]) -> list[list[tuple[int, str, str]]]:
        """Return what Ana's key, of some scopes, hears in each of two worlds."""
        return self.runner.run(self._play(turns, fixed, scopes))

    async def _play(self, turns: list[Turn], fixed: bool, scopes: tuple[str, ...]) -> list[list[tuple[int, str, str]]]:
        told = []
        for world in (0, 1):
            organization = (await create_organization(self.engine, f"world {uuid4()}", True, LONG_AGO)).organization_id
            async with AsyncExitStack() as stack:
                partner = await self._hand(stack, organization, ALL)
                mine = await self._hand(stack, organization, *scopes)
                for ask in [*ANNOUNCED, *([FIXED] if fixed else [])]:
                    await partner.ask(ask)
                partner.ids.clear()
                for turn in turns:
                    if turn.mine is not None:
                        await mine.ask(turn.mine)
                    elif (theirs := turn.theirs[world]) is not None:
                        await partner.ask(theirs)
                told.append(mine.told())
        return told

    async def _hand(self, stack: AsyncExitStack, organization: UUID, *scopes: str) -> Hand:
        key = await create_key(self.engine, organization, scopes, LONG_AGO)
        return Hand(await stack.enter_async_context(client_of(self.app, key)))


@pytest.fixture(scope="module")
def stage(settings: Settings) -> Iterator[Stage]:
    clock = Clock(NOW)
    with asyncio.Runner() as runner:
        app, engine = create_app(settings, clock), make_engine(settings)
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        yield Stage(runner, app, engine)
        runner.run(lifespan.__aexit__(None, None, None))
        runner.run(engine.dispose())


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(turns=st.lists(TURNS, min_size=3, max_size=14), fixed=st.booleans())
def test_writing_alone_tells_nothing_of_others(stage: Stage, turns: list[Turn], fixed: bool) -> None:
    one, other = stage.play(turns, fixed, WRITES_ALONE)
    assert one == other


# --- the two worlds do differ, and the check would see it

LOW, HIGH = bodies.rating("eva", 20.0, 1), bodies.rating("eva", 95.0, 1)
STORY = [
    Turn(theirs=(Ask("POST", "/v1/ratings", LOW), Ask("POST", "/v1/ratings", HIGH))),
    Turn(mine=Ask("POST", "/v1/ratings", bodies.rating("ana", 90.0, 1))),
]
LATER = [Turn(mine=Ask("POST", "/v1/ratings", bodies.rating("ana", 90.0, number))) for number in (2, 3)]


@pytest.mark.parametrize("scopes", [("ratings:write", "course:read"), ("ratings:write", "alerts:read")])
def test_a_key_that_may_read_hears_the_difference(stage: Stage, scopes: tuple[str, ...]) -> None:
    """Eva's 20 % is an alert about her in the session that Ana rates too; her 95 % is none."""
    one, other = stage.play(STORY, False, scopes)
    assert one != other
    assert [status for status, _, _ in one] == [status for status, _, _ in other] == [201]


ELSEWHERE = [
    (None, Ask("POST", "/v1/ratings", LOW)),
    (Ask("POST", "/v1/ratings", bodies.rating("kim", 50.0, 6)), None),
    (Ask("POST", "/v1/ratings", LOW), Ask("POST", "/v1/ratings", HIGH)),
]


@pytest.mark.parametrize("theirs", ELSEWHERE, ids=["silent", "elsewhere", "differing"])
def test_stories_that_once_could_differ(stage: Stage, theirs: tuple[Ask | None, Ask | None]) -> None:
    """Somebody else there or not, in this session or another one: Ana's first, repeated and corrected ratings."""
    mine = bodies.rating("ana", 90.0, 1, record_id="r1")
    asks = [
        Ask("POST", "/v1/ratings", mine),
        Ask("POST", "/v1/ratings", mine),
        Ask("POST", "/v1/ratings", bodies.rating("ana", 40.0, 1)),
        Ask("PUT", "/v1/ratings/@0@", bodies.rating("ana", 40.0, 1), headers={"If-Match": '"1"'}),
        Ask("DELETE", "/v1/ratings/@0@"),
        Ask("POST", "/v1/ratings", mine),
        Ask("POST", "/v1/ratings", bodies.rating("ana", 40.0, 6, held_at=None)),
        Ask("POST", "/v1/batch", lines=({"type": "rating", **bodies.rating("ana", 90.0, 3)},)),
    ]
    turns = [Turn(theirs=theirs), *(Turn(mine=ask) for ask in asks), *LATER]
    one, other = stage.play(turns, False, WRITES_ALONE)
    assert one == other
    assert [status for status, _, _ in one] == [201, 200, 409, 200, 200, 409, 422, 200, 201, 200]


@pytest.mark.parametrize("ask", OTHERS, ids=[f"{ask.method} {ask.path}" for ask in OTHERS])
def test_what_a_key_may_not_do_is_the_same_everywhere(stage: Stage, ask: Ask) -> None:
    one, other = stage.play([STORY[0], Turn(mine=ask)], False, WRITES_ALONE)
    assert one == other
