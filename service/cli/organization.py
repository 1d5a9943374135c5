"""`evenkeel organization`: the tenants."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from service.cli.database import engine_of, reachable
from service.cli.ending import wait_for
from service.db.identity import Organization, create_organization, organizations
from service.settings import Settings, read_settings

app = typer.Typer(help="Create and list organizations.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    test: Annotated[bool, typer.Option("--test", help="Its keys begin with ek_test_.")] = False,
) -> None:
    """Create an organization and print its id."""
    with reachable(read_settings()) as settings:
        typer.echo(wait_for(_create(settings, name, test)).organization_id)


@app.command("list")
def list_all() -> None:
    """Print every organization: id, since when, whether for tests, name."""
    with reachable(read_settings()) as settings:
        for item in wait_for(_all(settings)):
            kind = "test" if item.test else "live"
            typer.echo(f"{item.organization_id}  {item.created_at:%Y-%m-%d}  {kind}  {item.name}")


async def _create(settings: Settings, name: str, test: bool) -> Organization:
    async with engine_of(settings) as engine:
        return await create_organization(engine, name, test, datetime.now(UTC))


async def _all(settings: Settings) -> list[Organization]:
    async with engine_of(settings) as engine:
        return await organizations(engine)
