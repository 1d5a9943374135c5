"""The engine, and the one way to a database handle: a transaction of one organization."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
from sqlalchemy import CursorResult, Executable, event
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.db.statements import Insertion, Row, Statement
from service.domain.plain import encode
from service.settings import Settings

DIALECT = "postgresql+asyncpg://"
# what the driver raises when a connection is lost; the last when it is lost in the middle of a message
LOST = (TimeoutError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)
TROUBLE = (*LOST, asyncpg.PostgresError)
# PostgreSQL's classes of trouble that is not ours: connection, log-in, catalogue, rollback (deadlock), resources,
# not in the state for it (taking no connections), operator intervention, its own system
PASSING = ("08", "28", "3D", "40", "53", "55", "57", "58")


class Unavailable(Exception):
    """The database cannot be had or did not finish; nothing was stored, trying again is right."""


class AmbiguousCommit(Unavailable):
    """The connection was lost during COMMIT: stored or not, nobody knows; sending the same again is safe."""


@dataclass(frozen=True, slots=True)
class Db:
    """The database handle: one transaction of one organization. There is none without an organization.

    With a `caseload` it stands for somebody who sees only the cases of some therapists; `service.db.caseload` holds it.
    """

    organization_id: UUID
    connection: AsyncConnection
    driver: asyncpg.Connection
    caseload: tuple[str, ...] | None = None

    async def execute(self, statement: Executable, parameters: Row | None = None) -> CursorResult[Any]:
        """Run a statement that was made for this request."""
        return await self.connection.execute(statement, parameters)

    async def fetch(self, statement: Statement, **parameters: Any) -> list[dict[str, Any]]:
        """Run a statement that is the same for every request; return its rows."""
        arguments = statement.arguments(self.organization_id, parameters)
        return [dict(record) for record in await self.driver.fetch(statement.sql, *arguments)]

    async def run(self, statement: Statement, rows: Sequence[Row]) -> None:
        """Run a statement once for each row of parameters, all in one round trip."""
        if rows:
            arguments = [statement.arguments(self.organization_id, row) for row in rows]
            await self.driver.executemany(statement.sql, arguments)

    async def insert(self, insertion: Insertion, **rows: Sequence[Row]) -> None:
        """Put rows into tables, each by its name, all in one round trip."""
        if any(rows.values()):
            arguments = insertion.arguments(self.organization_id, insertion.lists(rows))
            await self.driver.execute(insertion.sql, *arguments)


def make_engine(settings: Settings, pool_size: int | None = None) -> AsyncEngine:
    """Return the engine of a process: its pool, and statements that are made per request.

    Transactions are begun on the driver's connection, so SQLAlchemy begins none of its own.
    """
    engine = create_async_engine(
        DIALECT,
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size or settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_seconds,
        hide_parameters=True,
        json_serializer=encode,
        json_deserializer=orjson.loads,
        connect_args=connect_arguments(settings),
    )
    event.listen(engine.sync_engine, "checkout", _lively)
    return engine


def connect_arguments(settings: Settings, patient: bool = False) -> dict[str, Any]:
    """Return what the driver is told; `patient` sets no limit to a statement, for migrations.

    It reads the address itself, so that all that PostgreSQL's own tools understand in one works here too (`sslmode`).
    Without prepared statements each carries a name of its own and no cache outlives a transaction, so that a pooler
    may hand every transaction another server connection.
    """
    arguments: dict[str, Any] = {"dsn": settings.address, "timeout": settings.pool_seconds}
    if not patient:
        arguments["command_timeout"] = settings.statement_seconds
    if not settings.prepare:
        arguments |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        arguments["prepared_statement_name_func"] = lambda: f"__evenkeel_{uuid4().hex}__"
    return arguments


def _lively(connection: Any, record: Any, proxy: Any) -> None:
    """Let the pool replace a connection that the server has closed meanwhile."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


@asynccontextmanager
async def transaction(
    engine: AsyncEngine, organization_id: UUID, keep: bool = True, caseload: tuple[str, ...] | None = None
) -> AsyncIterator[Db]:
    """Yield the handle of one transaction of one organization; commit when the block ends, roll back if it raises.

    With `keep` false it is rolled back in any case.

    Raises Unavailable when the database cannot be reached, is out of resources or took too long, and
    AmbiguousCommit when the connection broke while committing.
    """
    async with connected(engine) as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        begun = driver.transaction()
        await begun.start()
        try:
            yield Db(organization_id, connection, driver, caseload)
        except BaseException:
            await _roll_back(begun, driver)
            raise
        await (_commit(begun) if keep else _roll_back(begun, driver))


async def _roll_back(begun: Any, driver: Any) -> None:
    """Take a transaction back; a connection that cannot even do that is given up, and the server takes it back."""
    try:
        await begun.rollback()
    except TROUBLE:
        driver.terminate()


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a bare connection, for the little that stands outside every organization: releases, the list of tenants.

    Raises Unavailable as `transaction` does; nothing commits by itself.
    """
    try:
        async with engine.connect() as connection:
            yield connection
    except (PoolTimeout, InterfaceError, *LOST) as error:
        raise Unavailable(type(error).__name__) from error
    except (DBAPIError, asyncpg.PostgresError) as error:
        lost = isinstance(error, OperationalError) or getattr(error, "connection_invalidated", False)
        if lost or _state(error).startswith(PASSING):
            raise Unavailable(_state(error) or type(error).__name__) from error
        raise


async def _commit(begun: Any) -> None:
    try:
        await begun.commit()
    except TROUBLE as error:
        raise AmbiguousCommit(type(error).__name__) from error


def _state(error: Exception) -> str:
    return str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
