"""`evenkeel migrate`: bring the database to this version, or only ask whether it is."""

from typing import Annotated

import typer

from service.cli.database import engine_of, reachable
from service.cli.ending import Failure, wait_for
from service.db.engine import Unavailable
from service.db.migrations import Applied, applied, head, upgrade
from service.settings import Settings, read_settings


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail if migrations are pending.")] = False,
) -> None:
    """Bring the database to this version's newest migration."""
    with reachable(read_settings()) as settings:
        if not check:
            migrate_to_head(settings)
        found = wait_for(_applied(settings))
        if found is None or found.head != head():
            raise Failure(f"The database is at {found.head if found else 'nothing'}, this version brings {head()}.")
        typer.echo(f"The database is at {head()}.")


def migrate_to_head(settings: Settings) -> None:
    """Apply what is pending; raises Unavailable when the database cannot be reached."""
    try:
        upgrade(settings)
    except OSError as error:  # the migration tool lets the driver's own errors through
        raise Unavailable(type(error).__name__) from error


async def _applied(settings: Settings) -> Applied | None:
    async with engine_of(settings) as engine:
        return await applied(engine)
