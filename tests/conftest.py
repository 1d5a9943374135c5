"""One real PostgreSQL for a run, migrated; each test has an organization of its own, so nothing is ever emptied."""

import asyncio
import os
import shutil
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.embedded import EmbeddedServer
from service.db.engine import Db, make_engine, transaction
from service.db.identity import create_organization
from service.db.migrations import upgrade
from service.settings import Settings
from tests.node import bring_scripts
from tests.writes import Desk, let_in

SECRET_KEYS = b64encode(bytes(range(32))).decode()
GIVEN = "EVENKEEL_TEST_DATABASE_URL"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """Hide the operator's own settings from the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("EVENKEEL_") and name != GIVEN]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """Return the address of the run's server: the given one, else an embedded one that forgets everything."""
    given = os.environ.get(GIVEN)
    if given is not None:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="evenkeel-tests-"))
    folder.chmod(0o711)  # as root another user runs the server and must get through
    try:
        with EmbeddedServer(folder / "data", fast=True).running() as url:
            yield url
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def empty_database_url(server_url: str) -> Iterator[str]:
    """Return the address of a database in which nothing is yet, this test's own."""
    with own_database(server_url) as url:
        yield url


@pytest.fixture(scope="session")
def database_url(server_url: str) -> Iterator[str]:
    """Return the address of the run's migrated database."""
    with own_database(server_url) as url:
        upgrade(Settings().with_database(url))
        yield url


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the scripts in JavaScript and the packages that they need."""
    folder = tmp_path_factory.mktemp("javascript") / "clients"
    bring_scripts(folder)
    return folder


@pytest.fixture(scope="session")
def settings(database_url: str) -> Settings:
    """Return the settings of a service on the test database; jobs are done by the test that asks for them."""
    return Settings(
        pool_size=4,
        job_processes=0,
        secret_keys=SecretStr(SECRET_KEYS),
        smtp_host="localhost",  # where only a worker would send something
        smtp_sender="evenkeel@clinic.example",
    ).with_database(database_url)


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Return an engine of this test's event loop."""
    engine = make_engine(settings)
    yield engine
    await engine.dispose()


@pytest.fixture
async def organization(engine: AsyncEngine) -> UUID:
    """Return the id of an organization that nobody else uses."""
    made = await create_organization(engine, f"clinic {uuid4()}", True, datetime(2026, 1, 1, tzinfo=UTC))
    return made.organization_id


@pytest.fixture
async def db(engine: AsyncEngine, organization: UUID) -> AsyncIterator[Db]:
    """Return a handle whose transaction commits when the test ends."""
    async with transaction(engine, organization) as db:
        yield db


@pytest.fixture
async def desk(engine: AsyncEngine, organization: UUID) -> Desk:
    """Return somebody who writes for the organization, with the key that the commands of the factories name."""
    await let_in(engine, organization)
    return Desk(engine, organization)


@contextmanager
def own_database(server: str) -> Iterator[str]:
    """Yield the address of a new database on a server and drop it afterwards, whoever is still connected."""
    name = f"evenkeel_test_{uuid4().hex}"
    asyncio.run(_tell(server, f'CREATE DATABASE "{name}"'))
    try:
        yield make_url(server).set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        asyncio.run(_tell(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@contextmanager
def own_settings(server: str) -> Iterator[Settings]:
    """Yield the settings of a service on a new, migrated database, which is dropped afterwards."""
    with own_database(server) as url:
        upgrade(Settings().with_database(url))
        yield Settings(pool_size=8).with_database(url)


async def _tell(server: str, statement: str) -> None:
    url = make_url(server)
    connection = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
