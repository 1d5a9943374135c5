"""JSON as it is taken in: what is no JSON, what is JSON of a kind that is not taken in, and where."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.api.strict_json import DEEPEST, EXACT, NotJson, UnfitJson, _faults, parse, pointer_to
from service.domain.errors import Fault


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"{}", {}),
        (b' [1, 2.5, -0.0, "a", true, null] ', [1, 2.5, -0.0, "a", True, None]),
        ('{"näme": "Ärger 🙂"}'.encode(), {"näme": "Ärger 🙂"}),
        (rb'"\ud83d\ude42"', "🙂"),  # a pair of surrogates is one character
        (str(EXACT).encode(), EXACT),
        (b"1e308", 1e308),
        (b"1E-400", 0.0),
        (b"[" * DEEPEST + b"]" * DEEPEST, None),
    ],
)
def test_what_is_taken_in(text: bytes, value: Any) -> None:
    found = parse(text)
    assert found == value or (value is None and found)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b'{"a": 1,}',
        b"NaN",
        b"[Infinity]",
        b'{"a": -Infinity}',
        b"01",
        b"+1",
        b"1.",
        b'"\x00"',
        b'"a\nb"',
        b'"\xff"',  # not UTF-8
        b'"\xed\xa0\x80"',  # a surrogate, encoded
        b"\xef\xbb\xbf{}",  # a byte order mark
        "{}".encode("utf-16"),
        b"{} {}",
        b"9" * 5000,
        b"[" * 100_000,
    ],
)
def test_what_is_no_json(text: bytes) -> None:
    with pytest.raises(NotJson) as raised:
        parse(text)
    assert raised.value.__cause__ is None
    assert raised.value.args == ()


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (b"1e400", [("", "not-finite")]),
        (b'{"a": [0, -1e400]}', [("/a/1", "not-finite")]),
        (str(EXACT + 1).encode(), [("", "out-of-range")]),
        (f'{{"n": {-EXACT - 1}}}'.encode(), [("/n", "out-of-range")]),
        (rb'{"a": "\u0000"}', [("/a", "bad-characters")]),
        (rb'{"a": ["x", "\ud800"]}', [("/a/1", "bad-characters")]),
        (rb'{"\udfff": 1}', [("", "bad-characters")]),
        (b'{"a": 1, "a": 1}', [("", "duplicate-key")]),
        (b'{"b": {"a": 1, "a": 2}}', [("/b", "duplicate-key")]),
        (b'{"a b": {"c": 1e999}}', [("/c", "not-finite")]),  # a key that is no plain word stays unsaid
        (b'{"a": 1e999, "b": "\\u0000"}', [("/a", "not-finite"), ("/b", "bad-characters")]),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), [("/0" * DEEPEST, "too-deep")]),
        (b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1), [("/a" * DEEPEST, "too-deep")]),
    ],
)
def test_what_is_json_of_another_kind(text: bytes, faults: list[tuple[str, str]]) -> None:
    with pytest.raises(UnfitJson) as raised:
        parse(text)
    assert [(fault.pointer, fault.code) for fault in raised.value.faults] == faults


@pytest.mark.parametrize(
    ("parent", "key", "pointer"),
    [
        ("", "a", "/a"),
        ("/a", 3, "/a/3"),
        ("/a", "b~/c", "/a"),
        ("/a", "x" * 65, "/a"),
        ("", "", ""),
        ("", "é", ""),
    ],
)
def test_pointers_repeat_plain_words_alone(parent: str, key: object, pointer: str) -> None:
    assert pointer_to(parent, key) == pointer


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(NotJson, UnfitJson):
        parse(data)


UNFIT_TOO = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-2 * EXACT, 2 * EXACT),
    st.text(st.sampled_from("a\x00\ud800"), max_size=2),
)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        UNFIT_TOO,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "\x00"]), inner),
        max_leaves=8,
    ),
    st.integers(0, DEEPEST),
)
def test_what_is_refused_has_a_place(value: Any, deeper: int) -> None:
    """Whether there are faults is decided before they are looked for; the two agree."""
    for _ in range(deeper):
        value = [value]
    faults: tuple[Fault, ...] = ()
    try:
        parse(json.dumps(value).encode())
    except UnfitJson as error:
        faults = error.faults
        assert faults
    assert faults == tuple(_faults(value, "", 1))
