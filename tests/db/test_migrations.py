import asyncio
import re
import subprocess
import sys

import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import migrations
from service.db.engine import connected, make_engine
from service.db.migrations import Applied, applied, head, readiness, unfit
from service.db.tables import ReleaseRow, table_of
from service.settings import Settings

pytestmark = pytest.mark.anyio

NEWER = "f" * 12  # the migration of a later release, of which this one knows nothing
KNOWN = frozenset({"000000000001", "000000000002"})


@pytest.mark.parametrize(
    ("found", "version", "reason"),
    [
        (None, "1.0.0", "not-migrated"),
        (Applied(head(), "1.0.0"), "1.0.0", None),
        (Applied(head(), "9.0.0"), "1.0.0", None),  # our own newest one is ours, whatever it says
        (Applied("000000000001", "0.1.0"), "1.0.0", "migration-pending"),
        (Applied(NEWER, "1.0.0"), "1.0.0", None),
        (Applied(NEWER, "0.9.9"), "1.0.0", None),
        (Applied(NEWER, "1.0.0"), "1.10.0", None),  # by numbers, not by letters
        (Applied(NEWER, "1.9.0"), "1.10.0", None),
        (Applied(NEWER, "1.10.0"), "1.9.0", "version-too-old"),
        (Applied(NEWER, "1.0.1"), "1.0.0", "version-too-old"),
        (Applied(NEWER, "2.0.0"), "2.0.0rc1", None),
        (Applied(NEWER, "2.0.0"), "1.9.9.dev0", "version-too-old"),
        (Applied(NEWER, "1.2"), "1.2.0", None),
        (Applied(NEWER, "1.2.0"), "1.2", None),
    ],
)
def test_which_version_may_serve(found: Applied | None, version: str, reason: str | None) -> None:
    assert unfit(found, KNOWN, version) == reason


def test_the_migrations_lie_beside_the_package_or_in_it() -> None:
    assert (migrations.scripts() / "env.py").is_file()
    assert list(migrations.scripts().glob("versions/*.py"))
    assert re.fullmatch(r"[0-9a-f]{12}", head())


async def test_a_migrated_database_is_ready(engine: AsyncEngine) -> None:
    assert await applied(engine) == Applied(head(), "0.1.0")
    assert await readiness(engine) is None


async def test_an_empty_database_is_not(empty_database_url: str) -> None:
    engine = make_engine(Settings().with_database(empty_database_url), pool_size=1)
    assert await applied(engine) is None
    assert await readiness(engine) == "not-migrated"
    await engine.dispose()


async def test_nor_is_one_that_cannot_be_reached(settings: Settings) -> None:
    engine = make_engine(settings.with_database("postgresql://evenkeel@/evenkeel?host=/nowhere"), pool_size=1)
    assert await readiness(engine) == "database-unavailable"
    await engine.dispose()


async def test_a_rolling_upgrade(empty_database_url: str) -> None:
    """The release after ours migrates while we still serve; the one after that turns us away."""
    settings = Settings().with_database(empty_database_url)
    await asyncio.to_thread(migrations.upgrade, settings)
    engine = make_engine(settings, pool_size=1)
    release = table_of(ReleaseRow)
    for values, reason in (
        ({"head": NEWER, "min_app_version": "0.1.0"}, None),
        ({"head": NEWER, "min_app_version": "99.0.0"}, "version-too-old"),
    ):
        async with connected(engine) as connection:
            await connection.execute(update(release).values(values))
            await connection.commit()
        assert await readiness(engine) == reason
    async with connected(engine) as connection:
        await connection.execute(delete(release))
        await connection.commit()
    assert await readiness(engine) == "not-migrated"
    await engine.dispose()


def test_a_server_never_loads_the_migration_tool() -> None:
    told = "import sys, service.main, service.db.migrations as m; m.head(); sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
