"""JSON as we take it in: UTF-8, finite numbers, no key twice, no NUL or lone surrogate, at most 16 levels deep."""

import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, NoReturn

from service.domain.errors import Fault

DEEPEST = 16
EXACT = 2**53  # JSON numbers beyond it lose digits on their way through other languages
UNFIT = re.compile("[\x00\ud800-\udfff]")
PLAIN_KEY = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class NotJson(ValueError):
    """The bytes are no JSON at all."""


class UnfitJson(ValueError):
    """It is JSON, but not of the kind that is taken in; `faults` say where."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("unfit JSON")
        self.faults = faults


class Doubled(dict[str, Any]):
    """An object in which a key stood twice; kept until the walk can say where."""


def parse(data: bytes) -> Any:
    """Return the value of a JSON text; raises NotJson or UnfitJson, neither of which repeats a part of it."""
    try:
        value = DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise NotJson from None
    if not _fits(value, 1, escaped=b"\\u" in data):
        raise UnfitJson(tuple(_faults(value, "", 1)))
    return value


def pointer_to(parent: str, key: object) -> str:
    """Return the JSON Pointer of a key within its parent; a key that is no plain word stays unsaid."""
    text = str(key)
    return f"{parent}/{text}" if PLAIN_KEY.fullmatch(text) else parent


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Doubled(pairs)


def _refuse(constant: str) -> NoReturn:
    raise ValueError("not a JSON number")


DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse)


def _fits(value: Any, depth: int, escaped: bool) -> bool:
    """Tell whether a value has no faults, without the time to say where; unfit characters come only as escapes."""
    kind = type(value)
    if kind is str:
        return not (escaped and UNFIT.search(value))
    if kind is float:
        return isfinite(value)
    if kind is int:
        return bool(-EXACT <= value <= EXACT)
    if kind is dict:
        if depth > DEEPEST or (escaped and any(UNFIT.search(key) for key in value)):
            return False
        return all([_fits(item, depth + 1, escaped) for item in value.values()])
    if kind is list:
        return depth <= DEEPEST and all([_fits(item, depth + 1, escaped) for item in value])
    return kind is not Doubled


def _faults(value: Any, pointer: str, depth: int) -> Iterator[Fault]:
    if isinstance(value, str):
        if UNFIT.search(value):
            yield Fault(pointer, "bad-characters", "NUL and lone surrogates are not taken in.")
    elif isinstance(value, float):
        if not isfinite(value):
            yield Fault(pointer, "not-finite", "A finite number is needed.")
    elif isinstance(value, int):
        if abs(value) > EXACT:
            yield Fault(pointer, "out-of-range", "This number is too large.")
    elif isinstance(value, dict | list):
        yield from _faults_within(value, pointer, depth)


def _faults_within(value: dict[str, Any] | list[Any], pointer: str, depth: int) -> Iterator[Fault]:
    if depth > DEEPEST:
        yield Fault(pointer, "too-deep", f"At most {DEEPEST} levels are taken in.")
        return
    if isinstance(value, Doubled):
        yield Fault(pointer, "duplicate-key", "A key stands here twice.")
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in pairs:
        if isinstance(key, str) and UNFIT.search(key):
            yield Fault(pointer, "bad-characters", "NUL and lone surrogates are not taken in.")
        yield from _faults(item, pointer_to(pointer, key), depth + 1)
