"""Rules: one file, one constant RULE; the module's docstring is its published page."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from graphlib import TopologicalSorter
from typing import Any, Generic, TypeVar

from service.domain.concern import Clearing, Concern, Signal
from service.domain.moment import Moment
from service.domain.parameters import Bounds
from service.domain.registry import collect

Memory = TypeVar("Memory")
Parameters = TypeVar("Parameters")


class Tone(StrEnum):
    """Whether a rule says that something may need care, or that something goes well."""

    caution = "caution"
    good_news = "good-news"


@dataclass(frozen=True, slots=True)
class NoMemory:
    """The memory of a rule that needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[Memory, Parameters]):
    """One rule as data and two pure functions.

    `check(moment, memory, parameters)` returns the memory after this session and the signals in it; `clear(moment,
    concern, memory, parameters)` says what the session means for an active concern that did not fire in it (memory is
    the one after `check`). `clears_after` clearings in a row recover it, one when it was `discussed` and
    `once_when_discussed`.

    `capped`: rests on ratings, so only `info` in the case's first three held sessions. `unsettles`: while such a
    concern is active its subject's scores stay out of `prior`. `settles`: three steady scores close it. `inhibits`
    blocks the opening of other rules about the same subject in the same session; `absorbs` names rules asked before it
    whose concern about the same subject, new in this session and not critical, tells no more than its own; `raises`
    picks the concerns that its signal about the same subject makes warnings where they are `info`, and such a rule
    opens none of its own. `after` names rules whose signals this one reads. `silent_on_hold`: not shown while the
    case is on safety hold. `tone`: good news is only ever `info`, and nothing that asks for an answer counts it.
    `rests_on` names fields of a session: where nothing is told in them a rule that remembers nothing and has no concern
    that stands finds nothing and learns nothing, so it is not asked.
    `rising` names parameters in an order in which they must not fall, whatever they are set to; `bounds` is the least
    and the most of those for which the general ones make no sense.
    `texts` is route → sentence, `titles` route → title where the usual one would not be true; `next_steps` are codes;
    `grade` is the evidence grade A-D, `basis_unit` whose units.
    """

    code: str
    version: int
    title: str
    grade: str
    texts: Mapping[str, str]
    next_steps: tuple[str, ...]
    parameters: Parameters
    memory: Memory
    check: Callable[[Moment, Memory, Parameters], tuple[Memory, tuple[Signal, ...]]]
    clear: Callable[[Moment, Concern, Memory, Parameters], Clearing]
    clears_after: int = 2
    once_when_discussed: bool = False
    capped: bool = False
    unsettles: bool = False
    settles: bool = False
    silent_on_hold: bool = False
    inhibits: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    absorbs: tuple[str, ...] = ()
    tone: Tone = Tone.caution
    rests_on: frozenset[str] = frozenset()
    rising: tuple[tuple[str, ...], ...] = ()
    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    raises: Callable[[Concern], bool] | None = None
    unit: str = "ours"

    def title_of(self, route: str) -> str:
        """Return what a signal by some route is called."""
        return self.titles.get(route, self.title)


AnyRule = Rule[Any, Any]


@cache
def rules() -> Mapping[str, AnyRule]:
    """Return every rule by code, in the order in which they are asked: the specific before the generic."""
    found = collect(sys.modules[__name__], "RULE", Rule)
    order: TopologicalSorter[str] = TopologicalSorter({code: set() for code in found})
    for rule in found.values():
        order.add(rule.code, *(code for code in rule.after if code in found))
        for code in rule.inhibits:
            if code in found:
                order.add(code, rule.code)
    return {code: found[code] for code in _stable(order)}


@cache
def inhibitors() -> Mapping[str, tuple[str, ...]]:
    """Return by rule the more specific ones whose signals block its opening, in the order in which they are asked."""
    return {code: tuple(other.code for other in rules().values() if code in other.inhibits) for code in rules()}


def tone_of(code: str) -> Tone:
    """Return the tone of a rule; one that is gone was a caution."""
    rule = rules().get(code)
    return rule.tone if rule else Tone.caution


def of_tone(tone: Tone) -> list[str]:
    """Return the rules of a tone."""
    return [code for code, rule in rules().items() if rule.tone is tone]


def _stable(order: "TopologicalSorter[str]") -> list[str]:
    """Return a topological order in which ties go by the code, so that two machines agree."""
    order.prepare()
    asked: list[str] = []
    while order.is_active():
        ready = sorted(order.get_ready())
        asked.extend(ready)
        order.done(*ready)
    return asked
