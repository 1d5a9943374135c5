import pytest
import typer
from sqlalchemy.exc import DBAPIError, ProgrammingError
from typer.testing import CliRunner

from service.cli.ending import Commands, Failure, Misuse
from service.db.embedded import EmbeddedServerError
from service.db.engine import AmbiguousCommit, Unavailable
from service.db.identity import IdentityError


class Refused(Exception):
    """What the driver raises, with PostgreSQL's code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("relation hunter2")
        self.sqlstate = sqlstate


def refused(sqlstate: str) -> DBAPIError:
    return ProgrammingError("SELECT hunter2", {}, Refused(sqlstate))


@pytest.mark.parametrize(
    ("trouble", "code", "line"),
    [
        (Failure("It went wrong."), 1, "It went wrong."),
        (Misuse("It cannot work."), 2, "It cannot work."),
        (EmbeddedServerError("It did not start."), 1, "It did not start."),
        (IdentityError("No such key."), 1, "No such key."),
        (Unavailable("hunter2"), 1, "The database cannot be reached or does not answer in time"),
        (AmbiguousCommit("hunter2"), 1, "The database cannot be reached or does not answer in time"),
        (refused("42P01"), 1, "The database is not migrated yet"),
        (refused("42501"), 1, "The database refused (42501)"),
    ],
)
def test_expected_trouble_is_one_line_and_a_code(trouble: Exception, code: int, line: str) -> None:
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise trouble

    @app.command()
    def other() -> None: ...

    found = CliRunner().invoke(app, ["fail"])
    assert (found.exit_code, found.stdout) == (code, "")
    assert found.stderr.startswith(f"evenkeel: {line}")
    assert found.stderr.count("\n") == 1
    assert "hunter2" not in found.output


def test_unexpected_trouble_is_not_hidden() -> None:
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise ZeroDivisionError

    @app.command()
    def other() -> None: ...

    assert isinstance(CliRunner().invoke(app, ["fail"]).exception, ZeroDivisionError)
