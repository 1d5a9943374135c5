"""Values as plain JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from math import inf, nan
from typing import Any

import pytest

from service.domain.plain import encode, freeze


class Colour(StrEnum):
    red = "red"
    blue = "blue"


@dataclass(frozen=True, slots=True)
class Leaf:
    number: int
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    colour: Colour
    leaves: tuple[Leaf, ...]
    runs: Mapping[str, frozenset[str]] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2.5, 2.5),
        ("ana", "ana"),
        (Colour.blue, "blue"),
        (datetime(2026, 3, 1, 16, 30, tzinfo=UTC), "2026-03-01T16:30:00+00:00"),
        (frozenset({"b", "a"}), ["a", "b"]),
        ({"ana": (1, 2)}, {"ana": [1, 2]}),
        (Leaf(1, 2.5), [1, 2.5]),
        (
            Tree(Colour.red, (Leaf(1), Leaf(2, 0.5)), {"eva": frozenset({"y", "x"})}),
            ["red", [[1, None], [2, 0.5]], {"eva": ["x", "y"]}],
        ),
    ],
)
def test_values_are_plain(value: object, plain: Any) -> None:
    assert freeze(value) == plain
    assert type(freeze(value)) is type(plain)
    assert json.loads(encode(freeze(value))) == plain


def test_only_data_is_plain() -> None:
    with pytest.raises(TypeError):
        freeze(object())


@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_a_number_that_is_not_finite_is_no_null(number: float) -> None:
    with pytest.raises(ValueError):
        encode([number])
