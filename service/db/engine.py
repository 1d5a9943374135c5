"""The engine, and the one way to a database handle: a transaction of one organization."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
from sqlalchemy import CursorResult, Executable, Uuid, bindparam
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from service.domain.memory import encode
from service.settings import Settings

DIALECT = "postgresql+asyncpg://"
# PostgreSQL's classes of trouble that is not ours: connection, log-in, catalogue, rollback (deadlock), resources,
# not in the state for it (taking no connections), operator intervention, its own system
PASSING = ("08", "28", "3D", "40", "53", "55", "57", "58")


# whose rows a statement is about; statements are made once, so that the work of building them is not done per request
ORGANIZATION = bindparam("of_organization", type_=Uuid())

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Unavailable(Exception):
    """The database cannot be had or did not finish; nothing was stored, trying again is right."""


class AmbiguousCommit(Unavailable):
    """The connection was lost during COMMIT: stored or not, nobody knows; sending the same again is safe."""


@dataclass(frozen=True, slots=True)
class Db:
    """The database handle: one transaction of one organization. There is none without an organization."""

    organization_id: UUID
    connection: AsyncConnection

    async def execute(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Run one statement; many rows of parameters go in one round trip.

        Given parameters are completed by the organization: as a column of what is inserted, else as `ORGANIZATION`.
        """
        return await self.connection.execute(statement, self._of_organization(statement, parameters))

    def _of_organization(self, statement: Executable, parameters: Parameters) -> Parameters:
        own = {"organization_id" if statement.is_insert else ORGANIZATION.key: self.organization_id}
        if isinstance(parameters, Mapping):
            return {**own, **parameters}
        return None if parameters is None else [{**own, **row} for row in parameters]


def make_engine(settings: Settings, pool_size: int | None = None) -> AsyncEngine:
    """Return the engine of a process."""
    return create_async_engine(
        DIALECT,
        pool_size=pool_size or settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_seconds,
        hide_parameters=True,
        json_serializer=encode,
        json_deserializer=orjson.loads,
        connect_args=connect_arguments(settings),
    )


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


@asynccontextmanager
async def transaction(engine: AsyncEngine, organization_id: UUID) -> AsyncIterator[Db]:
    """Yield the handle of one transaction of one organization; commit when the block ends, roll back if it raises.

    Raises Unavailable when the database cannot be reached, is out of resources or took too long, and
    AmbiguousCommit when the connection broke while committing.
    """
    async with connected(engine) as connection:
        begun = await connection.begin()
        yield Db(organization_id, connection)
        await _commit(begun.commit())


@asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Yield a bare connection, for the little that stands outside every organization: releases, the list of tenants.

    Raises Unavailable as `transaction` does; nothing commits by itself.
    """
    try:
        async with engine.connect() as connection:
            yield connection
    except (TimeoutError, OSError, PoolTimeout, InterfaceError) as error:
        raise Unavailable(type(error).__name__) from error
    except DBAPIError as error:
        if error.connection_invalidated or isinstance(error, OperationalError) or _state(error).startswith(PASSING):
            raise Unavailable(_state(error) or type(error).__name__) from error
        raise


async def _commit(committing: Any) -> None:
    try:
        await committing
    except (TimeoutError, OSError, DBAPIError) as error:
        raise AmbiguousCommit(type(error).__name__) from error


def _state(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")
