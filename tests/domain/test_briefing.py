from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from service.domain.briefing import Line, briefing
from service.domain.concern import Concern, Signal, State
from service.domain.model import Family, Member, MemberRole, Severity
from service.domain.next_steps import HELD_BACK, HOLD_TEXT, SENTENCES
from service.domain.rules import rules
from tests.factories import course, family, held_at

TOPICS = ["ask-first", "changed", "no-voice", "not-jointly", "say"]


def concern(rule: str, *subject: str, severity: Severity = Severity.warning, **facts: Any) -> Concern:
    """Return a concern that opened in the second session and spoke there last; other facts by name."""
    route = facts.pop("route", next(iter(rules()[rule].texts)))
    signal = Signal(subject=subject, severity=severity, values=facts.pop("values", {}), thresholds={}, route=route)
    usual: dict[str, Any] = {
        "rule": rule,
        "rule_version": 1,
        "subject": subject,
        "severity": severity,
        "opened_session_id": "s2",
        "opened_held_at": held_at(2),
        "opened_number": 2,
        "last_held_at": held_at(2),
        "sessions": ("s2",),
        "signal": signal,
        "number": 2,
    }
    return Concern(**{**usual, **facts})


def told(concerns: Iterable[Concern] = (), on_hold: bool = False, **totals: Any) -> dict[str, Line]:
    """Return the lines after three sessions of Eva and Ana."""
    held = course(**(totals or {"eva": [90, 90, 90], "ana": [90, 90, 90]}))
    lines = briefing(list(concerns), held, len(held), family("eva", "ana"), on_hold)
    assert [line.topic for line in lines] == TOPICS
    return {line.topic: line for line in lines}


BOND = concern("trust-bond-loss", "member/ana")
ANGER = concern("hostility-to-member", "member/tom", "member/ana", severity=Severity.critical)
SIDE = concern("side-taking", "member/eva", severity=Severity.critical)
SPLIT = concern("split-alliance", "family", severity=Severity.critical)


@pytest.mark.parametrize(
    ("concerns", "members", "rule"),
    [
        ([], (), ()),
        ([BOND], ("member/ana",), ("trust-bond-loss",)),
        ([concern("trust-bond-loss", "member/ana", state=State.recovered, ended=3)], (), ()),
        ([concern("sudden-drop", "member/eva", severity=Severity.info), BOND], ("member/ana",), ("trust-bond-loss",)),
        ([BOND, concern("absolute-low", "member/eva", last_held_at=held_at(3))], ("member/eva",), ("absolute-low",)),
        ([ANGER], ("member/ana",), ("hostility-to-member",)),  # the one it hit
        ([SIDE], (), ()),  # not the favoured one
        ([concern("side-taking", "member/eva", values={"bond_fell": "member/ana"})], ("member/ana",), ("side-taking",)),
        ([SPLIT, BOND], ("member/ana",), ("trust-bond-loss",)),  # the family as a whole is nobody to ask
    ],
)
def test_whom_to_ask_first(concerns: list[Concern], members: tuple[str, ...], rule: tuple[str, ...]) -> None:
    line = told(concerns)["ask-first"]
    assert (line.members, line.rules) == (members, rule)
    assert all(rules()[code].title in line.text for code in rule)


@pytest.mark.parametrize(
    ("concerns", "said"),
    [
        ([], "changed no alert"),
        ([BOND], "changed no alert"),  # opened one session earlier
        ([concern("trust-bond-loss", "member/ana", opened_number=3)], "opened 1 and ended 0"),
        ([concern("trust-bond-loss", "member/ana", state=State.recovered, ended=3)], "opened 0 and ended 1"),
        ([concern("trust-bond-loss", "member/ana", state=State.closed, ended=2)], "changed no alert"),
        ([concern("absolute-low", "member/eva", opened_number=3, state=State.recovering)], "opened 1 and ended 0"),
    ],
)
def test_what_changed(concerns: list[Concern], said: str) -> None:
    line = told(concerns)["changed"]
    assert said in line.text
    assert bool(line.rules) == ("changed no" not in said)


@pytest.mark.parametrize(
    ("totals", "silent"),
    [
        ({"eva": [90, 90, 90], "ana": [90, 90, 90]}, ()),
        ({"eva": [90, 90, 90], "ana": [90, None, None]}, ()),
        ({"eva": [90, 90, 90, 90], "ana": [90, None, None, None]}, ("member/ana",)),  # three sessions without
        ({"eva": [90]}, ("member/ana",)),
    ],
)
def test_who_has_no_voice(totals: dict[str, Any], silent: tuple[str, ...]) -> None:
    assert told(**totals)["no-voice"].members == silent


def test_who_is_not_expected_is_not_missed() -> None:
    for other in (Member(MemberRole.grandparent, expected=False), Member(MemberRole.youth, active=False)):
        cast = Family({"eva": Member(MemberRole.parent), "oma": other})
        assert briefing([], course(eva=[90]), 1, cast, on_hold=False)[2].members == ()


def test_before_the_first_session() -> None:
    lines = briefing([], [], 0, family("eva", "ana"), on_hold=False)
    assert [line.members for line in lines] == [()] * 5
    assert lines[2].text == "There is no session yet."
    assert lines[4].text == SENTENCES["check-in"]


@pytest.mark.parametrize(
    ("concerns", "on_hold", "members"),
    [([], False, ()), ([BOND], False, ()), ([SIDE], False, ("member/eva",)), ([SPLIT], False, ())],
)
def test_what_not_to_raise_jointly(concerns: list[Concern], on_hold: bool, members: tuple[str, ...]) -> None:
    line = told(concerns, on_hold)["not-jointly"]
    assert line.members == members
    assert line.rules == tuple(item.rule for item in concerns if item.rule != BOND.rule)
    assert HOLD_TEXT not in line.text


def test_on_safety_hold_members_are_seen_apart() -> None:
    for lines in (told([BOND, SPLIT], on_hold=True), told([_grave()])):
        assert lines["not-jointly"] == Line("not-jointly", HOLD_TEXT)
        assert lines["say"].text not in {SENTENCES[step] for step in HELD_BACK}


def _grave() -> Concern:
    """Return hostility to a member whose own text says to see them apart."""
    route = next(name for name, text in rules()["hostility-to-member"].texts.items() if HOLD_TEXT in text)
    return concern("hostility-to-member", "member/tom", "member/ana", route=route)


@pytest.mark.parametrize("code", sorted(rules()))
def test_the_sentence_goes_with_the_first_step_of_the_rule(code: str) -> None:
    line = told([concern(code, "member/ana", last_held_at=held_at(3) + timedelta(minutes=1))])["say"]
    assert (line.text, line.rules) == (SENTENCES[rules()[code].next_steps[0]], (code,))
