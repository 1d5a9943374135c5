"""Instruments: one file, one constant INSTRUMENT, data only; no item wording anywhere."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from service.domain.model import RaterKind
from service.domain.registry import collect


@dataclass(frozen=True, slots=True)
class Fact:
    """Where a number comes from, and whether somebody checked it at that source."""

    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A published limit of a raw score; `comparator` says which side is low."""

    raw: float
    comparator: Literal["<", "<="]
    fact: Fact
    dimension: str = "total"


@dataclass(frozen=True, slots=True)
class Reference:
    """How a dimension spreads, in percent points: SD between and `sp` within persons, reliability, mean.

    `kind` is `verified` (published and checked) or `ours`; a mean exists only where it is verified.
    """

    sd: float
    sp: float
    fact: Fact
    mean: float | None = None
    reliability: float | None = None

    @property
    def kind(self) -> Literal["verified", "ours"]:
        return "verified" if self.fact.verified else "ours"


@dataclass(frozen=True, slots=True)
class Dimension:
    """A scored unit: its items, its reference, and the percent mark below which it counts as low."""

    items: tuple[str, ...]
    reference: Reference
    low_mark: float
    raw: Literal["sum", "mean"] = "sum"

    @property
    def is_line(self) -> bool:
        return len(self.items) == 1


@dataclass(frozen=True, slots=True)
class Instrument:
    """A published or free scale as data.

    Items are answered between `minimum` and `maximum` in steps of `step`; `reversed_items` turn as min + max - x.
    `primary`, `bond`, `goals`, `tasks`, `safety`, `within` name dimensions; None where the form has none.
    `context` is `alliance` or `outcome`; an outcome form is never in a balance nor in a rule.
    `prorates` false: every item must be answered (SOFTA-o). `signed` marks scales around 0 (polarity).
    `family` groups forms that may be shown together; `child_form` unvalidated child forms are never a pole of a rule.
    """

    code: str
    name: str
    version: str
    family: str
    authors: str
    items: tuple[str, ...]
    minimum: float
    maximum: float
    step: float
    dimensions: Mapping[str, Dimension]
    rater_kinds: frozenset[RaterKind]
    key: Fact
    licence: str
    primary: str = "total"
    bond: str | None = None
    goals: str | None = None
    tasks: str | None = None
    safety: str | None = None
    within: str | None = None
    reversed_items: frozenset[str] = frozenset()
    cutoffs: tuple[Cutoff, ...] = ()
    context: Literal["alliance", "outcome"] = "alliance"
    prorates: bool = True
    optional_dimensions: bool = False
    signed: bool = False
    child_form: bool = False
    validated: bool = True
    notes: str = ""
    about: frozenset[str] = field(default_factory=lambda: frozenset({"therapist"}))

    def dimension_of(self, role: str) -> str | None:
        """Return the dimension that plays a role: primary, bond, goals, tasks, safety or within."""
        value = getattr(self, role)
        return value if isinstance(value, str) else None

    def cut(self, dimension: str) -> Cutoff | None:
        """Return the form's own cut-off of a dimension, if it has one."""
        return next((cutoff for cutoff in self.cutoffs if cutoff.dimension == dimension), None)


@cache
def instruments() -> Mapping[str, Instrument]:
    """Return every instrument by code, found by discovery."""
    return collect(sys.modules[__name__], "INSTRUMENT", Instrument)
