"""Discovery for instruments, rules and channels: one file, one upper-case constant."""

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Protocol, TypeVar


class Coded(Protocol):
    """Anything with a public code."""

    @property
    def code(self) -> str: ...


Item = TypeVar("Item", bound=Coded)


def collect(package: ModuleType, constant: str, kind: type[Item]) -> dict[str, Item]:
    """Return code → constant of every module of the package, in the order of the codes.

    Raises TypeError when a module lacks the constant and ValueError when two share a code, both at import.
    """
    found: dict[str, Item] = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        item = getattr(import_module(f"{package.__name__}.{module_info.name}"), constant, None)
        if not isinstance(item, kind):
            raise TypeError(f"{package.__name__}.{module_info.name} has no {constant}")
        if item.code in found:
            raise ValueError(f"two modules of {package.__name__} share the code {item.code}")
        found[item.code] = item
    return dict(sorted(found.items()))
