"""Carries and concerns as text and back."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from math import isfinite
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.db.sealing import opened_up, seal, unseal_carry, unseal_concern
from service.domain.assess import fold
from service.domain.carry import Carry, default_parameters
from service.domain.concern import Baseline, Concern, Raised, Signal, State
from service.domain.model import Severity, TherapySession
from service.domain.plain import freeze
from service.domain.rules import rules
from tests.domain.courses import PEOPLE, courses
from tests.domain.rules.walking import long_course
from tests.factories import NOW, START, course, family, rating, therapy_session

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = st.dictionaries(WORDS, WORDS | NUMBERS | st.integers(-9, 9) | st.booleans() | st.none(), max_size=4)
SIGNALS = st.builds(
    Signal,
    st.lists(WORDS, max_size=2).map(tuple),
    st.sampled_from(Severity),
    VALUES,
    VALUES,
    baseline=st.none() | st.builds(Baseline, WORDS, NUMBERS, NUMBERS, st.integers(0, 9), st.none() | NUMBERS),
)
SIGNAL = Signal(("member/ana",), Severity.info, {"value": 62.5})
CONCERN = Concern("early-low", 1, SIGNAL.subject, SIGNAL.severity, "s1", NOW, 1, NOW, ("s1",), SIGNAL)


def numbers_in(plain: Any) -> list[float]:
    """Return every number in a plain value."""
    if isinstance(plain, Mapping):
        plain = list(plain.values())
    if isinstance(plain, list):
        return [number for item in plain for number in numbers_in(item)]
    return [plain] if isinstance(plain, float) else []


def carries(sessions: list[TherapySession]) -> list[Carry]:
    ordered = sorted(sessions, key=lambda session: session.position)
    return [done.carry for done in fold(Carry(), ordered, family(*PEOPLE), default_parameters())[0]]


@given(sessions=courses())
@settings(deadline=None, max_examples=60)
def test_a_carry_comes_back_the_same_and_its_numbers_are_finite(sessions: list[TherapySession]) -> None:
    for carry in carries(sessions):
        assert unseal_carry(seal(carry)) == carry
        assert all(map(isfinite, numbers_in(freeze(carry))))


@pytest.mark.parametrize("percent", [0.0, 50.0, 100.0])
def test_a_flat_course_divides_by_nothing(percent: float) -> None:
    flat = course(ana=[percent] * 12, eva=[percent] * 12, tom=[100.0 - percent] * 12)
    for carry in carries(flat):
        assert unseal_carry(seal(carry)) == carry
        assert all(map(isfinite, numbers_in(freeze(carry))))


def test_a_memory_comes_back_in_the_type_that_its_rule_declares() -> None:
    for carry in carries(long_course(seed=3, length=20)):
        back = unseal_carry(seal(carry))
        assert back == carry
        assert back.memories
        assert all(type(memory) is type(rules()[code].memory) for code, memory in back.memories.items())


@given(SIGNALS, st.lists(NUMBERS, max_size=3).map(tuple), st.sampled_from(State))
@settings(deadline=None, max_examples=100)
def test_a_concern_comes_back_the_same(signal: Signal, after: tuple[float, ...], state: State) -> None:
    raised = Raised("therapist-unaware", signal.values, signal.thresholds)
    concern = replace(CONCERN, signal=signal, after=after, state=state, moves=(1, 3, 4), raised=raised)
    back = unseal_concern(seal(concern))
    assert back == concern
    assert type(back.state) is State
    for name, value in signal.values.items():
        assert type(back.signal.values[name]) is type(value)


def test_a_time_keeps_its_instant() -> None:
    at = datetime(2026, 3, 1, 16, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert unseal_concern(seal(replace(CONCERN, opened_held_at=at))).opened_held_at == at


def test_the_empty_carry_comes_back_too() -> None:
    assert unseal_carry(seal(Carry())) == Carry()


def test_equal_carries_are_equal_texts() -> None:
    for carry in carries(long_course(seed=3, length=20)):
        turned = replace(
            carry,
            series=dict(reversed(list(carry.series.items()))),
            memories=dict(reversed(list(carry.memories.items()))),
        )
        assert seal(turned) == seal(carry) == seal(unseal_carry(seal(carry)))
    awaited = type(rules()["trust-bond-loss"].memory)
    sets = [frozenset(names) for names in ("abcdefgh", "hgfedcba")]
    assert len({seal(Carry(memories={"trust-bond-loss": awaited(names)})) for names in sets}) == 1


def test_the_memory_of_an_unknown_rule_is_left_out() -> None:
    known = {"early-low": rules()["early-low"].memory}
    assert unseal_carry(seal(Carry(memories={**known, "gone": known["early-low"]}))).memories == known


def test_a_concern_that_was_stored_before_a_field_was_added_is_read() -> None:
    older = json.loads(seal(CONCERN))
    del older["discussed"], older["signal"]["route"], older["moves"], older["raised"]
    assert unseal_concern(json.dumps({**older, "forgotten": 1})) == CONCERN


@pytest.mark.parametrize("text", ["", "[]", "null", '"carry"', '{"number":"1"}', '{"series":{"a":{"recent":[null]}}}'])
def test_what_is_no_carry_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        unseal_carry(text)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rule":"early-low"}'])
def test_what_is_no_concern_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        unseal_concern(text)


def test_opened_up_it_is_maps_and_lists_with_names_and_times() -> None:
    (carry,) = carries([therapy_session(1, rating("ana", 62.5))])
    plain = opened_up(carry)
    assert plain["series"]["member/ana|srs|post|therapist|total"]["recent"] == (62.5,)
    assert plain["memories"]["attendance"]["last_held_at"] == START
    assert unseal_carry(json.dumps(plain, default=datetime.isoformat)) == carry
