from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from service.cli import app
from service.db.embedded import EmbeddedServer
from service.db.migrations import upgrade
from service.settings import Settings
from tests.cli.conftest import Evenkeel
from tests.subscribed import alarm, subscribe
from tests.worlds import new_world, with_engine
from tests.writes import Desk, let_in


def test_a_healthy_service_has_nothing_wrong(evenkeel: Evenkeel) -> None:
    found = evenkeel("doctor")
    assert found.exit_code == 0
    assert "FAIL" not in found.stdout
    topics = [line[6:].partition(":")[0] for line in found.stdout.splitlines()]
    assert topics[:3] == ["settings", "data folder", "spool"]
    assert {"database", "migrations", "clock", "connections", "keys", "deliveries"} <= set(topics)


def test_names_keys_that_end_soon(evenkeel: Evenkeel) -> None:
    name = f"clinic {uuid4()}"
    evenkeel("organization", "create", name)
    soon = evenkeel("key", "create", name, "--scope", "all", "--expires", "3d").stdout.split("_")[2]
    late = evenkeel("key", "create", name, "--scope", "all", "--expires", "90d").stdout.split("_")[2]
    found = evenkeel("doctor")
    assert found.exit_code == 0
    assert f"note  keys: {soon} ends on" in found.stdout
    assert late not in found.stdout


def test_names_what_waits_for_long(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(Settings().with_database(empty_database_url))
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", empty_database_url)
    assert "ok    deliveries: none waits for long" in CliRunner().invoke(app, ["doctor"]).stdout
    world = new_world(empty_database_url)

    async def wait(engine: AsyncEngine) -> None:
        await let_in(engine, world.organization_id)
        desk = Desk(engine, world.organization_id)
        await subscribe(desk)
        await alarm(desk)

    with_engine(empty_database_url, wait)
    found = CliRunner().invoke(app, ["doctor"])
    assert "note  deliveries: the oldest waits for " in found.stdout
    assert found.exit_code == 0


def test_an_empty_database_needs_migrating(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", empty_database_url)
    found = CliRunner().invoke(app, ["doctor"])
    assert found.exit_code == 1
    assert "FAIL  migrations: not-migrated; run `evenkeel migrate`" in found.stdout


def test_a_database_that_is_not_there_is_told_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", "postgresql://user:hunter2@127.0.0.1:1/nothing")
    found = CliRunner().invoke(app, ["doctor"])
    assert found.exit_code == 1
    assert "FAIL  database: cannot be reached" in found.stdout
    assert "hunter2" not in found.output


def test_a_database_that_refuses_is_told(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = make_url(database_url).set(database="no_such_database")
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", nowhere.render_as_string(hide_password=False))
    found = CliRunner().invoke(app, ["doctor"])
    assert found.exit_code == 1
    assert "FAIL  database: cannot be reached, or refuses" in found.stdout


def test_makes_nothing_where_nothing_is_yet(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(data_dir))
    found = CliRunner().invoke(app, ["doctor"])
    assert found.exit_code == 0
    assert "database: none yet" in found.stdout
    assert not data_dir.exists()


def test_looks_into_an_embedded_database_and_at_its_folder(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATA_DIR", str(data_dir))
    with EmbeddedServer(data_dir, fast=True).running():
        found = CliRunner().invoke(app, ["doctor"])
        assert "ok    data folder: private" in found.stdout
        assert "FAIL  migrations: not-migrated" in found.stdout
        data_dir.chmod(0o755)
        assert "note  data folder: others may look" in CliRunner().invoke(app, ["doctor"]).stdout


def test_a_spool_that_cannot_be_written_to_is_wrong(
    evenkeel: Evenkeel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_SPOOL_DIR", str(tmp_path / "nowhere"))
    found = evenkeel("doctor")
    assert found.exit_code == 1
    assert "FAIL  spool: EVENKEEL_SPOOL_DIR cannot be written to (FileNotFoundError)" in found.stdout


def test_settings_that_are_wrong_are_named_without_their_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_PORT", "hunter2")
    found = CliRunner().invoke(app, ["doctor"])
    assert found.exit_code == 1
    assert "EVENKEEL_PORT" in found.output
    assert "hunter2" not in found.output
