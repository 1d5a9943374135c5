"""Documents that no query reads, as text: the carry after a session and the concern of an alert.

Every write reads and writes some, so it is done in C, straight from and to the domain's dataclasses. Fields have their
names in the text: a concern that was stored before a field with a default was added can still be read.
"""

from dataclasses import field, fields, make_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypedDict

from msgspec import to_builtins
from msgspec.json import Decoder, Encoder

from service.domain.carry import Carry
from service.domain.concern import Concern
from service.domain.model import Family, TherapySession
from service.domain.rules import rules

# equal values are equal texts: maps and sets are sorted
_ENCODER = Encoder(order="deterministic")
_CONCERNS = Decoder(Concern)


def seal(value: Carry | Concern) -> str:
    """Return a carry or a concern as JSON.

    A number that is not finite would become a null; none can be in one, as every score lies in its instrument's range
    and nothing is divided by a spread that could be 0.
    """
    return _ENCODER.encode(value).decode()


def unseal_carry(text: str) -> Carry:
    """Return a stored carry, each rule's memory in the type that the rule declares; ValueError if it is none.

    The memory of a rule that is no more is left out.
    """
    stored = _carries().decode(text)
    return Carry(*(getattr(stored, item.name) for item in fields(Carry)))


@cache
def _carries() -> Decoder[Carry]:
    """Return what reads carries in one pass, as it knows the type of every rule's memory."""
    types = {code: type(rule.memory) for code, rule in rules().items()}
    memories = TypedDict("memories", types, total=False)  # type: ignore[misc]
    told: list[Any] = [("memories", memories, field(default_factory=dict))]
    return Decoder(make_dataclass("StoredCarry", told, bases=(Carry,), frozen=True))


def unseal_concern(text: str) -> Concern:
    """Return a stored concern; ValueError if it is none."""
    return _CONCERNS.decode(text)


def opened_up(value: Carry | TherapySession | Family) -> dict[str, Any]:
    """Return a value as maps and lists with its fields' names; times are left as they are."""
    plain: dict[str, Any] = to_builtins(value, order="deterministic", builtin_types=(datetime,))
    return plain
