"""`evenkeel key`: API keys. A key is printed once, alone on standard output; everything else goes beside it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.database import engine_of, reachable
from service.cli.durations import duration
from service.cli.ending import Failure, note, wait_for
from service.db.identity import (
    ALL,
    SCOPES,
    Key,
    Organization,
    create_key,
    find_organization,
    list_keys,
    organizations,
    revoke_key,
    rotate_key,
)
from service.settings import Settings, read_settings

app = typer.Typer(help="Create, list, revoke and rotate API keys.", no_args_is_help=True, rich_markup_mode=None)

OrganizationName = Annotated[str, typer.Argument(metavar="NAME", help="The organization's name or id.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="As `key list` shows it.")]
Span = Annotated[timedelta | None, typer.Option(parser=duration, metavar="SPAN", help="Such as 90d; never by default.")]
Overlap = Annotated[timedelta, typer.Option(parser=duration, metavar="SPAN", help="How long the old key stays valid.")]


@app.command()
def create(
    name: OrganizationName,
    scopes: Annotated[list[str], typer.Option("--scope", help=f"{', '.join(SCOPES)} or all; repeat.")],
    expires: Span = None,
) -> None:
    """Create a key and print it; it is never shown again."""
    with reachable(read_settings()) as settings:
        token = wait_for(_create(settings, name, scopes, expires))
    _hand_over(token)


@app.command("list")
def list_all(name: OrganizationName) -> None:
    """Print the keys of an organization: id, since when, its state, its scopes; never the secret."""
    with reachable(read_settings()) as settings:
        now = datetime.now(UTC)
        for key in wait_for(_keys(settings, name)):
            scopes = ALL if key.scopes == frozenset(SCOPES) else ",".join(sorted(key.scopes))
            typer.echo(f"{key.key_id}  {key.created_at:%Y-%m-%d}  {_state(key, now)}  {scopes}")


@app.command()
def revoke(key_id: KeyId) -> None:
    """End a key at once."""
    with reachable(read_settings()) as settings:
        wait_for(_revoke(settings, key_id))
    note("The key is revoked.")


@app.command()
def rotate(key_id: KeyId, overlap: Overlap) -> None:
    """Create a key with the same scopes, print it, and let the old one end after the overlap."""
    with reachable(read_settings()) as settings:
        token = wait_for(_rotate(settings, key_id, overlap))
    _hand_over(token)


def _hand_over(token: str) -> None:
    note("This key is shown once; keep it where secrets are kept.")
    typer.echo(token)


def _state(key: Key, now: datetime) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is None:
        return "valid"
    return f"{'valid until' if key.valid(now) else 'expired'} {key.expires_at:%Y-%m-%d %H:%M}Z"


async def _create(settings: Settings, name: str, scopes: list[str], expires: timedelta | None) -> str:
    now = datetime.now(UTC)
    async with engine_of(settings) as engine:
        owner = await find_organization(engine, name)
        return await create_key(engine, owner.organization_id, scopes, now, now + expires if expires else None)


async def _keys(settings: Settings, name: str) -> list[Key]:
    async with engine_of(settings) as engine:
        return await list_keys(engine, (await find_organization(engine, name)).organization_id)


async def _revoke(settings: Settings, key_id: str) -> None:
    async with engine_of(settings) as engine:
        await revoke_key(engine, (await _owner(engine, key_id)).organization_id, key_id, datetime.now(UTC))


async def _rotate(settings: Settings, key_id: str, overlap: timedelta) -> str:
    async with engine_of(settings) as engine:
        owner = await _owner(engine, key_id)
        return await rotate_key(engine, owner.organization_id, key_id, datetime.now(UTC), overlap)


async def _owner(engine: AsyncEngine, key_id: str) -> Organization:
    """Return whose key it is, asking one organization after the other: no statement reaches over two."""
    for organization in await organizations(engine):
        if any(key.key_id == key_id for key in await list_keys(engine, organization.organization_id)):
            return organization
    raise Failure("No organization has a key of this id.")
