"""Typed values ↔ plain JSON, so that a carry and each rule's own memory can be stored and read back.

Dataclasses, enums, datetimes, tuples, frozensets, mappings and unions with None; a shape is compiled once per type.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Plain = Any
T = TypeVar("T")
Thaw = Callable[[Plain], Any]
Freeze = Callable[[Any], Plain]


encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
"""Return plain JSON as text; ValueError where a number is not finite, rather than a null that nobody meant."""


def freeze(value: object) -> Plain:
    """Return a value as plain JSON: dataclasses as lists of their fields, enums as codes, times as ISO strings."""
    kind: Any = type(value)
    return _freeze_of(kind)(value)


def thaw(kind: type[T], plain: Plain) -> T:
    """Return the value of a type from its plain JSON; KeyError, TypeError or ValueError when it is of another shape."""
    wanted: Any = kind
    result: T = _thaw_of(wanted)(plain)
    return result


@cache
def _names(kind: type) -> tuple[str, ...]:
    if not is_dataclass(kind):
        raise TypeError(f"{kind.__name__} cannot be stored")
    return tuple(item.name for item in fields(kind))


@cache
def _freeze_of(kind: Any) -> Freeze:
    """Return how values of one type are frozen; asked once per type."""
    if issubclass(kind, Enum):
        return lambda value: value.value
    if kind is NoneType or issubclass(kind, str | int | float):
        return _as_is
    if issubclass(kind, datetime):
        return lambda value: value.isoformat()
    if issubclass(kind, Mapping):
        return lambda value: {key: freeze(item) for key, item in value.items()}
    if issubclass(kind, frozenset):
        return lambda value: sorted(freeze(item) for item in value)
    if issubclass(kind, tuple | list) and not is_dataclass(kind):
        return lambda value: [freeze(item) for item in value]
    return _freeze_fields(kind)


def _freeze_fields(kind: Any) -> Freeze:
    names, hints = _names(kind), get_type_hints(kind)
    freezes = tuple(_freeze_declared(hints[name]) for name in names)
    if len(names) < 2:  # attrgetter of one name returns no tuple
        return lambda value: [
            freeze_field(getattr(value, name)) for name, freeze_field in zip(names, freezes, strict=True)
        ]
    get = attrgetter(*names)
    return lambda value: [freeze_field(item) for freeze_field, item in zip(freezes, get(value), strict=True)]


@cache
def _freeze_declared(kind: Any) -> Freeze:
    """Return how a field is frozen by its declaration; what that leaves open is asked of each value."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        inners = {_freeze_declared(item) for item in arguments if item is not NoneType}
        return _or_none(inners.pop()) if len(inners) == 1 else freeze
    if origin is tuple and arguments[1:] == (Ellipsis,):
        inner = _freeze_declared(arguments[0])
        return list if inner is _as_is else lambda value: [inner(item) for item in value]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        inner = _freeze_declared(arguments[1])
        return dict if inner is _as_is else lambda value: {key: inner(item) for key, item in value.items()}
    closed = origin is None and isinstance(kind, type)
    scalar = closed and issubclass(kind, Enum | str | int | float | datetime)
    return _freeze_of(kind) if scalar or (closed and is_dataclass(kind)) else freeze


def _or_none(inner: Freeze) -> Freeze:
    return inner if inner is _as_is or inner is freeze else lambda value: None if value is None else inner(value)


@cache
def _thaw_of(kind: Any) -> Thaw:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _optional(tuple(item for item in arguments if item is not NoneType))
    if origin is tuple:
        return _tuple(arguments)
    if origin is frozenset:
        inner = _thaw_of(arguments[0])
        return lambda plain: frozenset(inner(item) for item in plain)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(_thaw_of(arguments[1]))
    if is_dataclass(kind):
        return _dataclass(kind)
    if kind is datetime:
        return datetime.fromisoformat
    return kind if isinstance(kind, type) and issubclass(kind, Enum) else _as_is


def _as_is(plain: Plain) -> Plain:
    return plain


def _optional(kinds: tuple[Any, ...]) -> Thaw:
    if len(kinds) != 1:
        return _as_is  # a union of plain scalars stands for itself
    inner = _thaw_of(kinds[0])
    return lambda plain: None if plain is None else inner(plain)


def _mapping(inner: Thaw) -> Thaw:
    def thaw_map(plain: Plain) -> dict[str, Any]:
        if not isinstance(plain, Mapping):
            raise TypeError("a map is needed")
        return {key: inner(item) for key, item in plain.items()}

    return thaw_map


def _tuple(arguments: tuple[Any, ...]) -> Thaw:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        inner = _thaw_of(arguments[0])
        return tuple if inner is _as_is else lambda plain: tuple(inner(item) for item in plain)
    inners = tuple(_thaw_of(argument) for argument in arguments)
    return lambda plain: tuple(thaw_item(item) for thaw_item, item in zip(inners, plain, strict=True))


def _dataclass(kind: Any) -> Thaw:
    hints = get_type_hints(kind)
    thaws = tuple(_thaw_of(hints[name]) for name in _names(kind))
    return lambda plain: kind(*(thaw_field(item) for thaw_field, item in zip(thaws, plain, strict=True)))
