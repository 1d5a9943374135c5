"""`evenkeel renew-secrets`: encrypts anew what is kept, before an old secret key is taken out."""

import typer

from service.cli.database import engine_of, reachable
from service.cli.ending import Failure, wait_for
from service.encrypting import NoKeys
from service.renewing import Renewed, renew
from service.settings import Settings, read_settings


def renew_secrets() -> None:
    """Encrypt every secret that is kept with the first of EVENKEEL_SECRET_KEYS; then the others can be taken out.

    It works while the service runs and can be run again at any time.
    """
    with reachable(read_settings()) as settings:
        found = wait_for(_renewed(settings))
    typer.echo(f"{found.done} secrets are encrypted with the first key.")
    if found.unreadable:
        raise Failure(f"{found.unreadable} secrets are opened by none of the keys; they were left as they are.")


async def _renewed(settings: Settings) -> Renewed:
    async with engine_of(settings) as engine:
        try:
            return await renew(engine, settings.keys)
        except NoKeys:
            raise Failure("There are no EVENKEEL_SECRET_KEYS.") from None
