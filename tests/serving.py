"""The service as a real process on a database that is already migrated."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.cli.processes import Process, environment, running


@contextmanager
def serving(database_url: str, **settings: str) -> Iterator[Process]:
    """Yield a server process, `address` being where it listens; it is ended with the block, come what may."""
    quick = {"drain_seconds": "0", **settings}
    with running("serve", "--port", "0", env=environment(database_url=database_url, **quick)) as process:
        yield process
