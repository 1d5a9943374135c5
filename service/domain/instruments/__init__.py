"""Instruments: one file, one constant INSTRUMENT, data only; no item wording anywhere."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal

from service.domain.model import RaterKind
from service.domain.noted import AgeBand
from service.domain.registry import collect
from service.domain.trajectory import reliable_change


@dataclass(frozen=True, slots=True)
class Fact:
    """Where a number comes from, and whether somebody checked it at that source."""

    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Ages:
    """For whom a form is made, in whole years; `oldest` None: no upper end."""

    youngest: int
    oldest: int | None
    fact: Fact

    def has(self, band: AgeBand) -> bool:
        """Tell whether somebody of an age band may be of these ages."""
        youngest, oldest = band.years
        reached = oldest is None or oldest >= self.youngest
        return reached and (self.oldest is None or youngest <= self.oldest)


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A published limit of a raw score; `comparator` says which side is low."""

    raw: float
    comparator: Literal["<", "<="]
    fact: Fact
    dimension: str = "total"


@dataclass(frozen=True)  # without slots, so that its reliable change is worked out once
class Reference:
    """How a dimension spreads, in percent points: SD between and `sp` within persons, reliability, mean.

    `kind` is `verified` (published and checked), `own` (an organization's, of `n` persons) or `ours`, without a mean.
    """

    sd: float
    sp: float
    fact: Fact
    mean: float | None = None
    reliability: float | None = None
    own: bool = False
    n: int | None = None

    @property
    def kind(self) -> Literal["verified", "own", "ours"]:
        return "verified" if self.fact.verified else "own" if self.own else "ours"

    @cached_property
    def reliable_change(self) -> float:
        return reliable_change(self.sd, self.sp, self.reliability)


OURS = Fact("Evenkeel defaults, shaped by simulated clean families", verified=False)

LINE_TOTAL = Reference(sd=10.0, sp=5.0, fact=OURS)  # a total of 10-cm lines
LINE = Reference(sd=14.0, sp=7.0, fact=OURS)  # one 10-cm line; the SD keeps the total's ratio of 2 to sp
LIKERT_TOTAL = Reference(sd=17.0, sp=7.0, fact=OURS)
LIKERT_SUBSCALE = Reference(sd=22.0, sp=9.0, fact=OURS)  # the SD keeps the total's ratio to sp
OBSERVED = Reference(sd=17.0, sp=9.0, fact=OURS)  # an observer's -3..+3 mark: one point is 16.7 percent

SRS_LOW = 80.0  # the cut-off of 36 less four raw points, in percent
LIKERT_LOW = 50.0
OBSERVED_LOW = 100 / 3  # -1 on -3..+3


@dataclass(frozen=True, slots=True)
class Dimension:
    """A scored unit: its items, its reference, and the percent mark below which it counts as low.

    `lowest` is the lowest answer to its items where the form's own does not hold. `follows` names the dimension that
    comes first: at its best, this one is not asked.
    """

    items: tuple[str, ...]
    reference: Reference
    low_mark: float
    raw: Literal["sum", "mean"] = "sum"
    lowest: float | None = None
    follows: str | None = None

    @property
    def is_line(self) -> bool:
        return len(self.items) == 1


PARTS = ("primary", "bond", "goals", "tasks", "safety", "within")  # what a dimension may stand for in a rule


@dataclass(frozen=True, kw_only=True)  # without slots, so that what follows from the data is worked out once
class Instrument:
    """A published or free scale as data.

    Items are answered between `minimum` and `maximum` in steps of `step`; `reversed_items` turn as min + max − x.
    `items` is empty where the published key is unknown or unchecked: such a form takes scores only, in item means.
    `primary`, `bond`, `goals`, `tasks`, `safety`, `within` name dimensions; None where the form has none.
    `context` is `alliance` or `outcome`; an outcome form is never in a balance, and no rule speaks of it.
    `couple` names the dimensions that two partners give of themselves and of each other. `ages` are those of the
    members for whom it is made; None where none are published, or none were found.
    `prorates` false: every item must be answered. `signed` marks scales around 0. `family` groups forms that may be
    shown together; a `child_form` is never a pole of a rule.
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
    primary: str | None = "total"
    bond: str | None = None
    goals: str | None = None
    tasks: str | None = None
    safety: str | None = None
    within: str | None = None
    couple: tuple[str, str] | None = None
    ages: Ages | None = None
    reversed_items: frozenset[str] = frozenset()
    cutoffs: tuple[Cutoff, ...] = ()
    context: Literal["alliance", "outcome"] = "alliance"
    prorates: bool = True
    signed: bool = False
    child_form: bool = False
    validated: bool = True
    notes: str = ""

    def dimension_of(self, part: str) -> str | None:
        """Return the dimension that plays a part: primary, bond, goals, tasks, safety or within."""
        return self.parts.get(part)

    @cached_property
    def parts(self) -> Mapping[str, str]:
        """Return the dimension that plays each part."""
        return {part: code for part in PARTS if (code := getattr(self, part)) is not None}

    @cached_property
    def watched(self) -> tuple[str, ...]:
        """Return the dimensions that play a part, in a stable order."""
        return tuple(dict.fromkeys(self.parts.values()))

    @property
    def scores_only(self) -> bool:
        return not self.items

    def cut(self, dimension: str) -> Cutoff | None:
        """Return the form's own cut-off of a dimension, if it has one."""
        return self._cuts.get(dimension)

    def cut_percent(self, dimension: str) -> float | None:
        """Return the form's own cut-off of a dimension in percent, if it has one."""
        return self._cut_percents.get(dimension)

    @cached_property
    def _cut_percents(self) -> Mapping[str, float]:
        return {code: self.percent_of_mean(code, self.mean_of_raw(code, cut.raw)) for code, cut in self._cuts.items()}

    @cached_property
    def _cuts(self) -> Mapping[str, Cutoff]:
        return {cutoff.dimension: cutoff for cutoff in reversed(self.cutoffs)}

    def lowest_of(self, dimension: str) -> float:
        """Return the lowest item mean of a dimension."""
        lowest = self.dimensions[dimension].lowest
        return self.minimum if lowest is None else lowest

    @cached_property
    def lowest_answers(self) -> Mapping[str, float]:
        """Return the lowest answer to each item."""
        units = self.dimensions.values()
        own = {item: unit.lowest for unit in units if unit.lowest is not None for item in unit.items}
        return {**dict.fromkeys(self.items, self.minimum), **own}

    def percent_of_mean(self, dimension: str, mean: float) -> float:
        """Return an item mean as percent of the range of a dimension."""
        lowest, width = self._ranges[dimension]
        return 100 * (mean - lowest) / width

    @cached_property
    def _ranges(self) -> Mapping[str, tuple[float, float]]:
        return {code: (self.lowest_of(code), self.maximum - self.lowest_of(code)) for code in self.dimensions}

    def mean_of_raw(self, dimension: str, raw: float) -> float:
        """Return a raw score of a dimension as an item mean."""
        unit = self.dimensions[dimension]
        return raw / len(unit.items) if unit.raw == "sum" else raw


def numbered(count: int) -> tuple[str, ...]:
    """Return the published item numbers 1 to count as strings."""
    return tuple(str(number) for number in range(1, count + 1))


def items(*numbers: int) -> tuple[str, ...]:
    """Return some published item numbers as strings."""
    return tuple(str(number) for number in numbers)


@cache
def instruments() -> Mapping[str, Instrument]:
    """Return every instrument by code, found by discovery."""
    return collect(sys.modules[__name__], "INSTRUMENT", Instrument)
