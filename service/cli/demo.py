"""`evenkeel demo`: a service with three example families, a key, and three lines to try it with."""

import asyncio
import json
import shlex
from datetime import UTC, datetime, timedelta
from typing import Annotated

import httpx
import typer

from service.cli.batches import PATIENCE, Tally, send
from service.cli.database import engine_of, reachable
from service.cli.demo_families import EXAMPLES, TORN, first_post
from service.cli.ending import wait_for
from service.cli.migrate import migrate_to_head
from service.cli.serving import bind, heed_sigterm, run
from service.cli.sheet import Line
from service.db.identity import (
    ALL,
    Organization,
    create_key,
    create_organization,
    list_keys,
    organizations,
    revoke_key,
)
from service.settings import Settings, read_settings

NAMED = "demo "  # and the day it was made
FRESH = timedelta(days=7)  # an older demo would tell of sessions long ago
READABLE = "python3 -m json.tool"


def demo(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on, 0 takes a free one; default EVENKEEL_PORT.")
    ] = None,
) -> None:
    """Serve three example families, with a key and three curl lines to begin with.

    The data lie in a folder of their own inside EVENKEEL_DATA_DIR; a database of yours is not touched.
    """
    heed_sigterm()
    given = read_settings()
    chosen = {"database_url": None, "database_prepare": None, "data_dir": given.data_dir / "demo"}
    quiet = {} if "log_level" in given.model_fields_set else {"log_level": "warning"}
    given = given.model_copy(update=chosen | quiet)
    with bind(given.host, given.port if port is None else port) as bound, reachable(given) as settings:
        migrate_to_head(settings)
        organization, key = wait_for(_admit(settings, datetime.now(UTC)))
        anchor = organization.created_at.replace(minute=0, second=0, microsecond=0)

        async def greet(address: str) -> None:
            await asyncio.to_thread(_load, address, key, anchor)
            typer.echo(_welcome(address, key, anchor))

        run(settings, bound, greet)


async def _admit(settings: Settings, now: datetime) -> tuple[Organization, str]:
    """Return the organization of the demo and a new key of it; keys of earlier runs end."""
    async with engine_of(settings) as engine:
        earlier = [item for item in await organizations(engine) if item.name.startswith(NAMED)]
        for item in earlier:
            for key in await list_keys(engine, item.organization_id):
                if key.valid(now):
                    await revoke_key(engine, item.organization_id, key.key_id, now)
        fresh = [item for item in earlier if now - item.created_at < FRESH]
        name = f"{NAMED}{now:%Y-%m-%d}"
        organization = fresh[-1] if fresh else await create_organization(engine, name, test=True, at=now)
        return organization, await create_key(engine, organization.organization_id, [ALL], now)


def _load(address: str, key: str, anchor: datetime) -> None:
    """Send the example families through the service's own API; what is already there stays as it is."""
    told = [line for example in EXAMPLES for line in example.lines(anchor)]
    with httpx.Client(base_url=address, headers=_headers(key), timeout=PATIENCE, trust_env=False) as client:
        send(client, "/v1/batch", [Line(number, line) for number, line in enumerate(told, start=1)], Tally())


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _welcome(address: str, key: str, anchor: datetime) -> str:
    """Return what a newcomer needs to see: the key, the documentation, three lines to copy."""
    as_json = ("-H", "Content-Type: application/json", "-d", json.dumps(first_post(anchor)))
    return "\n".join(
        [
            "",
            "Three example families are loaded.",
            "",
            f"  API key   {key}",
            f"  API docs  {address}/docs",
            "",
            "1. Post the adolescent's newest form; the answer holds scores, balances and alerts:",
            _curl(key, f"{address}/v1/ratings", *as_json),
            "",
            "2. Read what is open in all families:",
            _curl(key, f"{address}/v1/alerts?state=open"),
            "",
            "3. Read the course of this family:",
            _curl(key, f"{address}/v1/cases/{TORN.case_id}/course"),
            "",
            "Ctrl-C ends the demo. Start it again and everything is still there.",
        ]
    )


def _curl(key: str, url: str, *more: str) -> str:
    """Return a line that a shell understands as it stands."""
    return shlex.join(["curl", "-s", url, "-H", f"Authorization: Bearer {key}", *more]) + f" | {READABLE}"
