from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.briefing import Line, briefing
from service.domain.circumstances import Circumstances
from service.domain.concern import Concern, Signal, State
from service.domain.model import Family, Member, MemberRole, Severity, TherapySession
from service.domain.next_steps import HELD_BACK, HOLD_TEXT, JOINT, SENTENCES, WALL_TEXT
from service.domain.noted import Noted, Reading
from service.domain.rules import Tone, rules, tone_of
from tests.factories import course, family, held_at, rating, therapy_session

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


FREE, HOLD = Circumstances(), Circumstances(on_hold=True)


def told(concerns: Iterable[Concern] = (), case: Circumstances = FREE, **totals: Any) -> dict[str, Line]:
    """Return the lines after three sessions of Eva and Ana."""
    held = course(**(totals or {"eva": [90, 90, 90], "ana": [90, 90, 90]}))
    lines = briefing(list(concerns), held, len(held), family("eva", "ana"), case)
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
    assert all(rules()[code].title in line.text() for code in rule)


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
    assert said in line.text()
    assert bool(line.rules) == ("changed no" not in said)


GOOD = concern("rising", "member/eva", severity=Severity.info, opened_number=3)


def test_good_news_is_told_as_such_and_asks_for_nothing() -> None:
    plain, better = told([BOND]), told([BOND, GOOD])
    assert better["changed"].text() == f"{plain['changed'].text()} Good news: going up."
    assert (better["changed"].members, better["changed"].rules) == (("member/eva",), ("rising",))
    assert all(better[topic] == plain[topic] for topic in TOPICS if topic != "changed")
    assert told([GOOD])["ask-first"] == told([])["ask-first"]
    assert told([GOOD])["say"] == told([])["say"]


def test_good_news_of_an_earlier_session_is_no_news_and_its_end_is_none() -> None:
    for old in ({"opened_number": 2}, {"state": State.closed, "ended": 3}):
        assert told([concern("rising", "member/eva", severity=Severity.info, **old)]) == told([])


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
        assert briefing([], course(eva=[90]), 1, cast, FREE)[2].members == ()


def test_whose_voice_goes_without_by_decision_is_not_missed() -> None:
    cast = Family({"eva": Member(MemberRole.parent), "oma": Member(MemberRole.grandparent)})
    assert briefing([], course(eva=[90]), 1, cast, FREE)[2].members == ("member/oma",)
    decided = replace(
        cast, members={**cast.members, "oma": Member(MemberRole.grandparent, voice=Noted("goes-without"))}
    )
    assert briefing([], course(eva=[90]), 1, decided, FREE)[2].members == ()


def test_who_was_left_out_has_no_voice_though_nobody_expects_them() -> None:
    left_out = concern("member-excluded", "member/oma", severity=Severity.info)
    line = told([left_out])["no-voice"]
    assert (line.members, line.rules) == (("member/oma",), ("member-excluded",))
    both = told([left_out], eva=[90], tom=[None])["no-voice"]  # Ana gave no form
    assert both.members == ("member/ana", "member/oma")
    dispute = concern("member-excluded", "family", severity=Severity.info, route="disputed")
    assert told([dispute])["no-voice"].members == ()


def test_before_the_first_session() -> None:
    lines = briefing([], [], 0, family("eva", "ana"), FREE)
    assert [line.members for line in lines] == [()] * 5
    assert lines[2].text() == "There is no session yet."
    assert lines[4].text() == SENTENCES["check-in"]


@pytest.mark.parametrize(
    ("concerns", "members"),
    [([], ()), ([BOND], ()), ([SIDE], ("member/eva",)), ([SPLIT], ())],
)
def test_what_not_to_raise_jointly(concerns: list[Concern], members: tuple[str, ...]) -> None:
    line = told(concerns)["not-jointly"]
    assert line.members == members
    assert line.rules == tuple(item.rule for item in concerns if item.rule != BOND.rule)
    assert HOLD_TEXT not in line.text()


