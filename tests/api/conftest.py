"""The real application on the real database, inside this process, with a clock that a test may set."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.identity import ALL, create_key, create_organization
from service.main import create_app
from service.settings import Settings
from tests.api import contract
from tests.factories import NOW

NewKey = Callable[..., Awaitable[str]]


@dataclass(slots=True)
class Clock:
    """The time of the service under test."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def app(settings: Settings, clock: Clock) -> AsyncIterator[FastAPI]:
    """Return the application, started; it ends in order."""
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def new_key(engine: AsyncEngine, organization: UUID) -> NewKey:
    """Return what makes keys: `await new_key("ratings:write")` in the test's organization, or in another one."""

    async def make(*scopes: str, of: UUID | None = None, expires_at: datetime | None = None) -> str:
        return await create_key(engine, of or organization, scopes or (ALL,), NOW - timedelta(days=1), expires_at)

    return make


@pytest.fixture
async def other_organization(engine: AsyncEngine) -> UUID:
    """Return the id of a second organization, which is to see nothing of the first."""
    return (await create_organization(engine, f"other clinic {uuid4()}", True, NOW - timedelta(days=9))).organization_id


@pytest.fixture
async def key(new_key: NewKey) -> str:
    """Return a key of every scope."""
    return await new_key()


@pytest.fixture
async def client(app: FastAPI, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client with a key of every scope; each of its answers is held against the contract."""
    async with client_of(app, key) as client:
        yield client


def client_of(app: FastAPI, key: str | None) -> httpx.AsyncClient:
    """Return a client of an application that sends a key, or none."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://evenkeel.test",
        headers=bearer(key) if key else {},
        event_hooks={"response": [contract.check]},
    )


def bearer(key: str) -> dict[str, str]:
    """Return the header that carries a key."""
    return {"Authorization": f"Bearer {key}"}
