"""How a command ends badly: one line on standard error and an exit code, never a traceback for expected trouble."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer
from sqlalchemy.exc import DBAPIError
from typer.core import TyperGroup

from service.db.embedded import EmbeddedServerError
from service.db.engine import Unavailable
from service.db.identity import IdentityError

FAILED = 1
MISUSED = 2
NO_TABLE = "42P01"  # PostgreSQL's undefined_table

Answer = TypeVar("Answer")


class Failure(Exception):
    """Something expected went wrong; the message is one line for a person and holds no secret and no client data."""

    code = FAILED


class Misuse(Failure):
    """The command was called in a way that cannot work."""

    code = MISUSED


class Commands(TyperGroup):
    """The group of all commands; here expected trouble becomes a line and a code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Failure as failure:
            ended = failure.code, str(failure)
        except (EmbeddedServerError, IdentityError) as error:
            ended = FAILED, str(error)
        except (Unavailable, DBAPIError) as error:
            ended = FAILED, _of_database(error)
        code, line = ended
        note(f"evenkeel: {line}")
        raise typer.Exit(code)


def _of_database(error: Unavailable | DBAPIError) -> str:
    """Return a line about trouble with the database, without its address or a statement."""
    if isinstance(error, Unavailable):
        return "The database cannot be reached or does not answer in time; `evenkeel doctor` looks closer."
    state = str(getattr(error.orig, "sqlstate", None) or type(error).__name__)
    if state == NO_TABLE:
        return "The database is not migrated yet; `evenkeel migrate` does it."
    return f"The database refused ({state}); `evenkeel doctor` looks closer."


def note(line: str) -> None:
    """Say something to the person, beside the output."""
    typer.echo(line, err=True)


def wait_for(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run the asynchronous part of a command."""
    return asyncio.run(work)
