"""Setting a rule otherwise: what somebody wishes, held against the rule and against what was set before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.domain.commands import Refusal
from service.domain.errors import Fault, InvalidParameters
from service.domain.parameters import checked, contradictions, overlaid
from service.domain.rulebook import Mode, Rulebook, Setting, layers
from service.domain.rules import rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a rule is to be set from now on, for the organization or one program; what it leaves out is left open.

    `if_match` is the version that was seen; None is any.
    """

    rule: str
    program: str | None
    mode: Mode | None
    parameters: Mapping[str, Any]
    key_id: str
    at: datetime
    if_match: int | None = None


def amended(book: Rulebook, wish: Wish) -> Setting | Refusal | None:
    """Return the setting that a wish comes to, or why it may not be; None if it is so already.

    Raises InvalidParameters with every fault of the parameters.
    """
    rule = rules()[wish.rule]
    kept = checked(rule, wish.parameters)
    former = book.versions((wish.rule, wish.program))
    version = former[-1].version if former else 0
    if (wish.mode, kept) == ((former[-1].mode, former[-1].parameters) if former else (None, {})):
        return None
    if wish.if_match is not None and wish.if_match != version:
        return Refusal("precondition-failed", extra={"version": version})
    setting = Setting(
        number=book.number + 1,
        rule=wish.rule,
        program=wish.program,
        version=version + 1,
        mode=wish.mode,
        parameters=kept,
        key_id=wish.key_id,
        at=max(wish.at, book.last_at or wish.at),  # clocks differ; the order of settings does not
    )
    faults = list(_contradictions(book, setting))
    if faults:
        raise InvalidParameters(*faults)
    return setting


def _contradictions(book: Rulebook, setting: Setting) -> Iterable[Fault]:
    """Yield what makes no sense together, in any program that the setting concerns."""
    rule = rules()[setting.rule]
    current = {**book.current(), setting.target: setting}
    others = {program for code, program in current if code == setting.rule and program is not None}
    programs = [setting.program, *sorted(others)] if setting.program is None else [setting.program]
    for program in programs:
        told = [layer.parameters for layer in layers(current, setting.rule, program)]
        found = list(contradictions(rule, overlaid(rule, *told), setting.parameters))
        if found:
            yield from found
            return
