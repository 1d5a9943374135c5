"""Packages that only this benchmark uses and can do without."""

from importlib import import_module
from typing import Any


def optional(name: str) -> Any:
    """Return a module, None where it is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None
