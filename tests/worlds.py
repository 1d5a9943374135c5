"""An organization on a migrated database, for tests that speak to a server process: its keys, and what it stores."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import make_engine
from service.db.identity import ALL, create_key, create_organization
from service.settings import Settings

LONG_AGO = datetime(2025, 12, 1, tzinfo=UTC)
PATIENCE = 60.0  # seconds for one answer; a busy machine
TABLES = (
    "cases",
    "sessions",
    "ratings",
    "revisions",
    "carries",
    "alerts",
    "handlings",
    "subscriptions",
    "deliveries",
    "repairs",
    "episodes",
    "audit",
    "jobs",
    "chunks",
)

EVERYTHING = sql.SQL(" UNION ALL ").join(
    sql.SQL(
        "SELECT {}, count(*), md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), ''))"
        " FROM {} t WHERE organization_id = %(organization_id)s"
    ).format(table, sql.Identifier(table))
    for table in TABLES
)

Answer = TypeVar("Answer")
Stored = dict[str, tuple[int, str]]  # table → rows, digest


@dataclass(frozen=True, slots=True)
class World:
    """One organization of a database."""

    database_url: str
    organization_id: UUID

    def key(self, *scopes: str) -> str:
        """Return a new key; without scopes one of all."""

        async def make(engine: AsyncEngine) -> str:
            return await create_key(engine, self.organization_id, scopes or (ALL,), LONG_AGO)

        return with_engine(self.database_url, make)

    def stored(self, connection: psycopg.Connection[Any] | None = None) -> Stored:
        """Return how many rows each table has and a digest of them; two equal answers mean that nothing changed."""
        if connection is None:
            with psycopg.connect(self.database_url) as own:
                return self.stored(own)
        rows = connection.execute(EVERYTHING, {"organization_id": self.organization_id}).fetchall()
        return {table: (count, digest) for table, count, digest in rows}

    def count(self, table: str) -> int:
        return self.stored()[table][0]


def new_world(database_url: str) -> World:
    """Return an organization that nobody else uses."""

    async def make(engine: AsyncEngine) -> World:
        made = await create_organization(engine, f"clinic {uuid4()}", True, LONG_AGO)
        return World(database_url, made.organization_id)

    return with_engine(database_url, make)


def with_engine(database_url: str, work: Callable[[AsyncEngine], Awaitable[Answer]]) -> Answer:
    """Run something on an engine of its own."""

    async def run() -> Answer:
        engine = make_engine(Settings(pool_size=2).with_database(database_url))
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def caller(address: str, key: str | None, **options: Any) -> httpx.Client:
    """Return a client of a server process."""
    headers: Mapping[str, str] = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=address, headers=headers, timeout=PATIENCE, **options)
