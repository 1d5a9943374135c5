"""What holds for every rule; each one's own limits stand in its twin."""

from typing import get_type_hints

import pytest

from service.db.sealing import seal, unseal_carry
from service.domain.carry import Carry, default_parameters
from service.domain.model import Severity
from service.domain.plain import encode, freeze
from service.domain.rules import Tone, of_tone, rules, tone_of
from tests.domain.rules.walking import long_course, walk
from tests.factories import family

FIRST_TWELVE = """
    hostility-to-therapist hostility-to-member noncompliance attendance side-taking bond-asymmetry split-alliance
    trust-bond-loss goal-misalignment sudden-drop absolute-low early-low
"""


def test_the_first_twelve_are_there() -> None:
    assert set(FIRST_TWELVE.split()) <= set(rules())


def test_the_specific_is_asked_before_the_generic() -> None:
    order = list(rules())
    for rule in rules().values():
        for generic in rule.inhibits:
            assert generic not in order or order.index(rule.code) < order.index(generic)
        for read in rule.after:
            assert read not in order or order.index(read) < order.index(rule.code)


def test_the_order_is_always_the_same() -> None:
    once = list(rules())
    rules.cache_clear()
    assert list(rules()) == once


@pytest.mark.parametrize(
    ("specific", "generic"),
    [
        ("trust-bond-loss", "sudden-drop"),
        ("goal-misalignment", "sudden-drop"),
        ("trust-bond-loss", "out-of-limits"),
        ("goal-misalignment", "out-of-limits"),
    ],
)
def test_who_inhibits_whom(specific: str, generic: str) -> None:
    assert generic in rules()[specific].inhibits


@pytest.mark.parametrize(
    ("trait", "codes"),
    [
        # from ratings, so only info in the first three sessions; early-low may speak up then
        (
            "capped",
            {"bond-asymmetry", "split-alliance", "trust-bond-loss", "goal-misalignment", "sudden-drop", "absolute-low"},
        ),
        # their subject's scores stay out of what is usual
        ("unsettles", {"hostility-to-therapist", "hostility-to-member", "trust-bond-loss", "sudden-drop"}),
        # three steady scores end them
        ("settles", {"split-alliance", "sudden-drop"}),
        ("silent_on_hold", {"side-taking", "bond-asymmetry", "split-alliance"}),
    ],
)
def test_traits(trait: str, codes: set[str]) -> None:
    assert {code for code in FIRST_TWELVE.split() if getattr(rules()[code], trait)} == codes


GOOD_NEWS = {"rising", "recovery", "ripple"}


def test_good_news_is_told_apart() -> None:
    assert set(of_tone(Tone.good_news)) == GOOD_NEWS
    assert set(of_tone(Tone.caution)) == set(rules()) - GOOD_NEWS
    assert tone_of("no-such-rule") is Tone.caution


@pytest.mark.parametrize("code", sorted(GOOD_NEWS))
def test_good_news_never_looks_like_an_alarm(code: str) -> None:
    rule = rules()[code]
    assert rule.title.startswith("Good news: ")
    assert rule.silent_on_hold  # a rise may be fear, and a follower may be led
    assert set(rule.next_steps) <= {"hope", "family-as-solution", "talk-about-alliance"}
    assert not any((rule.unsettles, rule.settles, rule.raises, rule.absorbs))
    found = [signal for step in walk(long_course(seed=11, length=120), family()) for signal in step.signals[code]]
    assert {signal.severity for signal in found} <= {Severity.info}


@pytest.mark.parametrize("code", sorted(rules()))
class TestEachRule:
    def test_is_named_and_graded(self, code: str) -> None:
        rule = rules()[code]
        assert rule.code == code
        assert rule.version >= 1
        assert rule.title
        assert rule.titles.keys() <= rule.texts.keys()
        assert set(rule.grade) <= set("ABCD, /")
        assert rule.clears_after >= 1

    def test_its_memory_and_parameters_can_be_stored(self, code: str) -> None:
        rule = rules()[code]
        assert unseal_carry(seal(Carry(memories={code: rule.memory}))).memories == {code: rule.memory}
        assert encode(freeze(rule.parameters))
        for value in (rule.memory, rule.parameters):
            assert set(get_type_hints(type(value))) == set(type(value).__dataclass_fields__)

    def test_has_a_sentence_for_every_route(self, code: str) -> None:
        texts = rules()[code].texts
        assert texts
        assert all(text.strip().endswith(".") for text in texts.values())
        assert all("rupture" not in text.lower() for text in texts.values())

    def test_has_default_parameters(self, code: str) -> None:
        assert default_parameters().parameters[code] == rules()[code].parameters
