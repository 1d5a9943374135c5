import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from service.cli.database import engine_of, reachable
from service.cli.ending import Failure
from service.db.engine import connected
from service.settings import Settings
from tests.cli.processes import postmaster


async def one(settings: Settings) -> int:
    async with engine_of(settings) as engine, connected(engine) as connection:
        return int((await connection.execute(text("SELECT 1"))).scalar_one())


def test_a_given_database_is_taken_as_it_is(settings: Settings) -> None:
    with reachable(settings) as found:
        assert found is settings
        assert asyncio.run(one(found)) == 1


def test_a_folder_that_cannot_be_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(Failure, match="EVENKEEL_DATA_DIR cannot be used"),
        reachable(Settings(data_dir=tmp_path / "file")),
    ):
        raise AssertionError


def test_the_embedded_server_runs_until_its_last_user_leaves(data_dir: Path) -> None:
    given = Settings(data_dir=data_dir)
    with reachable(given) as first:
        with reachable(given) as second:
            assert second.address == first.address
        assert asyncio.run(one(first)) == 1
        assert postmaster(data_dir) is not None
    assert postmaster(data_dir) is None
