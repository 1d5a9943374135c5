"""`evenkeel serve`: the service itself, one worker; more of them are more processes."""

from typing import Annotated

import typer

from service.cli.database import reachable
from service.cli.migrate import migrate_to_head
from service.cli.serving import bind, heed_sigterm, run
from service.settings import read_settings


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default EVENKEEL_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on, 0 takes a free one; default EVENKEEL_PORT.")
    ] = None,
) -> None:
    """Serve the API.

    Without EVENKEEL_DATABASE_URL a private PostgreSQL is started and migrated in EVENKEEL_DATA_DIR; a given database is
    migrated by `evenkeel migrate`, and the service says on /readyz whether it fits.
    """
    heed_sigterm()
    given = read_settings()
    chosen = {"host": host, "port": port}
    given = given.model_copy(update={name: value for name, value in chosen.items() if value is not None})
    with bind(given.host, given.port) as bound, reachable(given) as settings:
        if given.database_url is None:
            migrate_to_head(settings)
        run(settings, bound)
