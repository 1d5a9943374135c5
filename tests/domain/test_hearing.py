"""Who hears whom, by what a standing concern is judged, and what becomes of one when its rule's mode changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as drawing
from hypothesis import settings
from hypothesis import strategies as st

from service.db.sealing import seal, unseal_carry
from service.domain.assess import assess, fold, step
from service.domain.carry import Carry, Given, default_parameters
from service.domain.concern import Concern, Reason, State
from service.domain.grounds import found_again, grounds_of
from service.domain.model import TOLD, Attendance, TherapySession
from service.domain.rulebook import History, Rulebook
from service.domain.rules import rules
from tests.domain.courses import PEOPLE, courses
from tests.factories import course, family, held_at, indicator, rating, rule_setting, therapy_session

HOSTILITY, LOSS, DROP, GOALS = "hostility-to-therapist", "trust-bond-loss", "sudden-drop", "goal-misalignment"
OWN = default_parameters()
HOUSEHOLD = family(*PEOPLE)


def hostile(number: int, **severities: int) -> TherapySession:
    """Return an observed session in which some were so hostile."""
    seen = tuple(indicator("hostility", who, severity=severity) for who, severity in severities.items())
    there = {who: Attendance.attended for who in ("ana", "tom")}
    return therapy_session(number, indicators=seen, indicators_observed=True, attendance=there)


def changed(rule: str, number: int, mode: str | None = None, **parameters: Any) -> History:
    """Return what judges a course in which one rule is set otherwise from a session on."""
    return Rulebook((rule_setting(1, rule, mode=mode, at=held_at(number), **parameters),)).history(None, 0)


def found(rule: str, sessions: Sequence[TherapySession], giving: Given | History = OWN) -> list[Concern]:
    return [concern for concern in assess(sessions, HOUSEHOLD, giving) if concern.rule == rule]


# --- what a standing concern is judged by


def test_a_concern_keeps_the_parameters_it_opened_under() -> None:
    """Hostility counts from 3 on instead of 2: Ana's alert, which stands, still rises by 2, and Tom's 2 opens none."""
    sessions = [hostile(1, ana=2), hostile(2, ana=2, tom=2), hostile(3), hostile(4)]
    (ana,) = found(HOSTILITY, sessions, changed(HOSTILITY, 2, clear=3, needed=3))
    assert (ana.subject, ana.number, ana.severity) == (("member/ana",), 2, "critical")  # 2 in 2 of the last 3
    assert ana.parameters == OWN.named[HOSTILITY]
    assert ana.state is State.recovered
    assert [item.subject for item in found(HOSTILITY, sessions)] == [("member/ana",), ("member/tom",)]


def test_a_concern_that_opens_later_keeps_the_later_ones() -> None:
    sessions = [hostile(1), hostile(2, ana=3), hostile(3, ana=2)]
    (ana,) = found(HOSTILITY, sessions, changed(HOSTILITY, 2, clear=3, needed=3))
    assert ana.parameters == {**OWN.named[HOSTILITY], "clear": 3, "needed": 3}
    assert ana.number == 2  # a 2 is nothing under these


def test_a_concern_that_opens_again_takes_those_of_that_day() -> None:
    sessions = [hostile(1, ana=2), hostile(2), hostile(3), hostile(4, ana=3)]
    (ana,) = found(HOSTILITY, sessions, changed(HOSTILITY, 4, clear=3))
    assert (ana.openings, ana.parameters) == (2, {**OWN.named[HOSTILITY], "clear": 3})
    assert found(HOSTILITY, [*sessions[:3], hostile(4, ana=2)], changed(HOSTILITY, 4, clear=3))[0].openings == 1


def test_it_is_cleared_by_what_it_opened_under() -> None:
    sessions = course(ana=[90, 90, 90, 50, 60, 60])
    (loss,) = found(LOSS, sessions, changed(LOSS, 5, bond_below=1.0))
    assert (loss.state, loss.number) == (State.open, 6)
    assert found(LOSS, sessions, changed(LOSS, 4, bond_below=1.0)) == []


# --- modes


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("on", [("s1", "open", None, False)]),
        ("off", [("s1", "closed", "mode-changed", False)]),
        ("shadow", [("s1", "closed", "mode-changed", False), ("s2", "open", None, True)]),
    ],
)
def test_a_rule_that_is_on(mode: str, expected: list[tuple[str, str, str | None, bool]]) -> None:
    concerns = found(HOSTILITY, [hostile(1, ana=2), hostile(2, ana=2)], changed(HOSTILITY, 2, mode))
    assert [(item.opened_session_id, item.state, item.reason, item.shadow) for item in concerns] == expected


def test_a_rule_that_speaks_again_opens_what_it_finds_anew() -> None:
    both = (rule_setting(1, HOSTILITY, mode="shadow"), rule_setting(2, HOSTILITY, mode="on", at=held_at(2)))
    concerns = found(HOSTILITY, [hostile(1, ana=2), hostile(2, ana=2)], Rulebook(both).history(None, 1))
    assert [(item.shadow, item.reason) for item in concerns] == [(True, Reason.mode_changed), (False, None)]


def test_what_ended_before_keeps_its_end() -> None:
    sessions = [hostile(1, ana=2), hostile(2), hostile(3), hostile(4)]
    (ana,) = found(HOSTILITY, sessions, changed(HOSTILITY, 4, "off"))
    assert (ana.state, ana.reason) == (State.recovered, None)


def test_a_rule_that_was_off_knows_the_course_when_it_is_on_again() -> None:
    """The first no-show of four counts only among the first three invited sessions, and it knows that they are past."""
    away = {"ana": Attendance.no_show}
    sessions = [therapy_session(number, rating("ana", 90)) for number in range(1, 5)]
    sessions += [therapy_session(5, rating("eva", 90), attendance=away)]
    book = (rule_setting(1, "attendance", mode="off"), rule_setting(2, "attendance", mode="on", at=held_at(5)))
    assert found("attendance", sessions, Rulebook(book).history(None, 1)) == []
    assert [item.opened_session_id for item in found("attendance", sessions[4:])] == ["s5"]


FALLING = course(ana=[90, 90, 90, 90, 50], eva=[90] * 5)


@pytest.mark.parametrize(
    ("shadow", "expected"),
    [
        ((), {LOSS: False, GOALS: False}),
        ((LOSS, GOALS), {LOSS: True, GOALS: True, DROP: False, "out-of-limits": False}),  # blocks no others any more
        ((LOSS, GOALS, DROP), {LOSS: True, GOALS: True, "out-of-limits": False}),  # but others in shadow
        ((DROP,), {LOSS: False, GOALS: False}),  # and hears those that are on
    ],
)
def test_who_keeps_whom_from_opening(shadow: tuple[str, ...], expected: dict[str, bool]) -> None:
    concerns = assess(FALLING, HOUSEHOLD, replace(OWN, shadow=frozenset(shadow)))
    falls = {LOSS, GOALS, DROP, "out-of-limits"}
    assert {item.rule: item.shadow for item in concerns if item.rule in falls} == expected


def test_a_concern_in_shadow_moves_nobodys_usual_level() -> None:
    on = step(_before(FALLING), FALLING[-1], HOUSEHOLD, OWN).carry
    shadow = step(_before(FALLING), FALLING[-1], HOUSEHOLD, replace(OWN, shadow=frozenset(rules()))).carry
    name = "member/ana|srs|post|therapist|bond"
    assert (len(on.series[name].prior), len(shadow.series[name].prior)) == (4, 5)


def _before(sessions: list[TherapySession]) -> Carry:
    return fold(Carry(), sessions[:-1], HOUSEHOLD, OWN)[0][-1].carry


SOME = st.sets(st.sampled_from(sorted(rules())), max_size=12).map(frozenset)


@drawing(sessions=courses(), quiet=SOME)
@settings(deadline=None, max_examples=60)
def test_rules_in_shadow_are_for_the_others_as_if_they_were_off(
    sessions: list[TherapySession], quiet: frozenset[str]
) -> None:
    ordered = sorted(sessions, key=lambda session: session.position)
    shadow, _ = fold(Carry(), ordered, HOUSEHOLD, replace(OWN, shadow=quiet))
    off, _ = fold(Carry(), ordered, HOUSEHOLD, replace(OWN, off=quiet))
    for one, other in zip(shadow, off, strict=True):
        assert [item for item in one.concerns if not item.shadow] == list(other.concerns)
        assert one.carry.series == other.carry.series
        assert {item.rule for item in one.concerns if item.shadow} <= quiet
        assert all(one.carry.memories.get(code) == other.carry.memories.get(code) for code in set(rules()) - quiet)


# --- who need not be asked


def _asking_all(declared: frozenset[str] | None = None) -> Given:
    """Return what judges a course where every rule is asked in every session; or rests on what is declared here."""
    given = default_parameters()
    every = {rule.code: replace(rule, rests_on=declared or frozenset()) for rule in rules().values()}
    asked = tuple((every[rule.code], *others) for rule, *others in given.asked)
    anew = replace(given)
    anew.__dict__["asked"] = asked
    return anew


def _said(sessions: list[TherapySession], given: Given) -> list[tuple[Any, ...]]:
    ordered = sorted(sessions, key=lambda session: session.position)
    return [(one.signals, one.concerns, one.carry) for one in fold(Carry(), ordered, HOUSEHOLD, given)[0]]


@drawing(sessions=courses())
@settings(deadline=None, max_examples=150)
def test_a_rule_that_is_not_asked_had_nothing_to_say(sessions: list[TherapySession]) -> None:
    assert _said(sessions, OWN) == _said(sessions, _asking_all())


def test_a_rule_that_rests_on_more_than_it_declares_is_found_out() -> None:
    assert _said(FALLING, OWN) == _said(FALLING, _asking_all())
    assert _said(FALLING, OWN) != _said(FALLING, _asking_all(frozenset({"tasks"})))


@pytest.mark.parametrize("code", rules())
def test_what_a_rule_rests_on_is_told_of_sessions(code: str) -> None:
    assert rules()[code].rests_on <= set(TOLD)


@drawing(sessions=courses(), quiet=SOME, silent=SOME, limits=st.tuples(st.integers(1, 3), st.floats(-4.0, 0.0)))
@settings(deadline=None, max_examples=60)
def test_whatever_was_set_meanwhile_every_concern_is_found_again_and_carries_hold(
    sessions: list[TherapySession], quiet: frozenset[str], silent: frozenset[str], limits: tuple[int, float]
) -> None:
    level, z = limits
    told = [
        rule_setting(1, HOSTILITY, clear=level, at=held_at(3)),
        rule_setting(2, DROP, median_of=level, at=held_at(4)),
    ]
    told += [rule_setting(3, LOSS, z_warning=z, at=held_at(5))]
    told += [rule_setting(number, code, mode="shadow", at=held_at(6)) for number, code in enumerate(sorted(quiet), 4)]
    told += [rule_setting(20 + number, code, mode="off", at=held_at(8)) for number, code in enumerate(sorted(silent))]
    history = Rulebook(tuple(told)).history(None, 0)
    ordered = sorted(sessions, key=lambda session: session.position)
    steps, concerns = fold(Carry(), ordered, HOUSEHOLD, history)
    before = [Carry(), *(done.carry for done in steps)]
    for place, done in enumerate(steps):
        assert (
            step(unseal_carry(seal(before[place])), ordered[place], HOUSEHOLD, history.at(ordered[place].held_at))
            == done
        )
    for concern in concerns.values():
        opening = next(place for place, item in enumerate(ordered) if item.session_id == concern.opened_session_id)
        fired = [item for item in ordered[opening:] if item.held_at <= concern.last_held_at]
        grounds = grounds_of(concern, before[opening], fired, HOUSEHOLD, history)
        assert found_again(grounds, concern.rule, concern.subject) == concern.signal
