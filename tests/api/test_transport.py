"""What holds for every answer: a request id, safe headers, HEAD for every GET, and a 500 that says nothing."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from service.api.transport import SAFE, Transport
from tests.api.bodies import rating
from tests.api.conftest import client_of

pytestmark = pytest.mark.anyio


async def test_each_answer_has_an_id_of_its_own_and_safe_headers(client: httpx.AsyncClient) -> None:
    paths = ("/livez", "/v1/cases", "/v1/cases/none", "/nowhere", "/v1/cases?limit=x", "/openapi.json")
    answers = [await client.get(path) for path in paths]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(paths)
    for answer in answers:
        assert [answer.headers[name.decode()] for name, _ in SAFE] == [value.decode() for _, value in SAFE]
        assert answer.headers["cache-control"] == "no-store"
        assert "server" not in answer.headers


async def test_an_id_that_a_client_sends_is_not_taken_over(client: httpx.AsyncClient) -> None:
    answer = await client.get("/livez", headers={"X-Request-Id": "mine"})
    assert answer.headers["x-request-id"] != "mine"


@pytest.mark.parametrize(
    "path", ["/livez", "/metrics", "/v1/cases", "/v1/cases/fam-42/course", "/v1/instruments/srs", "/v1/alerts", "/v1/x"]
)
async def test_head_is_get_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    await client.post("/v1/ratings", json=rating())
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    varying = {"x-request-id", "content-length"} if path == "/metrics" else {"x-request-id"}
    assert {name: value for name, value in head.headers.items() if name not in varying} == {
        name: value for name, value in got.headers.items() if name not in varying
    }


async def test_head_needs_a_key_too(app: FastAPI) -> None:
    async with client_of(app, None) as stranger:
        answer = await stranger.head("/v1/cases")
    assert (answer.status_code, answer.content) == (401, b"")


def _client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://evenkeel.test")


async def test_what_nobody_foresaw_is_a_500_that_says_nothing() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("canary")

    with capture_logs() as logs:
        async with _client(Transport(failing)) as client:
            answer = await client.get("/canary")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert (answer.json()["code"], "canary" in answer.text) == ("internal-error", False)
    assert answer.headers["x-request-id"] == logs[0]["request_id"]
    assert (logs[0]["event"], logs[0]["error"], "canary" in str(logs)) == ("unforeseen", "RuntimeError", False)


async def test_an_answer_that_had_begun_is_broken_off() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("canary")

    async with _client(Transport(failing)) as client:
        with pytest.raises(ConnectionAbortedError) as raised:
            await client.get("/")
    assert "canary" not in str(raised.value)
    assert raised.value.__suppress_context__
