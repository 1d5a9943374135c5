import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from service.api.batch import AHEAD, MOST_AT_ONCE, MOST_OF_ONE
from service.api.spool import LONGEST_LINE
from service.db.identity import parse_token, revoke_key
from service.main import create_app
from service.settings import Settings
from tests.api import bodies
from tests.api.bodies import Document
from tests.api.conftest import Clock, NewKey, client_of
from tests.factories import CASE, NOW

pytestmark = pytest.mark.anyio

LINES = {"Content-Type": "application/x-ndjson"}
UNKNOWN = "01890000-0000-7000-8000-000000000000"


def rating(rater: str = "ana", total: float = 90.0, number: int = 1, **facts: Any) -> Document:
    return {"type": "rating", **bodies.rating(rater, total, number, **facts)}


def case(**facts: Any) -> Document:
    return {"type": "case", "case_id": CASE, "members": bodies.members("eva", "tom", "ana"), **facts}


def session(number: int = 1, **facts: Any) -> Document:
    return {"type": "session", "case_id": CASE, "session_id": f"s{number}", **bodies.session(number), **facts}


def retraction(rating_id: str, **facts: Any) -> Document:
    return {"type": "retraction", "rating_id": rating_id, **facts}


def text_of(*lines: Mapping[str, Any]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


async def post(client: httpx.AsyncClient, content: Any, path: str = "/v1/batch") -> list[Document]:
    """Return the answers to a batch, the last line included."""
    response = await client.post(path, content=content, headers=LINES)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


def end(created: int = 0, same: int = 0, changed: int = 0, refused: int = 0) -> Document:
    return {"end": True, "created": created, "same": same, "changed": changed, "refused": refused}


async def test_every_kind_of_line(client: httpx.AsyncClient) -> None:
    answers = await post(client, text_of(case(), session(), rating(), rating("eva")))
    ids = [answer.get("id") for answer in answers]
    assert answers == [
        {"line": 1, "status": 201, "id": CASE, "revision": 1},
        {"line": 2, "status": 201, "id": "s1", "revision": 1},
        {"line": 3, "status": 201, "id": ids[2], "revision": 1},
        {"line": 4, "status": 201, "id": ids[3], "revision": 1},
        end(created=4),
    ]
    found = (await client.get(f"/v1/ratings/{ids[2]}")).json()
    assert (found["rater"]["id"], found["revision"], found["state"]) == ("ana", 1, "live")


async def test_sent_again(client: httpx.AsyncClient) -> None:
    """The same upload changes nothing; every line answers with what is there."""
    content = text_of(case(), session(), rating(), rating("eva"))
    first, again = await post(client, content), await post(client, content)
    assert again == [*({**answer, "status": 200} for answer in first[:-1]), end(same=4)]


async def test_what_changes(client: httpx.AsyncClient) -> None:
    """A higher record version corrects, a lower one is stale, and stale counts as same."""
    first = await post(client, text_of(rating(record_version=2)))
    lines = [
        rating(total=50.0, record_version=3),
        rating(total=10.0, record_version=1),
        case(mandated=True),
        retraction(first[0]["id"], reason="withdrawn"),
        retraction(first[0]["id"], reason="withdrawn"),
    ]
    answers = await post(client, text_of(*lines))
    assert [answer["status"] for answer in answers[:-1]] == [200] * 5
    assert answers[-1] == end(same=2, changed=3)
    stored = (await client.get(f"/v1/ratings/{first[0]['id']}")).json()
    assert (stored["state"], stored["state_reason"], stored["revision"]) == ("retracted", "withdrawn", 3)
    assert stored["record_version"] == 3


async def test_each_line_has_its_own_fate(client: httpx.AsyncClient) -> None:
    lines = [
        rating("eva"),
        rating("eva", total=20.0),
        {"type": "rating"},
        rating("tom", answers={"goals": 99}),
        retraction(UNKNOWN),
        rating("ana"),
    ]
    answers = await post(client, text_of(*lines))
    assert [answer["line"] for answer in answers[:-1]] == [1, 2, 3, 4, 5, 6]
    assert [answer["status"] for answer in answers[:-1]] == [201, 409, 422, 422, 404, 201]
    assert answers[-1] == end(created=2, refused=4)
    problems = [answer["problem"] for answer in answers[1:5]]
    assert [problem["code"] for problem in problems] == ["rating-differs", "invalid", "invalid", "not-found"]
    assert problems[0]["rating_id"] == answers[0]["id"]
    assert "/answers/goals" in [fault["pointer"] for fault in problems[0]["errors"]]
    assert ("/rater", "missing") in [(fault["pointer"], fault["code"]) for fault in problems[1]["errors"]]


async def test_lines_act_in_order(client: httpx.AsyncClient) -> None:
    """A line may rest on the one before it: a family becomes fixed between a stranger's ratings."""
    fixed = case(membership="fixed")
    answers = await post(client, text_of(case(), rating("oma", 90.0, 1), fixed, rating("kim", 90.0, 2)))
    assert [answer["status"] for answer in answers[:-1]] == [201, 201, 409, 201]
    fixed["members"] = bodies.members("eva", "tom", "ana", "kim", "oma")
    answers = await post(client, text_of(fixed, rating("zoe", 90.0, 3), rating("kim", 90.0, 3)))
    assert [answer["status"] for answer in answers[:-1]] == [200, 422, 201]


SCOPES = [
    (("ratings:write",), [403, 403, 201, 404]),
    (("cases:write",), [201, 201, 403, 403]),
    (("cases:write", "ratings:write"), [201, 201, 201, 404]),
    (("course:read", "alerts:read", "alerts:handle"), [403, 403, 403, 403]),
]


@pytest.mark.parametrize(("scopes", "statuses"), SCOPES)
async def test_scopes_hold_per_line(
    app: FastAPI, new_key: NewKey, scopes: tuple[str, ...], statuses: list[int]
) -> None:
    async with client_of(app, await new_key(*scopes)) as client:
        answers = await post(client, text_of(case(), session(), rating(), retraction(UNKNOWN)))
    assert [answer["status"] for answer in answers[:-1]] == statuses
    refused = [answer["problem"]["code"] for answer in answers[:-1] if answer["status"] == 403]
    assert set(refused) <= {"missing-scope"}


async def test_a_key_revoked_meanwhile(
    app: FastAPI, client: httpx.AsyncClient, key: str, engine: AsyncEngine, organization: UUID
) -> None:
    """A key that ends while its batch arrives stores nothing of it: every line hears so; the next batch is refused."""
    token = parse_token(key)
    assert token is not None

    async def arriving() -> AsyncIterator[bytes]:
        yield text_of(case(mandated=True)).encode()
        await revoke_key(engine, organization, token.key_id, NOW)
        yield text_of(rating()).encode()

    answers = await post(client, arriving())
    assert [(answer["status"], answer["problem"]["code"]) for answer in answers[:-1]] == [(401, "key-revoked")] * 2
    assert (await client.post("/v1/batch", content=b"", headers=LINES)).status_code == 401
    assert (await client.get("/v1/ratings")).status_code == 401


async def test_an_over_long_line_is_refused_alone(client: httpx.AsyncClient) -> None:
    long = json.dumps(rating("tom")) + " " * LONGEST_LINE
    answers = await post(client, text_of(rating("eva")) + long + "\n" + text_of(rating("ana")))
    assert [answer["status"] for answer in answers[:-1]] == [201, 413, 201]
    assert answers[1]["problem"]["code"] == "too-large"


async def test_blank_lines_are_numbered_and_have_no_answer(client: httpx.AsyncClient) -> None:
    answers = await post(client, "\n  \n" + text_of(rating("eva")) + "\r\n" + json.dumps(rating("ana")))
    assert [(answer["line"], answer["status"]) for answer in answers[:-1]] == [(3, 201), (5, 201)]


@pytest.mark.parametrize("content", ["", "\n", " \r\n\t\n\n"])
async def test_nothing(client: httpx.AsyncClient, content: str) -> None:
    assert await post(client, content) == [end()]


@pytest.mark.parametrize(
    "media_type", ["application/x-ndjson", "application/jsonl", "application/ndjson; charset=utf-8"]
)
async def test_media_types(client: httpx.AsyncClient, media_type: str) -> None:
    response = await client.post("/v1/batch", content=text_of(rating()), headers={"Content-Type": media_type})
    assert response.status_code == 200


async def test_answers_show_no_figures(client: httpx.AsyncClient) -> None:
    """However loud the session is: lines say what was stored, the course says what it means."""
    loud = {"type": "session", "case_id": CASE, "session_id": "s1", **bodies.hostile()}
    answers = await post(client, text_of(loud, rating("eva"), rating("tom")))
    assert {frozenset(answer) for answer in answers[:-1]} == {frozenset({"line", "status", "id", "revision"})}
    assert len((await client.get("/v1/alerts")).json()["items"]) == 1


@pytest.mark.parametrize(("query", "origin"), [("", "live"), ("?deliver=true", "live"), ("?deliver=false", "backfill")])
async def test_backfill(client: httpx.AsyncClient, query: str, origin: str) -> None:
    """Old stories open alerts that nobody is to be told about."""
    loud = {"type": "session", "case_id": CASE, "session_id": "s1", **bodies.hostile()}
    await post(client, text_of(loud), f"/v1/batch{query}")
    (alert,) = (await client.get("/v1/alerts")).json()["items"]
    assert (alert["rule"], alert["origin"]) == ("hostility-to-therapist", origin)


async def test_more_lines_than_may_wait(settings: Settings, clock: Clock, key: str) -> None:
    """The queue holds eight: lines wait for those before them, in order, and none is turned away."""
    app = create_app(settings.model_copy(update={"queue_limit": 8}), clock)
    count = 300
    async with app.router.lifespan_context(app), client_of(app, key) as client:
        answers = await post(client, text_of(*(rating(case_id=f"c{number}") for number in range(count))))
    assert [(answer["line"], answer["status"]) for answer in answers[:-1]] == [(line + 1, 201) for line in range(count)]


async def test_more_lines_than_are_read_ahead(client: httpx.AsyncClient) -> None:
    """Refused lines take their place in the order too, though their fate is known first."""
    count = 2 * AHEAD + 10
    lines = [rating(case_id=f"c{number}") if number % 9 == 0 else {"type": "rating"} for number in range(count)]
    answers = await post(client, text_of(*lines))
    assert [answer["line"] for answer in answers[:-1]] == list(range(1, count + 1))
    assert [answer["status"] for answer in answers[:-1]] == [201 if n % 9 == 0 else 422 for n in range(count)]
    created = len(range(0, count, 9))
    assert answers[-1] == end(created=created, refused=count - created)


async def test_every_place_is_free_again(app: FastAPI, client: httpx.AsyncClient) -> None:
    """However its batch ended."""
    for content in (text_of(rating()), b"nonsense", b"x" * (32 * 1024 * 1024 + 1)):
        await client.post("/v1/batch", content=content, headers=LINES)
        assert app.state.service.batches == {}


@pytest.mark.parametrize(
    ("mine", "others", "status"),
    [
        (0, MOST_AT_ONCE - 1, 200),
        (0, MOST_AT_ONCE, 503),
        (MOST_OF_ONE - 1, 0, 200),
        (MOST_OF_ONE, 0, 503),
    ],
)
async def test_a_process_takes_a_few_at_once(
    app: FastAPI, client: httpx.AsyncClient, organization: UUID, mine: int, others: int, status: int
) -> None:
    """And only some of them of one organization: it cannot keep the others out."""
    app.state.service.batches.update({organization: mine, UUID(int=1): others})
    response = await client.post("/v1/batch", content=text_of(rating()), headers=LINES)
    assert response.status_code == status
    if status == 503:
        assert response.json()["code"] == "queue-full"
        assert int(response.headers["retry-after"]) > 0
