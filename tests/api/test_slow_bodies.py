"""A body that comes byte by byte and never ends is not waited for; what came of it is stored nowhere."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from service.api import keyed
from tests.api import contract
from tests.api.bodies import rating
from tests.api.conftest import bearer

pytestmark = pytest.mark.anyio


class Dripping:
    """An application to which every body comes one byte at a time, without end."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def drip() -> Message:
            await asyncio.sleep(0.001)
            return {"type": "http.request", "body": b" ", "more_body": True}

        await self.app(scope, drip if scope["method"] != "GET" else receive, send)


@pytest.fixture
async def slow(app: FastAPI, key: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Dripping(app))
    hooks = {"response": [contract.check]}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://evenkeel.test", headers=bearer(key), event_hooks=hooks
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/ratings"), ("PUT", "/v1/cases/c"), ("PATCH", "/v1/cases/c")]
)
async def test_a_slow_body(slow: httpx.AsyncClient, method: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "READ_SECONDS", 0.05)
    response = await slow.request(method, path, json=rating())
    assert (response.status_code, response.json()["code"]) == (408, "request-timeout")
    assert (await slow.get("/v1/cases")).json()["items"] == []
