import pytest
from typer.testing import CliRunner

from service.cli import app
from service.db.migrations import head


def test_brings_an_empty_database_to_the_newest_migration(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", empty_database_url)
    before = CliRunner().invoke(app, ["migrate", "--check"])
    assert (before.exit_code, before.stdout) == (1, "")
    assert before.stderr == f"evenkeel: The database is at nothing, this version brings {head()}.\n"
    for arguments in (["migrate"], ["migrate"], ["migrate", "--check"]):  # a second run finds nothing to do
        done = CliRunner().invoke(app, arguments)
        assert (done.exit_code, done.stdout) == (0, f"The database is at {head()}.\n")


def test_a_database_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", "postgresql://user:hunter2@127.0.0.1:1/nothing")
    for arguments in (["migrate"], ["migrate", "--check"], ["organization", "list"]):
        found = CliRunner().invoke(app, arguments)
        assert found.exit_code == 1
        assert found.stderr.startswith("evenkeel: The database cannot be reached")
        assert "hunter2" not in found.output


def test_a_database_without_tables_says_what_to_do(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENKEEL_DATABASE_URL", empty_database_url)
    found = CliRunner().invoke(app, ["organization", "list"])
    assert (found.exit_code, found.stderr) == (
        1,
        "evenkeel: The database is not migrated yet; `evenkeel migrate` does it.\n",
    )
