"""`evenkeel rule`: what an organization sets its rules to, for itself or for one program."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from service.cli.database import engine_of, reachable
from service.cli.ending import Failure, Misuse, note, wait_for
from service.db.engine import transaction
from service.db.identity import OPERATOR, find_organization
from service.db.rulebooks import rulebook
from service.domain.amending import Wish
from service.domain.errors import InvalidParameters
from service.domain.rulebook import Mode, Rulebook, layers, mode_of
from service.domain.rules import rules
from service.settings import Settings, read_settings
from service.tuning import tune

app = typer.Typer(help="List and set rules.", no_args_is_help=True, rich_markup_mode=None)

PROGRAM = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FROM_NOW = "It holds for sessions held from now on; `evenkeel reassess` judges anew what was held before."

OrganizationName = Annotated[str, typer.Argument(metavar="NAME", help="The organization's name or id.")]
RuleCode = Annotated[str, typer.Argument(metavar="RULE", help="As `rule list` shows it.")]
Changes = Annotated[list[str], typer.Option("--set", metavar="PARAMETER=VALUE", help="The value as JSON; repeat.")]
Program = Annotated[str | None, typer.Option(metavar="PROGRAM", help="Only for the cases of a program.")]


@app.command("list")
def list_all(name: OrganizationName, program: Program = None) -> None:
    """Print every rule's mode, and the parameters that are set otherwise than its own."""
    with reachable(read_settings()) as settings:
        book = wait_for(_book(settings, name))
    current = book.current()
    for code in rules():
        told = layers(current, code, _checked(program))
        changed = {name: value for layer in told for name, value in layer.parameters.items()}
        typer.echo("  ".join([f"{code:<28}{mode_of(told):<6}", *_shown(changed)]).rstrip())


@app.command("set")
def set_one(
    name: OrganizationName,
    rule: RuleCode,
    mode: Annotated[Mode | None, typer.Option(help="Whether it speaks; in shadow only to those who ask.")] = None,
    sets: Changes = [],  # noqa: B006
    program: Program = None,
) -> None:
    """Set some of a rule; the rest stays as it is."""
    if mode is None and not sets:
        raise Misuse("--mode or --set says what to set")
    _tuned(name, rule, program, mode, dict(map(_parted, sets)))


@app.command()
def reset(name: OrganizationName, rule: RuleCode, program: Program = None) -> None:
    """Leave all of a rule open again: a program's to the organization, the organization's to the rule itself."""
    _tuned(name, rule, program, None, None)


def _tuned(name: str, rule: str, program: str | None, mode: Mode | None, changed: Mapping[str, Any] | None) -> None:
    if rule not in rules():
        raise Misuse("There is no such rule; `evenkeel rule list` shows them.")
    with reachable(read_settings()) as settings:
        try:
            wait_for(_set(settings, name, rule, _checked(program), mode, changed))
        except InvalidParameters as invalid:
            faults = (f"{fault.pointer.removeprefix('/parameters/')}: {fault.detail}" for fault in invalid.faults)
            raise Misuse(" ".join(faults)) from None
    note(FROM_NOW)


async def _set(
    settings: Settings, name: str, rule: str, program: str | None, mode: Mode | None, changed: Mapping[str, Any] | None
) -> None:
    """Set a rule to what it is with some changes, or without any to nothing at all."""
    async with engine_of(settings) as engine:
        organization_id = (await find_organization(engine, name)).organization_id
        async with transaction(engine, organization_id) as db:
            former: Sequence[Any] = (await rulebook(db)).versions((rule, program))[-1:]
        kept = former[0] if former and changed is not None else None
        wish = Wish(
            rule=rule,
            program=program,
            mode=mode or (kept.mode if kept else None),
            parameters={**(kept.parameters if kept else {}), **(changed or {})},
            key_id=OPERATOR,
            at=datetime.now(UTC),
            if_match=former[0].version if former else 0,
        )
        if (await tune(engine, organization_id, wish, by_key=False)).refusal is not None:
            raise Failure("Somebody set this rule meanwhile; look again.")


async def _book(settings: Settings, name: str) -> Rulebook:
    async with engine_of(settings) as engine:
        organization_id = (await find_organization(engine, name)).organization_id
        async with transaction(engine, organization_id) as db:
            return await rulebook(db)


def _checked(program: str | None) -> str | None:
    if program is not None and not PROGRAM.fullmatch(program):
        raise Misuse("A program is a kebab-case code.")
    return program


def _parted(option: str) -> tuple[str, Any]:
    parameter, _, value = option.partition("=")
    try:
        return parameter, json.loads(value)
    except ValueError:
        raise Misuse("--set takes PARAMETER=VALUE, the value as JSON") from None


def _shown(parameters: Mapping[str, Any]) -> Iterator[str]:
    return (f"{name}={json.dumps(value)}" for name, value in parameters.items())
