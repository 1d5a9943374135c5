"""Parameters of a rule as somebody sends them: held against the rule's own, and laid over them.

The type of a parameter is that of its default. A count stays a count of at least one (a limit below zero stays below),
a number keeps its sign, a list of limits its length; whatever is accepted lets every rule be asked with a bounded
memory. The limits of what is accepted are ours.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any, TypeVar

from service.domain.errors import Fault, InvalidParameters
from service.domain.plain import freeze

MOST = 64  # sessions, scores or sightings: a rule remembers no more
FARTHEST = 100.0  # percent points, spreads or shares
LONGEST = 32  # entries of a list of codes
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

Parameters = TypeVar("Parameters")


class Unfit(ValueError):
    """A value that its parameter cannot have; `place` is within the value."""

    def __init__(self, code: str, detail: str, place: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.place = place


def checked(own: Any, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they are kept, in the order of the rule's own.

    Raises InvalidParameters with every fault.
    """
    faults = [*_unknown(own, sent), *_unfit(own, sent)]
    if faults:
        raise InvalidParameters(*faults)
    return {name: freeze(_fit(sent[name], getattr(own, name))) for name in own.__dataclass_fields__ if name in sent}


def overlaid(own: Parameters, *layers: Mapping[str, Any]) -> Parameters:
    """Return a rule's own parameters with kept ones laid over them, the later over the earlier.

    What a newer version of the rule has no place for any more is left out.
    """
    changed = {name: getattr(own, name) for name in own.__dataclass_fields__}  # type: ignore[attr-defined]
    for layer in layers:
        changed.update((name, _fit(layer[name], changed[name])) for name in layer if _fits(layer[name], name, changed))
    return replace(own, **changed)  # type: ignore[type-var]


def named(parameters: Any) -> dict[str, Any]:
    """Return parameters by name, as plain JSON."""
    return {name: freeze(getattr(parameters, name)) for name in parameters.__dataclass_fields__}


def _unknown(own: Any, sent: Iterable[str]) -> Iterator[Fault]:
    for name in sent:
        if name not in own.__dataclass_fields__:
            place = f"/{name}" if NAME.fullmatch(name) else ""
            yield Fault(f"/parameters{place}", "unknown-field", "The rule has no such parameter.")


def _unfit(own: Any, sent: Mapping[str, Any]) -> Iterator[Fault]:
    for name in own.__dataclass_fields__:
        if name in sent:
            try:
                _fit(sent[name], getattr(own, name))
            except Unfit as unfit:
                yield Fault(f"/parameters/{name}{unfit.place}", unfit.code, unfit.detail)


def _fits(value: Any, name: str, known: Mapping[str, Any]) -> bool:
    try:
        return name in known and _fit(value, known[name]) is not None
    except Unfit:
        return False


def _fit(value: Any, default: Any) -> Any:
    """Return a value in the type of its parameter's default; raises Unfit."""
    match default:
        case bool():
            return _flag(value)
        case int():
            return _count(value, default)
        case float():
            return _number(value, default)
        case tuple() if all(isinstance(item, str) for item in default):
            return _codes(value)
        case tuple():
            return _numbers(value, default)
    raise TypeError(f"no parameter has the type {type(default).__name__}")


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("not-a-boolean", "true or false is needed.")
    return value


def _count(value: Any, default: int) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value // 1:
        raise Unfit("not-integer", "A whole number is needed.")
    least, most = (-MOST, -1) if default < 0 else (1, MOST)
    if not least <= value <= most:
        raise Unfit("out-of-range", f"From {least} to {most} is taken in.")
    return int(value)


def _number(value: Any, default: float) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Unfit("not-a-number", "A number is needed.")
    if not isfinite(value):
        raise Unfit("not-finite", "A finite number is needed.")
    least, most = (-FARTHEST, 0.0) if default < 0 else (0.0, FARTHEST)
    if not least <= value <= most:
        raise Unfit("out-of-range", f"From {least:g} to {most:g} is taken in.")
    return float(value) + 0.0


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
            found.append(_number(item, usual))
        except Unfit as unfit:
            raise Unfit(unfit.code, unfit.detail, f"/{place}") from None
    return tuple(found)
