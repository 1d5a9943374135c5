"""Parameters of a rule as somebody sends them: held against the rule's own, and laid over them.

The type of a parameter is that of its default. A count stays a count of at least one (a limit below zero stays below),
a number keeps its sign, a list of limits its length; whatever is accepted lets every rule be asked with a bounded
memory. The limits of what is accepted are ours.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from math import isfinite
from typing import Any, Protocol

from service.domain.errors import Fault, InvalidParameters
from service.domain.plain import freeze

MOST = 64  # sessions, scores or sightings: a rule remembers no more
FARTHEST = 100.0  # percent points, spreads or shares
LONGEST = 32  # entries of a list of codes
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

Bounds = tuple[float, float]  # the least and the most that is taken in


class Tunable(Protocol):
    """What of a rule says how it may be set: its own parameters, narrower bounds, and what must not fall in order."""

    @property
    def parameters(self) -> Any: ...

    @property
    def bounds(self) -> Mapping[str, Bounds]: ...

    @property
    def rising(self) -> tuple[tuple[str, ...], ...]: ...


class Unfit(ValueError):
    """A value that its parameter cannot have; `place` is within the value."""

    def __init__(self, code: str, detail: str, place: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.place = place


def checked(rule: Tunable, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they are kept, in the order of the rule's own.

    Raises InvalidParameters with every fault.
    """
    faults = [*_unknown(rule, sent), *_unfit(rule, sent)]
    if faults:
        raise InvalidParameters(*faults)
    return {name: freeze(_fit(rule, name, sent[name])) for name in _names(rule) if name in sent}


def overlaid(rule: Tunable, *layers: Mapping[str, Any]) -> Any:
    """Return a rule's own parameters with kept ones laid over them, the later over the earlier.

    What a newer version of the rule has no place for any more is left out.
    """
    found = {name: _fit(rule, name, layer[name]) for layer in layers for name in layer if _fits(rule, name, layer)}
    return replace(rule.parameters, **found)


def contradictions(rule: Tunable, parameters: Any, told: Collection[str]) -> Iterator[Fault]:
    """Yield a fault for each parameter that lies below the one before it where they must not fall.

    Its place is that one of the two which was told; lists are held against each other place by place.
    """
    for names in rule.rising:
        for lower, higher in pairwise(names):
            one, other = (getattr(parameters, name) for name in (lower, higher))
            pairs = zip(one, other, strict=True) if isinstance(one, tuple) else ((one, other),)
            if any(low > high for low, high in pairs):
                place = higher if higher in told else lower
                side, against = ("below", lower) if place == higher else ("above", higher)
                yield Fault(f"/parameters/{place}", "out-of-order", f"It must not lie {side} {against}.")


def named(parameters: Any) -> dict[str, Any]:
    """Return parameters by name, as plain JSON."""
    return {name: freeze(getattr(parameters, name)) for name in parameters.__dataclass_fields__}


def _names(rule: Tunable) -> Collection[str]:
    found: Collection[str] = rule.parameters.__dataclass_fields__
    return found


def _unknown(rule: Tunable, sent: Iterable[str]) -> Iterator[Fault]:
    for name in sent:
        if name not in _names(rule):
            place = f"/{name}" if NAME.fullmatch(name) else ""
            yield Fault(f"/parameters{place}", "unknown-field", "The rule has no such parameter.")


def _unfit(rule: Tunable, sent: Mapping[str, Any]) -> Iterator[Fault]:
    for name in _names(rule):
        if name in sent:
            try:
                _fit(rule, name, sent[name])
            except Unfit as unfit:
                yield Fault(f"/parameters/{name}{unfit.place}", unfit.code, unfit.detail)


def _fits(rule: Tunable, name: str, kept: Mapping[str, Any]) -> bool:
    try:
        return name in _names(rule) and _fit(rule, name, kept[name]) is not None
    except Unfit:
        return False


def _fit(rule: Tunable, name: str, value: Any) -> Any:
    """Return a value in the type of its parameter's default; raises Unfit."""
    default, bounds = getattr(rule.parameters, name), rule.bounds.get(name)
    match default:
        case bool():
            return _flag(value)
        case int():
            return _count(value, bounds or ((-MOST, -1) if default < 0 else (1, MOST)))
        case float():
            return _number(value, bounds or _side_of(default))
        case tuple() if all(isinstance(item, str) for item in default):
            return _codes(value)
        case tuple():
            return _numbers(value, default)
    raise TypeError(f"no parameter has the type {type(default).__name__}")


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("not-a-boolean", "true or false is needed.")
    return value


def _side_of(default: float) -> Bounds:
    """Return the bounds of a number: it stays on its side of zero."""
    return (-FARTHEST, 0.0) if default < 0 else (0.0, FARTHEST)


def _count(value: Any, bounds: Bounds) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value // 1:
        raise Unfit("not-integer", "A whole number is needed.")
    return int(_within(value, bounds))


def _number(value: Any, bounds: Bounds) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Unfit("not-a-number", "A number is needed.")
    if not isfinite(value):
        raise Unfit("not-finite", "A finite number is needed.")
    return float(_within(value, bounds)) + 0.0


def _within(value: float, bounds: Bounds) -> float:
    least, most = bounds
    if not least <= value <= most:
        raise Unfit("out-of-range", f"From {least:g} to {most:g} is taken in.")
    return value


def _codes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Unfit("not-a-list", "A list is needed.")
    if len(value) > LONGEST:
        raise Unfit("too-many", "There are too many entries.")
    for place, code in enumerate(value):
        if not isinstance(code, str) or len(code) > 64 or not CODE.fullmatch(code):
            raise Unfit("bad-format", "A kebab-case code is needed.", f"/{place}")
    return tuple(sorted(set(value)))


def _numbers(value: Any, default: tuple[float, ...]) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise Unfit("not-a-list", "A list is needed.")
    if len(value) != len(default):
        raise Unfit("wrong-length", f"A list of {len(default)} is needed.")
    found = []
    for place, (item, usual) in enumerate(zip(value, default, strict=True)):
        try:
            found.append(_number(item, _side_of(usual)))
        except Unfit as unfit:
            raise Unfit(unfit.code, unfit.detail, f"/{place}") from None
    return tuple(found)
