"""Values as plain JSON."""

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

Plain = Any


encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
"""Return plain JSON as text; ValueError where a number is not finite, rather than a null that nobody meant."""


def freeze(value: Any) -> Plain:
    """Return a value as plain JSON: dataclasses as lists of their fields, enums as codes, times as ISO strings."""
    match value:
        case Enum():
            return value.value
        case None | str() | int() | float():
            return value
        case datetime():
            return value.isoformat()
        case Mapping():
            return {key: freeze(item) for key, item in value.items()}
        case frozenset():
            return sorted(freeze(item) for item in value)
        case tuple() | list():
            return [freeze(item) for item in value]
        case _ if is_dataclass(value):
            return [freeze(getattr(value, name)) for name in value.__dataclass_fields__]
    raise TypeError(f"{type(value).__name__} is no plain value")
