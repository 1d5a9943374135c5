from datetime import timedelta
from typing import Any

import pytest

from service.domain.checking import check_case, check_session
from service.domain.errors import InvalidFamily, InvalidSession
from service.domain.facts import EMPTY_CASE, EMPTY_SESSION
from tests.factories import NOW, case_facts, session_facts


def test_the_defaults_are_not_contradictory() -> None:
    check_case(EMPTY_CASE)
    check_session(EMPTY_SESSION, NOW)


def test_every_contradiction_is_told() -> None:
    told = case_facts(members={"family": "parent"}, subsystems={"parents": ["tom", "eva"]})
    with pytest.raises(InvalidFamily) as caught:
        check_case(told)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [
        ("/members/family", "reserved-id"),
        ("/subsystems/parents/0", "unknown-member"),
        ("/subsystems/parents/1", "unknown-member"),
    ]


@pytest.mark.parametrize("to", ["2026-03-01", "2026-03-02", None])
def test_a_period_may_last_a_day_or_go_on(to: str | None) -> None:
    check_case(case_facts(periods=[{"from": "2026-03-01", "to": to, "ended_as": None}]))


@pytest.mark.parametrize(("rated", "refused"), [(False, False), (True, True)])
def test_a_rated_session_counts_as_held(rated: bool, refused: bool) -> None:
    ahead = session_facts(held_at=(NOW + timedelta(days=2)).isoformat(), status="scheduled")
    if refused:
        with pytest.raises(InvalidSession):
            check_session(ahead, NOW + timedelta(days=1), rated)
    else:
        check_session(ahead, NOW + timedelta(days=1), rated)


def test_somebody_may_say_that_nobody_looked() -> None:
    check_session(session_facts(indicators_observed=False), NOW)


def faults(**facts: Any) -> list[tuple[str, str]]:
    """Return what is wrong with a case of Eva, Tom and Ana."""
    told = {"members": {"eva": "parent", "tom": "parent", "ana": "youth"}, **facts}
    try:
        check_case(case_facts(**told))
    except InvalidFamily as error:
        return [(fault.pointer, fault.code) for fault in error.faults]
    return []


def noted(state: str = "ticked", decided_in: str | None = None, decided_on: str | None = None) -> dict[str, Any]:
    return {"state": state, "decided_in": decided_in, "decided_on": decided_on}


@pytest.mark.parametrize(
    ("walls", "expected"),
    [
        ([], []),
        ([["eva", "tom"], ["tom", "ana"]], []),
        ([["eva", "eva"]], [("/walls/0/1", "same-member")]),
        ([["eva", "tom"], ["ana", "zoe"]], [("/walls/1/1", "unknown-member")]),
        ([["zoe", "ana"]], [("/walls/0/0", "unknown-member")]),
    ],
)
def test_a_wall_stands_between_two_members(walls: list[list[str]], expected: list[tuple[str, str]]) -> None:
    assert faults(walls=walls) == expected


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (noted("open"), []),
        (noted(decided_in="s1"), []),
        (noted("not-needed", decided_on="2026-01-05"), []),
        (noted(decided_in="s1", decided_on="2026-01-05"), []),
        (noted(), [("decided_on", "missing")]),
        (noted("not-needed"), [("decided_on", "missing")]),
        (noted("open", decided_in="s1"), [("state", "contradiction")]),
        (noted("open", decided_on="2026-01-05"), [("state", "contradiction")]),
        ({"decided_in": "s1", "decided_on": None}, [("state", "missing")]),
    ],
)
def test_a_decision_says_when_it_was_made(point: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = [("/checklist/nobody-blamed/" + field, code) for field, code in expected]
    assert faults(checklist={"nobody-blamed": point}) == found
    if point.get("state") != "open":  # nobody needs to say that nothing was decided about a voice
        voice = point if "state" not in point else {**point, "state": "goes-without"}
        at = [("/members/oma/voice/" + field, code) for field, code in expected]
        assert faults(members={"oma": {"role": "grandparent", "voice": voice}}) == at


@pytest.mark.parametrize("name", ["readiness", "hope"])
def test_a_reading_says_who_says_so(name: str) -> None:
    check_session(session_facts(**{name: {"ana": {"value": 4, "source": "member/ana"}}}), NOW)
    with pytest.raises(InvalidSession) as caught:
        check_session(session_facts(**{name: {"ana": {"value": 4}}}), NOW)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [(f"/{name}/ana/source", "missing")]
