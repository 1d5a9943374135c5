"""`evenkeel calibrate`: how an organization's own scores spread, as references; numbers of many, never of a client."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer

from service.calibrating import set_references
from service.cli.database import engine_of, reachable
from service.cli.ending import FAILED, Failure, Misuse, note, wait_for
from service.db.engine import transaction
from service.db.identity import OPERATOR, find_organization
from service.db.rulebooks import rulebook
from service.db.samples import sample_of
from service.domain.calibration import (
    FEW_PERSONS,
    FEW_RATINGS,
    LEAST_PERSONS,
    LEAST_RATINGS,
    Estimate,
    calibrated,
    estimates,
)
from service.domain.instruments import Instrument, instruments
from service.domain.references import Target
from service.domain.referencing import ReferenceWish
from service.settings import Settings, read_settings

LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
ROUGH = f"Estimates of fewer than {FEW_PERSONS} persons or {FEW_RATINGS} ratings are rough."
TOO_FEW = f"Of fewer than {LEAST_PERSONS} persons or {LEAST_RATINGS} ratings nothing is shown or kept."

Found = Mapping[Target, Estimate]


def calibrate(
    organization: Annotated[str, typer.Argument(metavar="ORGANIZATION", help="Its name or id.")],
    instrument: Annotated[str | None, typer.Option(help="One form alone, by its code.")] = None,
    locale: Annotated[str | None, typer.Option(help="Forms filled in in one language, such as nl.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Keep them as references from now on.")] = False,
) -> None:
    """Estimate mean, SD, SD within persons and reliability of each form's scores from an organization's own ratings."""
    if instrument is not None and instrument not in instruments():
        raise Misuse("There is no such instrument.")
    if locale is not None and not LOCALE.fullmatch(locale):
        raise Misuse("A language such as nl or nl-BE is needed.")
    codes = [instrument] if instrument is not None else list(instruments())
    with reachable(read_settings()) as settings:
        found = wait_for(_estimated(settings, organization, codes, locale, write))
    lines = [line for code, of_form in found.items() for line in _lines(instruments()[code], of_form)]
    if not lines:
        raise Failure("There are no ratings to estimate from.")
    typer.echo("\n".join(lines))
    told = [estimate for of_form in found.values() for estimate in of_form.values()]
    if any(not estimate.enough for estimate in told):
        note(TOO_FEW)
    if any(estimate.enough and estimate.rough for estimate in told):
        note(ROUGH)
    if write and not any(estimate.enough for estimate in told):
        note("Nothing was written.")
        raise typer.Exit(FAILED)


async def _estimated(
    settings: Settings, organization: str, codes: list[str], locale: str | None, write: bool
) -> dict[str, Found]:
    """Return the estimates of each form that was filled in; written too, if asked."""
    found: dict[str, Found] = {}
    async with engine_of(settings) as engine:
        owner = (await find_organization(engine, organization)).organization_id
        for code in codes:
            async with transaction(engine, owner) as db:
                sample = [rating async for rating in sample_of(db, code, locale)]
                before = (await rulebook(db)).references_of(code)
            of_form = estimates(instruments()[code], sample, locale)
            if of_form:
                found[code] = of_form
            if write and of_form:
                kept = calibrated(before[-1].references if before else (), of_form)
                at, version = datetime.now(UTC), before[-1].version if before else 0
                wish = ReferenceWish(instrument=code, references=kept, key_id=OPERATOR, at=at, if_match=version)
                done = await set_references(engine, owner, wish, by_key=False)
                if done.refusal is not None:
                    raise Failure("Somebody set these references meanwhile; look again.")
    return found


def _lines(form: Instrument, found: Found) -> Iterator[str]:
    """Yield a form's estimates in percent points: role, dimension, persons, ratings, and the numbers if enough."""
    yield f"{form.code} {form.version}"
    for (dimension, role, locale), estimate in found.items():
        who = role if locale is None else f"{role} ({locale})"
        behind = f"{estimate.persons:>6} persons{estimate.ratings:>8} ratings"
        yield f"  {who:<18}{dimension:<12}{behind}  {_numbers(estimate)}"


def _numbers(estimate: Estimate) -> str:
    if not estimate.enough:
        return "too few"
    within = "–" if estimate.sp is None else f"{estimate.sp:.1f}"
    alpha = "–" if estimate.alpha is None or estimate.alpha_persons < LEAST_PERSONS else f"{estimate.alpha:.2f}"
    rough = "  rough" if estimate.rough else ""
    numbers = f"mean {estimate.mean:.1f}  SD {estimate.sd:.1f}  within {within}  alpha {alpha}"
    return f"{numbers} (n {estimate.alpha_persons}){rough}"
