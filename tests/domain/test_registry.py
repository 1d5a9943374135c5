"""Discovery, on small packages written for each test."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

import pytest

from service.domain.registry import collect

NAME = "found_by_test"


@dataclass(frozen=True, slots=True)
class Tool:
    code: str


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name == NAME or name.startswith(f"{NAME}.")]:
        del sys.modules[name]


def add(folder: Path, module: str, text: str) -> None:
    (folder / f"{module}.py").write_text(f"from {__name__} import Tool\n{text}\n")


def loaded() -> ModuleType:
    invalidate_caches()
    return import_module(NAME)


def test_one_constant_per_file_in_the_order_of_the_codes(package: Path) -> None:
    add(package, "aaa", "TOOL = Tool('saw')")
    add(package, "bbb", "TOOL = Tool('axe')")
    assert collect(loaded(), "TOOL", Tool) == {"axe": Tool("axe"), "saw": Tool("saw")}
    assert list(collect(loaded(), "TOOL", Tool)) == ["axe", "saw"]


@pytest.mark.parametrize("text", ["", "TOOL = 'saw'", "tool = Tool('saw')"])
def test_a_file_without_the_constant_is_told(package: Path, text: str) -> None:
    add(package, "saw", text)
    with pytest.raises(TypeError, match=f"{NAME}.saw has no TOOL"):
        collect(loaded(), "TOOL", Tool)


def test_two_files_of_one_code_are_told(package: Path) -> None:
    add(package, "one", "TOOL = Tool('saw')")
    add(package, "two", "TOOL = Tool('saw')")
    with pytest.raises(ValueError, match="share the code saw"):
        collect(loaded(), "TOOL", Tool)


def test_an_empty_package_has_nothing(package: Path) -> None:
    assert package.exists()
    assert collect(loaded(), "TOOL", Tool) == {}
