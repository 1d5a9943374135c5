"""`evenkeel backtest`: rules set otherwise, tried on all that is stored."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from service.cli.database import engine_of, reachable
from service.cli.ending import Misuse, wait_for
from service.cli.jobs import CORES, JobName, OrganizationName, Processes, Told, done, find, interrupted, show
from service.db.engine import transaction
from service.db.rulebooks import rulebook
from service.domain.commands import Document
from service.domain.errors import InvalidParameters
from service.domain.job import Job, JobKind
from service.domain.rulebook import Mode
from service.domain.trial import checked_trial
from service.settings import Settings, read_settings

Sent = dict[str, dict[str, Any]]  # rule → mode and parameters


def backtest(
    organization: OrganizationName,
    sets: Annotated[
        list[str], typer.Option("--set", metavar="RULE.PARAMETER=VALUE", help="A parameter, as JSON; repeat.")
    ] = [],  # noqa: B006
    modes: Annotated[list[str], typer.Option("--mode", metavar="RULE=MODE", help="on, shadow or off; repeat.")] = [],  # noqa: B006
    program: Annotated[str | None, typer.Option(metavar="PROGRAM", help="Only for the cases of a program.")] = None,
    processes: Processes = CORES,
    name: JobName = None,
) -> None:
    """Tell which alerts would appear, vanish or move, had rules been set otherwise; nothing is changed.

    Interrupted, the same command goes on where it stopped.
    """
    sent = _sent(sets, modes)
    with reachable(read_settings()) as settings:
        told = wait_for(_done(settings, organization, program, sent, processes, name))
    show(told)


async def _done(
    settings: Settings, organization: str, program: str | None, sent: Sent, processes: int, name: str | None
) -> Told:
    organization_id = await find(settings, organization)
    asked = await _checked(settings, organization_id, program, sent)
    name = name or await interrupted(settings, organization_id, JobKind.backtest, asked)
    job = Job(kind=JobKind.backtest, id=name, asked=asked, created_at=datetime.now(UTC))
    return await done(settings, organization_id, job, processes)


async def _checked(settings: Settings, organization_id: UUID, program: str | None, sent: Sent) -> Document:
    """Return what is tried as it is kept; Misuse says what of it cannot be."""
    async with engine_of(settings) as engine, transaction(engine, organization_id) as db:
        book = await rulebook(db)
    try:
        return checked_trial(book, program, sent, datetime.now(UTC))
    except InvalidParameters as invalid:
        fault = invalid.faults[0]
        raise Misuse(f"{fault.pointer.removeprefix('/rules/')}: {fault.detail}") from None


def _sent(sets: Sequence[str], modes: Sequence[str]) -> Sent:
    """Return what the options say of each rule."""
    sent: Sent = {}
    for option in sets:
        place, _, value = option.partition("=")
        rule, _, parameter = place.partition(".")
        sent.setdefault(rule, {"mode": None, "parameters": {}})["parameters"][parameter] = _value(value)
    for option in modes:
        rule, _, mode = option.partition("=")
        if mode not in list(Mode):
            raise Misuse("--mode takes RULE=on, RULE=shadow or RULE=off")
        sent.setdefault(rule, {"mode": None, "parameters": {}})["mode"] = Mode(mode)
    if not sent:
        raise Misuse("--set or --mode says what to try")
    return sent


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Misuse("--set takes RULE.PARAMETER=VALUE, the value as JSON") from None
