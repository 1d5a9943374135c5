"""`evenkeel restored`: to be run once after the database came back from a backup."""

from datetime import UTC, datetime

import typer

from service.cli.database import engine_of, reachable
from service.cli.ending import wait_for
from service.db.changes import raise_epoch
from service.db.engine import transaction
from service.db.identity import OPERATOR, organizations
from service.db.stores import write_audit
from service.settings import Settings, read_settings


def restored() -> None:
    """Tell every reader of changes to begin anew, since what was stored after the backup is gone.

    Without it a reader who was ahead of the backup would miss the changes that are given the same numbers again.
    """
    with reachable(read_settings()) as settings:
        count = wait_for(_begin_epochs(settings))
    typer.echo(f"{count} organizations: every cursor of their changes from before the restore is refused from now on")


async def _begin_epochs(settings: Settings) -> int:
    """Begin an epoch in each organization, one transaction each; return how many there are."""
    at = datetime.now(UTC)
    async with engine_of(settings) as engine:
        found = await organizations(engine)
        for organization in found:
            async with transaction(engine, organization.organization_id) as db:
                await raise_epoch(db, at)
                thing = f"organization/{db.organization_id}"
                await write_audit(db, at, [(OPERATOR, "organization.restored", thing, None)])
    return len(found)