def test_on_safety_hold_members_are_seen_apart() -> None:
    for lines in (told([BOND, SPLIT], HOLD), told([_grave()])):
        assert lines["not-jointly"] == Line("not-jointly", (HOLD_TEXT,))
        assert lines["say"].text() not in {SENTENCES[step] for step in HELD_BACK}


def test_across_a_wall_nothing_is_raised_jointly() -> None:
    walled = Circumstances(walled=True)
    for code in sorted(rules()):
        found = briefing([concern(code, "member/ana")], course(eva=[90]), 1, family(), walled, [("tom", "eva")])
        lines = {line.topic: line for line in found}
        assert lines["say"].text() not in {SENTENCES[step] for step in JOINT}
        assert lines["not-jointly"].text() == WALL_TEXT or lines["not-jointly"].text() == HOLD_TEXT
    quiet = briefing([SPLIT], course(eva=[90]), 1, family(), walled, [("tom", "eva")])
    assert quiet[3] == Line("not-jointly", (WALL_TEXT,), ("member/eva", "member/tom"), ("split-alliance",))
    held = Circumstances(walled=True, on_hold=True)
    assert briefing([], course(eva=[90]), 1, family(), held, [("tom", "eva")])[3].text() == HOLD_TEXT


def hoping(*told: tuple[int, str] | None) -> list[TherapySession]:
    """Return sessions with Ana's hope and who told it; None: nobody did."""
    readings = [{} if item is None else {"ana": Reading(*item)} for item in told]
    return [therapy_session(place, rating("ana"), hope=hope) for place, hope in enumerate(readings, start=1)]


ANA, THERAPIST = "member/ana", "therapist/dr-7"
HOPE: list[tuple[str, list[tuple[int, str] | None], bool]] = [
    ("two of ten", [(6, ANA), (4, ANA)], True),
    ("nobody told in between", [(6, ANA), None, None, (4, ANA)], True),
    ("somebody else told in between", [(6, ANA), (2, THERAPIST), (4, ANA)], True),
    ("one of ten", [(6, ANA), (5, ANA)], False),
    ("risen", [(4, ANA), (9, ANA)], False),
    ("another told", [(9, ANA), (2, THERAPIST)], False),
    ("fallen one session earlier", [(9, ANA), (2, ANA), None], False),
    ("told once", [(0, ANA)], False),
]


@pytest.mark.parametrize(("readings", "fell"), [row[1:] for row in HOPE], ids=[row[0] for row in HOPE])
def test_hope_that_fell_is_a_change(readings: list[tuple[int, str] | None], fell: bool) -> None:
    held = hoping(*readings)
    _, changed, _, _, say = briefing([], held, len(held), family("ana"), FREE)
    assert ("Hope was told lower" in changed.text()) is fell
    assert changed.members == say.members == ((ANA,) if fell else ())
    assert say.text() == SENTENCES["hope" if fell else "check-in"]


def test_hope_that_fell_stands_beside_what_alerts_say() -> None:
    held = hoping((9, ANA), (2, ANA))
    _, changed, _, _, say = briefing([concern("sudden-drop", "member/eva")], held, 2, family("eva", "ana"), FREE)
    assert changed.text().startswith("The last session opened 1 and ended 0 of the alerts. Hope")
    assert changed.members == (ANA, "member/eva")
    assert say.rules == ("sudden-drop",)


def _grave() -> Concern:
    """Return hostility to a member whose own text says to see them apart."""
    route = next(name for name, text in rules()["hostility-to-member"].texts.items() if HOLD_TEXT in text)
    return concern("hostility-to-member", "member/tom", "member/ana", route=route)


@pytest.mark.parametrize("code", sorted(code for code in rules() if tone_of(code) is Tone.caution))
def test_the_sentence_goes_with_the_first_step_of_the_rule(code: str) -> None:
    line = told([concern(code, "member/ana", last_held_at=held_at(3) + timedelta(minutes=1))])["say"]
    assert (line.text(), line.rules) == (SENTENCES[rules()[code].next_steps[0]], (code,))
