import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import AmbiguousCommit, Db, Unavailable, connected, make_engine, transaction
from service.settings import Settings

pytestmark = pytest.mark.anyio

ANYBODY = UUID(int=7)


async def _value(engine: AsyncEngine, query: str) -> object:
    async with transaction(engine, ANYBODY) as db:
        return (await db.execute(text(query))).scalar_one()


@pytest.fixture
async def table(engine: AsyncEngine) -> AsyncIterator[str]:
    """Return the name of a new table of one column."""
    name = f"t_{uuid4().hex}"
    async with transaction(engine, ANYBODY) as db:
        await db.execute(text(f"CREATE TABLE {name} (n integer PRIMARY KEY)"))
    yield name
    async with transaction(engine, ANYBODY) as db:
        await db.execute(text(f"DROP TABLE {name}"))


async def test_a_handle_names_its_organization(engine: AsyncEngine) -> None:
    async with transaction(engine, ANYBODY) as db:
        assert db.organization_id == ANYBODY


async def test_a_transaction_commits_at_its_end_or_not_at_all(engine: AsyncEngine, table: str) -> None:
    async with transaction(engine, ANYBODY) as db:
        await db.execute(text(f"INSERT INTO {table} VALUES (1)"))

    async def fail() -> None:
        async with transaction(engine, ANYBODY) as db:
            await db.execute(text(f"INSERT INTO {table} VALUES (2)"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await _value(engine, f"SELECT array_agg(n) FROM {table}") == [1]


async def test_a_cancelled_transaction_rolls_back_and_gives_its_connection_back(settings: Settings, table: str) -> None:
    engine = make_engine(settings, pool_size=1)
    inside = asyncio.Event()

    async def wait_inside() -> None:
        async with transaction(engine, ANYBODY) as db:
            await db.execute(text(f"INSERT INTO {table} VALUES (1)"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait_inside())
    await inside.wait()
    task.cancel()
    await asyncio.wait([task])
    assert await _value(engine, f"SELECT count(*) FROM {table}") == 0
    await engine.dispose()


async def test_faults_of_ours_are_not_called_unavailable(engine: AsyncEngine, table: str) -> None:
    with pytest.raises(ProgrammingError):
        await _value(engine, "SELECT nonsense")
    with pytest.raises(IntegrityError):
        await _value(engine, f"INSERT INTO {table} VALUES (1), (1) RETURNING n")


# --- trouble that passes


@pytest.mark.parametrize("missing", ["database", "user", "server"])
async def test_a_database_that_cannot_be_reached(settings: Settings, missing: str) -> None:
    known, nobody = make_url(settings.address), "nobody_made_this"
    url = {
        "database": known.set(database=nobody),
        "user": known.set(username=nobody),
        "server": make_url(f"postgresql://evenkeel:secret@/evenkeel?host=/tmp/{nobody}"),
    }[missing]
    engine = make_engine(settings.with_database(url.render_as_string(hide_password=False)))
    with pytest.raises(Unavailable) as caught:
        await _value(engine, "SELECT 1")
    assert nobody not in str(caught.value)
    with pytest.raises(Unavailable):
        async with connected(engine):
            pass
    await engine.dispose()


async def test_a_pool_that_is_empty_for_too_long(settings: Settings) -> None:
    engine = make_engine(settings.model_copy(update={"pool_seconds": 0.2}), pool_size=1)
    async with transaction(engine, ANYBODY):
        with pytest.raises(Unavailable, match="TimeoutError"):
            await _value(engine, "SELECT 1")
    assert await _value(engine, "SELECT 1") == 1
    await engine.dispose()


async def test_a_statement_that_takes_too_long(settings: Settings) -> None:
    engine = make_engine(settings.model_copy(update={"statement_seconds": 0.2}), pool_size=1)
    with pytest.raises(Unavailable):
        await _value(engine, "SELECT 1 FROM pg_sleep(30)")
    assert await _value(engine, "SELECT 1") == 1
    await engine.dispose()


async def _break_within(settings: Settings, engine: AsyncEngine, table: str, last: str | None) -> None:
    """Insert a row, lose the connection to somebody who ends it, then say something more or commit."""
    other = make_engine(settings, pool_size=1)
    async with transaction(engine, ANYBODY) as db:
        await db.execute(text(f"INSERT INTO {table} VALUES (1)"))
        pid = (await db.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        assert await _value(other, f"SELECT pg_terminate_backend({pid})")
        await other.dispose()
        if last is not None:
            await db.execute(text(last))


@pytest.mark.parametrize(("last", "raised"), [("SELECT 1", Unavailable), (None, AmbiguousCommit)])
async def test_a_connection_that_breaks(
    settings: Settings, table: str, last: str | None, raised: type[Unavailable]
) -> None:
    engine = make_engine(settings, pool_size=1)
    with pytest.raises(Unavailable) as caught:
        await _break_within(settings, engine, table, last)
    assert type(caught.value) is raised
    assert await _value(engine, f"SELECT count(*) FROM {table}") == 0  # on a new connection
    await engine.dispose()


async def test_a_deadlock_is_trouble_that_passes(engine: AsyncEngine, table: str) -> None:
    async with transaction(engine, ANYBODY) as db:
        await db.execute(text(f"INSERT INTO {table} VALUES (1), (2)"))
    first_has, second_has = asyncio.Event(), asyncio.Event()

    async def lock(db: Db, n: int) -> None:
        await db.execute(text(f"SELECT n FROM {table} WHERE n = {n} FOR UPDATE"))

    async def take(first: int, second: int, mine: asyncio.Event, theirs: asyncio.Event) -> None:
        async with transaction(engine, ANYBODY) as db:
            await lock(db, first)
            mine.set()
            await theirs.wait()
            await lock(db, second)

    ends = await asyncio.gather(
        take(1, 2, first_has, second_has), take(2, 1, second_has, first_has), return_exceptions=True
    )
    assert [(type(end), str(end)) for end in ends if end is not None] == [(Unavailable, "40P01")]


# --- prepared statements


async def _prepared(engine: AsyncEngine) -> int:
    """Return how many prepared statements are left on the one connection, after some use."""
    for _ in range(3):
        assert await _value(engine, "SELECT 1") == 1
    async with connected(engine) as connection:
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert isinstance(driver, asyncpg.Connection)
        found: int = await driver.fetchval(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT 1'"
        )
        return found


@pytest.mark.parametrize(("prepare", "left"), [(True, 1), (False, 0)])
async def test_a_pooler_finds_nothing_of_ours_left_on_its_connection(
    settings: Settings, prepare: bool, left: int
) -> None:
    engine = make_engine(settings.model_copy(update={"database_prepare": prepare}), pool_size=1)
    assert await _prepared(engine) == left
    await engine.dispose()


async def test_one_address_may_hold_what_other_tools_understand(settings: Settings) -> None:
    mark = "&" if "?" in settings.address else "?"
    told = f"{settings.address}{mark}sslmode=prefer&application_name=evenkeel"
    engine = make_engine(settings.with_database(told), pool_size=1)
    assert await _value(engine, "SELECT current_setting('application_name')") == "evenkeel"
    await engine.dispose()


async def test_no_value_shows_in_an_error(engine: AsyncEngine, table: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with transaction(engine, ANYBODY) as db:
            await db.execute(text(f"INSERT INTO {table} VALUES (:n), (:n)"), {"n": 424242})
    assert "[SQL parameters hidden due to hide_parameters=True]" in str(caught.value)


async def test_documents_are_stored_as_they_are(engine: AsyncEngine) -> None:
    document = {"b": [1, 2.5, None, True], "a": 'é\u2028"\\', "c": {"d": 1e-7}}
    async with transaction(engine, ANYBODY) as db:
        statement = select(bindparam("document", type_=JSONB()))
        assert (await db.execute(statement, {"document": document})).scalar_one() == document
        with pytest.raises(Exception, match="Out of range float"):
            await db.execute(statement, {"document": {"a": float("nan")}})
