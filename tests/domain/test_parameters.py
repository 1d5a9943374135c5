"""Parameters as they are sent: what fits, what is refused and where, and that every rule bears whatever fits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.db.sealing import seal, unseal_carry
from service.domain.assess import assess, fold
from service.domain.carry import Carry, Given
from service.domain.errors import InvalidParameters
from service.domain.model import TherapySession
from service.domain.parameters import FARTHEST, LONGEST, MOST, checked, contradictions, named, overlaid
from service.domain.rules import AnyRule, rules
from tests.domain.courses import PEOPLE, courses
from tests.factories import family


@dataclass(frozen=True, slots=True)
class Own:
    """One parameter of each type."""

    sessions: int = 3
    fall: int = -11
    share: float = 0.5
    z: float = -2.5
    strict: bool = False
    programs: tuple[str, ...] = ("trauma",)
    limits: tuple[float, float] = (1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Plain:
    """All of a rule that says how it may be set."""

    parameters: Any
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    rising: tuple[tuple[str, ...], ...] = ()


OWN = Plain(Own())


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({}, {}),
        ({"sessions": 1}, {"sessions": 1}),
        ({"sessions": 64.0}, {"sessions": 64}),
        ({"fall": -1}, {"fall": -1}),
        ({"share": 1}, {"share": 1.0}),
        ({"share": -0.0}, {"share": 0.0}),
        ({"z": 0}, {"z": 0.0}),
        ({"z": -100}, {"z": -100.0}),
        ({"strict": True}, {"strict": True}),
        ({"programs": []}, {"programs": []}),
        ({"programs": ["trauma", "grief-2", "trauma"]}, {"programs": ["grief-2", "trauma"]}),  # a set: in no order
        ({"limits": [1, 3.5]}, {"limits": [1.0, 3.5]}),
        ({"z": -3, "sessions": 4}, {"sessions": 4, "z": -3.0}),
    ],
)
def test_what_fits_is_kept_as_its_own_type_in_the_rules_order(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    found = checked(OWN, sent)
    assert (found, list(found)) == (kept, list(kept))
    assert [type(value) for value in found.values()] == [type(value) for value in kept.values()]


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        ({"session": 3}, ("/parameters/session", "unknown-field")),
        ({"a b": 3}, ("/parameters", "unknown-field")),
        ({"sessions": 0}, ("/parameters/sessions", "out-of-range")),
        ({"sessions": 65}, ("/parameters/sessions", "out-of-range")),
        ({"sessions": 2.5}, ("/parameters/sessions", "not-integer")),
        ({"sessions": float("nan")}, ("/parameters/sessions", "not-integer")),
        ({"sessions": float("inf")}, ("/parameters/sessions", "not-integer")),
        ({"sessions": True}, ("/parameters/sessions", "not-integer")),
        ({"sessions": "3"}, ("/parameters/sessions", "not-integer")),
        ({"sessions": None}, ("/parameters/sessions", "not-integer")),
        ({"fall": 0}, ("/parameters/fall", "out-of-range")),
        ({"fall": -65}, ("/parameters/fall", "out-of-range")),
        ({"share": -0.1}, ("/parameters/share", "out-of-range")),
        ({"share": 100.1}, ("/parameters/share", "out-of-range")),
        ({"share": True}, ("/parameters/share", "not-a-number")),
        ({"share": [0.5]}, ("/parameters/share", "not-a-number")),
        ({"z": 0.1}, ("/parameters/z", "out-of-range")),
        ({"z": float("-inf")}, ("/parameters/z", "not-finite")),
        ({"strict": 1}, ("/parameters/strict", "not-a-boolean")),
        ({"programs": "trauma"}, ("/parameters/programs", "not-a-list")),
        ({"programs": ["Trauma"]}, ("/parameters/programs/0", "bad-format")),
        ({"programs": ["trauma", 3]}, ("/parameters/programs/1", "bad-format")),
        ({"programs": ["a" * 65]}, ("/parameters/programs/0", "bad-format")),
        ({"programs": ["a"] * (LONGEST + 1)}, ("/parameters/programs", "too-many")),
        ({"limits": 1.0}, ("/parameters/limits", "not-a-list")),
        ({"limits": [1.0]}, ("/parameters/limits", "wrong-length")),
        ({"limits": [1.0, -2.0]}, ("/parameters/limits/1", "out-of-range")),
        ({"limits": ["1", 2.0]}, ("/parameters/limits/0", "not-a-number")),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(sent: dict[str, Any], fault: tuple[str, str]) -> None:
    with pytest.raises(InvalidParameters) as refused:
        checked(OWN, sent)
    assert [(item.pointer, item.code) for item in refused.value.faults] == [fault]


def test_every_fault_is_told_and_no_value() -> None:
    with pytest.raises(InvalidParameters) as refused:
        checked(OWN, {"sessions": "anna", "z": "anna", "limits": ["anna", 1]})
    assert len(refused.value.faults) == 3
    assert "anna" not in str(refused.value.faults)


def test_the_later_layer_lies_over_the_earlier_one() -> None:
    assert overlaid(OWN) == Own()
    assert overlaid(OWN, {"z": -3.0, "sessions": 4}, {"z": -2.0}) == Own(sessions=4, z=-2.0)
    assert overlaid(OWN, {"programs": ["grief"]}) == Own(programs=("grief",))


def test_a_layer_at_zero_does_not_turn_the_sign_of_the_next() -> None:
    assert overlaid(OWN, {"z": 0.0}, {"z": -2.0}) == Own(z=-2.0)


def test_narrower_bounds_and_wider_ones_are_the_rules_to_say() -> None:
    narrow = Plain(Own(), bounds={"sessions": (0, 9), "z": (-9.0, -1.0)})
    assert overlaid(narrow, checked(narrow, {"sessions": 0, "z": -1})) == Own(sessions=0, z=-1.0)
    with pytest.raises(InvalidParameters) as refused:
        checked(narrow, {"sessions": 10, "z": -0.5})
    assert [(item.pointer, item.detail) for item in refused.value.faults] == [
        ("/parameters/sessions", "From 0 to 9 is taken in."),
        ("/parameters/z", "From -9 to -1 is taken in."),
    ]


@pytest.mark.parametrize(
    ("parameters", "told", "expected"),
    [
        ({"sessions": 3, "share": 3.0}, ["share"], []),  # equal is in order
        ({"sessions": 4, "share": 0.5}, ["sessions"], [("/parameters/sessions", "It must not lie above share.")]),
        ({"sessions": 4, "share": 0.5}, ["share"], [("/parameters/share", "It must not lie below sessions.")]),
        ({"sessions": 4, "share": 0.5}, ["z"], [("/parameters/sessions", "It must not lie above share.")]),
        ({"sessions": 1, "share": 1.0, "limits": (1.0, 2.0)}, [], []),
    ],
)
def test_what_makes_no_sense_together(
    parameters: dict[str, Any], told: list[str], expected: list[tuple[str, str]]
) -> None:
    rule = Plain(Own(), rising=(("sessions", "share"),))
    found = contradictions(rule, Own(**parameters), told)
    assert [(item.pointer, item.detail) for item in found] == expected


def test_lists_are_held_against_each_other_place_by_place() -> None:
    rule = rules()["split-alliance"]
    higher = overlaid(rule, {"mild": [1.0, 1.5, 1.8, 2.6]})  # moderate is 2.5 for five and more
    assert [item.pointer for item in contradictions(rule, higher, ["mild"])] == ["/parameters/mild"]
    assert list(contradictions(rule, overlaid(rule, {"mild": [1.0, 1.5, 1.8, 2.5]}), ["mild"])) == []


def test_what_was_kept_and_fits_no_more_is_left_out() -> None:
    assert overlaid(OWN, {"gone": 1, "z": 3.0, "share": "much", "sessions": 4}) == Own(sessions=4)


@pytest.mark.parametrize("code", rules())
def test_every_rules_own_parameters_fit(code: str) -> None:
    rule = rules()[code]
    kept = checked(rule, named(rule.parameters))
    assert kept == named(rule.parameters)
    assert overlaid(rule, kept) == rule.parameters
    assert list(contradictions(rule, rule.parameters, kept)) == []
    assert {*rule.bounds, *(name for names in rule.rising for name in names)} <= set(kept)


def fitting(rule: AnyRule) -> st.SearchStrategy[Any]:
    """Draw any parameters that a rule takes in, whether or not they make sense together."""
    own = rule.parameters
    drawn = {name: _drawn(getattr(own, name), rule.bounds.get(name)) for name in own.__dataclass_fields__}
    return st.fixed_dictionaries({}, optional=drawn).map(lambda sent: overlaid(rule, checked(rule, sent)))


def _drawn(default: Any, bounds: tuple[float, float] | None) -> st.SearchStrategy[Any]:
    match default:
        case int():
            ends = bounds or ((-MOST, -1) if default < 0 else (1, MOST))
            return st.sampled_from(ends) | st.integers(int(ends[0]), int(ends[1]))
        case float():
            least, most = bounds or ((-FARTHEST, 0.0) if default < 0 else (0.0, FARTHEST))
            return st.sampled_from((least, most)) | st.floats(least, most)
        case tuple() if all(isinstance(item, str) for item in default):
            return st.lists(st.sampled_from(("trauma", "grief")))
    return st.tuples(*(_drawn(item, None) for item in default)).map(list)


@given(sessions=courses(most=8), drawn=st.fixed_dictionaries({c: fitting(r) for c, r in rules().items()}))
@settings(deadline=None, max_examples=60)
def test_every_rule_bears_whatever_fits(sessions: list[TherapySession], drawn: dict[str, Any]) -> None:
    """Nothing breaks, and a fold with carries that were stored between any two sessions is the fold from scratch."""
    ordered = sorted(sessions, key=lambda session: session.position)
    carry, found = Carry(), {}
    for session in ordered:
        steps, concerns = fold(carry, [session], family(*PEOPLE), Given(drawn))
        carry = unseal_carry(seal(steps[-1].carry))
        found.update(concerns)
    whole = assess(ordered, family(*PEOPLE), Given(drawn))
    assert {item.identity: item for item in whole} == found


@dataclass(frozen=True, slots=True)
class Odd:
    turn: complex = 1j


def test_no_parameter_of_a_type_without_a_meaning() -> None:
    with pytest.raises(TypeError, match="no parameter has the type complex"):
        checked(Plain(Odd()), {"turn": 1})
