"""Browsers: pages of the origins that were named may call, others may not; no cookie ever."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from service.api.browsers import METHODS, SENT
from service.main import create_app
from service.settings import Settings
from tests.api.conftest import Clock, bearer, client_of

pytestmark = pytest.mark.anyio

APP = "https://app.clinic.example"


@pytest.fixture
async def app(settings: Settings, clock: Clock) -> AsyncIterator[FastAPI]:
    app = create_app(settings.model_copy(update={"allowed_origins": f"{APP}, http://localhost:5173"}), clock)
    async with app.router.lifespan_context(app):
        yield app


async def asked(client: httpx.AsyncClient, origin: str, method: str = "POST", header: str = "authorization") -> bool:
    """Tell whether a browser learns that a page of an origin may send such a request."""
    headers = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": header}
    answered = await client.request("OPTIONS", "/v1/handling/batch", headers=headers)
    let_in = answered.headers.get("access-control-allow-origin") == origin
    return let_in and answered.status_code == 200


async def test_who_may_ask(app: FastAPI) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://evenkeel.test") as bare:
        for method in METHODS:
            assert await asked(bare, APP, method)
        for header in SENT:
            assert await asked(bare, "http://localhost:5173", header=header.lower())
        for origin in ("https://evil.example", f"{APP}.evil.example", "http://app.clinic.example", "null"):
            assert not await asked(bare, origin)
        assert not await asked(bare, APP, header="cookie")


async def test_what_a_page_reads(client: httpx.AsyncClient) -> None:
    answered = await client.get("/v1/alerts", headers={"Origin": APP})
    assert answered.headers["access-control-allow-origin"] == APP
    assert "access-control-allow-credentials" not in answered.headers
    assert "Origin" in answered.headers["vary"]
    assert "ETag" in answered.headers["access-control-expose-headers"]
    stranger = await client.get("/v1/alerts", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers


async def test_a_refusal_can_be_read_too(app: FastAPI) -> None:
    async with client_of(app, None) as bare:
        answered = await bare.get("/v1/alerts", headers={"Origin": APP})
    assert (answered.status_code, answered.headers["access-control-allow-origin"]) == (401, APP)


async def test_nobody_unless_named(settings: Settings, key: str, clock: Clock) -> None:
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app), client_of(app, None) as bare:
        answered = await bare.get("/v1/alerts", headers={**bearer(key), "Origin": APP})
    assert answered.status_code == 200
    assert not [name for name in answered.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origins",
    ["*", "http://app.clinic.example", "https://app.clinic.example/", "https://*.clinic.example", "app.clinic.example"],
)
def test_what_is_no_origin(origins: str) -> None:
    with pytest.raises(ValueError):
        Settings(allowed_origins=origins)
