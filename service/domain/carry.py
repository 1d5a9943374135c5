"""What a session hands to the next one: bounded, typed, rebuildable from the facts."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from service.domain.concern import Concern
from service.domain.model import Family, MemberRole
from service.domain.rules import rules
from service.domain.trajectory import Series

FOLD_VERSION = 2  # raised when the fold itself or a carry's shape changes, so that stored carries are folded anew

Given = Mapping[str, Any]  # rule code → that rule's parameters


@dataclass(frozen=True, slots=True)
class Carry:
    """All that the next session needs of those before it.

    `number` counts held sessions, `last_session_id` names the latest of them; `roles` are those that ratings named;
    `joint` counts joint sessions by group; `memories` is rule code → that rule's own memory.
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
    """Return every rule's own parameters."""
    return MappingProxyType({code: rule.parameters for code, rule in rules().items()})


def folded_with(family: Family, parameters: Given) -> str:
    """Return the name of everything but the sessions that a carry depends on; a carry of another name is refolded."""
    named = _default_rules() if parameters is default_parameters() else _named_rules(parameters)
    text = json.dumps([FOLD_VERSION, named, family], sort_keys=True, default=_fields)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _default_rules() -> str:
    return _named_rules(default_parameters())


def _named_rules(parameters: Given) -> str:
    return json.dumps([[code, rule.version, parameters[code]] for code, rule in rules().items()], default=_fields)


def _fields(value: Any) -> list[Any]:
    """Return the fields of a dataclass, which is all that JSON lacks."""
    return [getattr(value, name) for name in value.__dataclass_fields__]
