"""Typed values as plain JSON and back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.memory import freeze, thaw


class Colour(StrEnum):
    red = "red"
    blue = "blue"


@dataclass(frozen=True, slots=True)
class Leaf:
    number: int
    weight: float | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """Every shape that a memory may have."""

    name: str = ""
    colour: Colour = Colour.red
    at: datetime | None = None
    leaf: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()
    pair: tuple[str, int] = ("", 0)
    scores: tuple[float, ...] = ()
    names: frozenset[str] = frozenset()
    talks: frozenset[tuple[str, tuple[str, ...]]] = frozenset()
    runs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    nested: Mapping[str, Mapping[str, Leaf]] = field(default_factory=dict)
    value: str | float | int | bool | None = None


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(max_size=5)
LEAVES = st.builds(Leaf, st.integers(-9, 9), st.none() | NUMBERS)
TREES = st.builds(
    Tree,
    WORDS,
    st.sampled_from(Colour),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.none() | LEAVES,
    st.lists(LEAVES, max_size=3).map(tuple),
    st.tuples(WORDS, st.integers(0, 9)),
    st.lists(NUMBERS, max_size=3).map(tuple),
    st.frozensets(WORDS, max_size=3),
    st.frozensets(st.tuples(WORDS, st.lists(WORDS, max_size=2).map(tuple)), max_size=2),
    st.dictionaries(WORDS, st.lists(st.integers(0, 3), max_size=3).map(tuple), max_size=2),
    st.dictionaries(WORDS, st.dictionaries(WORDS, LEAVES, max_size=2), max_size=2),
    st.none() | WORDS | NUMBERS | st.integers() | st.booleans(),
)


@given(TREES)
@settings(deadline=None, max_examples=100)
def test_what_is_stored_comes_back_the_same(tree: Tree) -> None:
    back = thaw(Tree, json.loads(json.dumps(freeze(tree))))
    assert back == tree
    assert type(back.value) is type(tree.value)
    assert type(back.colour) is Colour


def test_a_value_is_as_small_as_it_can_be() -> None:
    assert freeze(Leaf(1, 2.5)) == [1, 2.5]
    assert freeze(Colour.blue) == "blue"
    assert freeze(frozenset({"b", "a"})) == ["a", "b"]
    assert freeze({"ana": (1, 2)}) == {"ana": [1, 2]}


def test_a_time_keeps_its_instant() -> None:
    at = datetime(2026, 3, 1, 16, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert thaw(Tree, freeze(Tree(at=at))).at == at


@pytest.mark.parametrize("plain", [[1], [1, 2.0, 3], [], None, 7])
def test_another_shape_is_refused(plain: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        thaw(Leaf, plain)


def test_an_unknown_code_is_refused() -> None:
    with pytest.raises(ValueError):
        thaw(Tree, [*freeze(Tree())[:1], "green", *freeze(Tree())[2:]])


def test_only_data_can_be_stored() -> None:
    with pytest.raises(TypeError):
        freeze(object())
