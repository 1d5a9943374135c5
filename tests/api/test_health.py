"""Health: alive whatever the database does, ready only when requests may come, and never kept in a cache."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from service.api.keyed import Service
from service.db.engine import connected
from service.main import create_app
from service.settings import Settings
from tests.api.bodies import rating
from tests.api.conftest import client_of

pytestmark = pytest.mark.anyio

PATHS = ("/livez", "/readyz", "/startupz")


async def states(client: httpx.AsyncClient) -> list[int]:
    return [(await client.get(path)).status_code for path in PATHS]


async def reason(client: httpx.AsyncClient) -> str:
    answered = await client.get("/readyz")
    assert (answered.status_code, answered.json()["code"], answered.headers["retry-after"]) == (503, "not-ready", "2")
    (fault,) = answered.json()["errors"]
    return str(fault["code"])


@pytest.fixture
async def on_empty(empty_database_url: str) -> AsyncIterator[FastAPI]:
    """Return the application on a database that no migration has touched."""
    app = create_app(Settings(pool_size=2).with_database(empty_database_url))
    async with app.router.lifespan_context(app):
        yield app


async def test_all_is_well(client: httpx.AsyncClient) -> None:
    for path, status in zip(PATHS, ("alive", "ready", "started"), strict=True):
        answered = await client.get(path)
        assert (answered.status_code, answered.json()) == (200, {"status": status})
        assert answered.headers["cache-control"] == "no-store"


async def test_asked_to_stop_it_is_not_ready_but_serves_on(app: FastAPI, client: httpx.AsyncClient) -> None:
    service: Service = app.state.service
    service.draining = True
    assert await states(client) == [200, 503, 200]
    assert await reason(client) == "draining"
    assert (await client.post("/v1/ratings", json=rating())).status_code == 201


async def test_without_migrations(on_empty: FastAPI) -> None:
    async with client_of(on_empty, None) as client:
        assert await states(client) == [200, 503, 503]
        assert await reason(client) == "not-migrated"


@pytest.mark.parametrize(
    ("head", "oldest", "expected"), [("9999_newer", "0.0.1", None), ("9999_newer", "99.0", "version-too-old")]
)
async def test_on_a_newer_database(on_empty: FastAPI, head: str, oldest: str, expected: str | None) -> None:
    service: Service = on_empty.state.service
    async with connected(service.engine) as connection:
        await connection.execute(text("CREATE TABLE release (head text, min_app_version text)"))
        named = {"head": head, "oldest": oldest}
        await connection.execute(text("INSERT INTO release VALUES (:head, :oldest)"), named)
        await connection.commit()
    async with client_of(on_empty, None) as client:
        assert await states(client) == ([200] * 3 if expected is None else [200, 503, 503])
        if expected is not None:
            assert await reason(client) == expected


async def test_without_a_database() -> None:
    nowhere = Settings(pool_seconds=1.0).with_database("postgresql://nobody@127.0.0.1:1/none")
    app = create_app(nowhere)
    async with app.router.lifespan_context(app), client_of(app, None) as client:
        assert await states(client) == [200, 503, 503]
        assert await reason(client) == "database-unavailable"


async def test_metrics(client: httpx.AsyncClient) -> None:
    await client.post("/v1/ratings", json=rating())
    answered = await client.get("/metrics")
    assert answered.headers["content-type"].startswith("text/plain")
    assert answered.headers["cache-control"] == "no-store"
    assert 'evenkeel_requests_total{method="POST",route="/v1/ratings",status="201"} 1.0' in answered.text
    assert "evenkeel_batch_commands_count 1.0" in answered.text


async def test_metrics_with_a_port_of_their_own_are_not_here(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"metrics_port": 0}))
    async with app.router.lifespan_context(app), client_of(app, None) as client:
        assert (await client.get("/metrics")).status_code == 404
