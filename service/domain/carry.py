"""What a session hands to the next one: bounded, typed, rebuildable from the facts."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import Any, Protocol

from service.domain.concern import Concern
from service.domain.model import Family, MemberRole
from service.domain.parameters import named
from service.domain.references import OURS, References
from service.domain.rules import AnyRule, rules
from service.domain.trajectory import Series

FOLD_VERSION = 3  # raised when the fold itself or a carry's shape changes, so that stored carries are folded anew


@dataclass(frozen=True)  # without slots, so that its name is made once
class Given:
    """What a session is judged by: each rule's parameters, which speak in shadow, which are off, and the references."""

    parameters: Mapping[str, Any]
    shadow: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    references: References = OURS

    def at(self, held_at: datetime | None) -> "Given":
        """Return this, whenever a session was held."""
        return self

    def name_at(self, held_at: datetime | None) -> str:
        """Return the name of all that judged a course until then: this alone."""
        return self.name

    @cached_property
    def name(self) -> str:
        """Return the name of the rules as they are and of what they are given."""
        known = [[code, rule.version, self.parameters[code]] for code, rule in rules().items()]
        of_organization = [self.references.plain] if self.references.known else []
        return _digest([known, sorted(self.shadow), sorted(self.off), *of_organization])

    @cached_property
    def asked(self) -> tuple[tuple[AnyRule, Any, bool, bool], ...]:
        """Return every rule in its turn with its parameters, whether it speaks in shadow, and whether it is off."""
        known = rules().items()
        return tuple((rule, self.parameters[code], code in self.shadow, code in self.off) for code, rule in known)

    @cached_property
    def named(self) -> Mapping[str, Mapping[str, Any]]:
        """Return each rule's parameters by name, as a concern keeps them."""
        return {code: named(parameters) for code, parameters in self.parameters.items()}


class Giving(Protocol):
    """What says by what each session of a course is judged; `held_at` None is the end of time."""

    def at(self, held_at: datetime | None) -> Given: ...

    def name_at(self, held_at: datetime | None) -> str: ...


@dataclass(frozen=True, slots=True)
class Carry:
    """All that the next session needs of those before it.

    `number` counts held sessions, `last_session_id` names the latest of them; `roles` are those that ratings named;
    `joint` counts joint sessions by group; `memories` is rule code → that rule's own memory, where it is another than
    the one it begins with.
    """

    number: int = 0
    last_session_id: str | None = None
    roles: Mapping[str, MemberRole] = field(default_factory=dict)
    series: Mapping[str, Series] = field(default_factory=dict)
    joint: Mapping[str, int] = field(default_factory=dict)
    concerns: tuple[Concern, ...] = ()
    memories: Mapping[str, Any] = field(default_factory=dict)


@cache
def default_parameters() -> Given:
    """Return every rule's own parameters, every rule on."""
    return Given({code: rule.parameters for code, rule in rules().items()})


def folded_with(family: Family, giving: Giving, held_at: datetime | None = None) -> str:
    """Return the name of everything but the sessions that a carry depends on; a carry of another name is refolded.

    The carry is that after a session held at `held_at`.
    """
    return _digest([FOLD_VERSION, giving.name_at(held_at), family])


def _digest(told: list[Any]) -> str:
    text = json.dumps(told, sort_keys=True, default=_fields)
    return hashlib.sha256(text.encode()).hexdigest()


def _fields(value: Any) -> list[Any]:
    """Return the fields of a dataclass, which is all that JSON lacks."""
    return [getattr(value, name) for name in value.__dataclass_fields__]
