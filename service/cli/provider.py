"""`evenkeel provider`: an organization's own OpenID provider, whose tokens are taken as front-end tokens."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from service.cli.database import engine_of, reachable
from service.cli.ending import Failure, note, wait_for
from service.db.engine import transaction
from service.db.front_tokens import GRANTABLE
from service.db.identity import find_organization
from service.db.providers import Provider, find_provider, remove_provider, set_provider
from service.egress import Egress, Refused
from service.settings import Settings, read_settings

app = typer.Typer(help="Set, show and remove OpenID providers.", no_args_is_help=True, rich_markup_mode=None)

LONGEST = 1000

OrganizationName = Annotated[str, typer.Argument(metavar="NAME", help="The organization's name or id.")]
Issuer = Annotated[str, typer.Option(metavar="ISSUER", help="As the claim iss has it, to the letter.")]
Audience = Annotated[str, typer.Option(metavar="AUDIENCE", help="What the claim aud must have in it.")]
Jwks = Annotated[str, typer.Option(metavar="ADDRESS", help="Where the provider's keys are, by https.")]
PersonClaim = Annotated[str, typer.Option(metavar="CLAIM", help="Which claim names the therapist.")]
TherapistsClaim = Annotated[
    str | None,
    typer.Option(metavar="CLAIM", help="Which claim, if there, lists whom a supervisor supervises."),
]
Scopes = Annotated[list[str], typer.Option("--scope", help=f"{', '.join(GRANTABLE)}; repeat.")]


@app.command("set")
def set_(
    name: OrganizationName,
    issuer: Issuer,
    audience: Audience,
    jwks: Jwks,
    scopes: Scopes,
    person_claim: PersonClaim = "sub",
    therapists_claim: TherapistsClaim = None,
) -> None:
    """Take the tokens of a provider as front-end tokens, in place of those of the one before."""
    with reachable(read_settings()) as settings:
        wanted = Provider(
            issuer=_told(issuer),
            audience=_told(audience),
            jwks_address=_guarded(settings, jwks),
            person_claim=_told(person_claim),
            therapists_claim=None if therapists_claim is None else _told(therapists_claim),
            scopes=_granted(scopes),
        )
        wait_for(_set(settings, name, wanted))
    note("Tokens of this provider are taken, beside the header Evenkeel-Organization with the organization's id.")


@app.command()
def show(name: OrganizationName) -> None:
    """Print what an organization's provider is set to."""
    with reachable(read_settings()) as settings:
        provider = wait_for(_found(settings, name))
    if provider is None:
        raise Failure("The organization has no provider.")
    typer.echo(f"issuer {provider.issuer}\naudience {provider.audience}\njwks {provider.jwks_address}")
    typer.echo(f"person-claim {provider.person_claim}\ntherapists-claim {provider.therapists_claim or 'none'}")
    typer.echo(f"scopes {','.join(sorted(provider.scopes))}")


@app.command()
def remove(name: OrganizationName) -> None:
    """Take no tokens of the provider any more, from now on."""
    with reachable(read_settings()) as settings:
        if not wait_for(_removed(settings, name)):
            raise Failure("The organization has no provider.")
    note("The provider is removed.")


def _told(text: str) -> str:
    if not 0 < len(text) <= LONGEST or not text.isprintable():
        raise Failure(f"An issuer, an audience and a claim have 1 to {LONGEST} printable characters.")
    return text


def _granted(scopes: list[str]) -> frozenset[str]:
    if not scopes or not set(scopes) <= {*GRANTABLE}:
        raise Failure(f"A provider's tokens may have the scopes {', '.join(GRANTABLE)}.")
    return frozenset(scopes)


def _guarded(settings: Settings, address: str) -> str:
    try:
        Egress(settings.provider_allow_loopback).target(address)
    except Refused as refused:
        raise Failure(f"The keys must lie at a public address, by https ({refused.code}).") from None
    return address


async def _set(settings: Settings, name: str, wanted: Provider) -> None:
    async with engine_of(settings) as engine:
        owner = await find_organization(engine, name)
        async with transaction(engine, owner.organization_id) as db:
            await set_provider(db, wanted, datetime.now(UTC))


async def _found(settings: Settings, name: str) -> Provider | None:
    async with engine_of(settings) as engine:
        owner = await find_organization(engine, name)
        async with transaction(engine, owner.organization_id) as db:
            return await find_provider(db)


async def _removed(settings: Settings, name: str) -> bool:
    async with engine_of(settings) as engine:
        owner = await find_organization(engine, name)
        async with transaction(engine, owner.organization_id) as db:
            return await remove_provider(db, datetime.now(UTC))
