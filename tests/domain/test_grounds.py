"""Grounds: what is found again from them, in any course; in every rule's twin each course's concerns are, too."""

from dataclasses import replace
from importlib import import_module

import pytest
from hypothesis import given, settings

from service.domain.assess import Step, fold
from service.domain.carry import Carry, default_parameters
from service.domain.concern import Concern
from service.domain.grounds import Ground, bearing_on, found_again, grounds_of
from service.domain.model import TherapySession
from service.domain.rules import rules
from tests.domain.courses import PEOPLE, courses
from tests.domain.rules import walking
from tests.domain.rules.walking import assert_found_again, long_course
from tests.factories import course, family, indicator, rating, therapy_session

PARAMETERS = default_parameters()


def folded(sessions: list[TherapySession]) -> tuple[list[Step], list[Concern]]:
    steps, concerns = fold(Carry(), sessions, family(*PEOPLE), PARAMETERS)
    return steps, list(concerns.values())


def grounds_in(code: str, sessions: list[TherapySession]) -> tuple[Concern, tuple[Ground, ...]]:
    """Return the only concern of a rule in a course, and its grounds."""
    (concern,) = [item for item in folded(sessions)[1] if item.rule == code]
    return concern, grounds_of(concern, Carry(), sessions, family(*PEOPLE), PARAMETERS)


@pytest.mark.parametrize("code", sorted(rules()))
def test_in_the_twin_of_every_rule_each_concern_is_found_again(code: str) -> None:
    """`concerns_of` holds it; a twin that walks its courses by other means would be left out unseen."""
    twin = import_module(f"tests.domain.rules.test_{code.replace('-', '_')}")
    assert vars(twin).get("concerns_of") is walking.concerns_of


@given(sessions=courses())
@settings(deadline=None, max_examples=60)
def test_every_concern_of_any_course_is_found_again(sessions: list[TherapySession]) -> None:
    ordered = sorted(sessions, key=lambda session: session.position)
    steps, concerns = folded(ordered)
    for concern in concerns:
        assert_found_again(concern, ordered, steps, family(*PEOPLE))


def test_late_in_a_long_course_too() -> None:
    sessions = long_course(seed=7, length=80)
    steps, concerns = folded(sessions)
    assert len(concerns) > 20
    for concern in concerns:
        assert_found_again(concern, sessions, steps, family(*PEOPLE))


def hostile(number: int, severity: int) -> TherapySession:
    return therapy_session(number, rating("ana", 90), indicators=(indicator("hostility", severity=severity),))


def test_what_is_found_once_has_one_ground() -> None:
    _, (ground,) = grounds_in("hostility-to-therapist", [*course(ana=[90, 90]), hostile(3, 2)])
    assert ground.session.session_id == "s3"
    assert ground.before.number == 2


def test_what_rises_later_has_two_the_one_that_froze_the_baseline_first() -> None:
    sessions = [*course(ana=[90, 90, 90]), hostile(4, 2), therapy_session(5, rating("ana", 90)), hostile(6, 3)]
    concern, grounds = grounds_in("hostility-to-therapist", sessions)
    assert concern.severity == "critical"
    assert [ground.session.session_id for ground in grounds] == ["s4", "s6"]
    assert concern.signal.baseline is not None
    assert concern.signal.baseline.n == 3  # before s4, not before s6


def test_a_lesser_finding_later_changes_nothing() -> None:
    _, grounds = grounds_in("hostility-to-therapist", [hostile(1, 3), hostile(2, 1)])
    assert [ground.session.session_id for ground in grounds] == ["s1"]


def test_facts_that_no_longer_bear_a_concern_are_no_grounds() -> None:
    sessions = [*course(ana=[90, 90]), hostile(3, 2)]
    concern, grounds = grounds_in("hostility-to-therapist", sessions)
    assert grounds
    for others in (sessions[:2], [*sessions[:2], hostile(3, 3)], [*sessions[:2], therapy_session(3)]):
        assert grounds_of(concern, Carry(), others, family(*PEOPLE), PARAMETERS) == ()


def test_without_what_came_before_it_is_not_found_again() -> None:
    sessions = course(ana=[90, 90, 90, 90, 50], eva=[90] * 5)
    concern, (ground,) = grounds_in("trust-bond-loss", sessions)
    subject = concern.subject
    assert found_again([ground], "trust-bond-loss", subject) == concern.signal
    assert found_again([replace(ground, before=Carry())], "trust-bond-loss", subject) is None
    assert found_again([], "trust-bond-loss", subject) is None


@pytest.mark.parametrize(
    ("code", "bearing", "other"),
    [
        ("absolute-low", {"absolute-low"}, "sudden-drop"),
        ("side-taking", {"side-taking", "bond-asymmetry"}, "hostility-to-therapist"),
        ("attendance", {"attendance", "trust-bond-loss", "sudden-drop", "goal-misalignment"}, "early-low"),
        ("no-such-rule", set(), "attendance"),
    ],
)
def test_what_bears_on_a_rule(code: str, bearing: set[str], other: str) -> None:
    assert bearing <= bearing_on(code)
    assert other not in bearing_on(code)


def test_a_ground_says_nothing_of_rules_that_do_not_bear_on_it() -> None:
    sessions = [*course(ana=[90, 90, 90]), hostile(4, 2), therapy_session(5, rating("ana", 40), rating("eva", 90))]
    concern, (ground,) = grounds_in("trust-bond-loss", sessions)
    assert concern.opened_session_id == "s5"
    assert "hostility-to-therapist" in folded(sessions[:4])[0][-1].carry.memories
    assert set(ground.before.memories) <= bearing_on("trust-bond-loss")
    assert ground.before.concerns == ()  # the hostility of session 4 is another story
