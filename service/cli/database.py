"""The database of a command: the one given by its address, or the embedded one, joined or started."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.ending import Failure
from service.db.embedded import EmbeddedServer
from service.db.engine import make_engine
from service.settings import Settings


@contextmanager
def reachable(settings: Settings) -> Iterator[Settings]:
    """Yield settings that hold a database address; an embedded server runs until the block ends."""
    if settings.database_url is not None:
        yield settings
        return
    with ExitStack() as until_done:
        try:
            url = until_done.enter_context(EmbeddedServer(settings.data_dir.absolute()).running())
        except OSError as error:
            raise Failure(f"the folder EVENKEEL_DATA_DIR cannot be used ({type(error).__name__})") from None
        yield settings.with_database(url)


@asynccontextmanager
async def engine_of(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """Yield a small engine for the few statements of a command."""
    engine = make_engine(settings, pool_size=2)
    try:
        yield engine
    finally:
        await engine.dispose()
