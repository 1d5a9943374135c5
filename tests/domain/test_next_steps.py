import pytest

from service.domain.next_steps import HELD_BACK, HOLD_TEXT, NEXT_STEPS, NOTICE, SENTENCES
from service.domain.rules import rules

CODES = """
    neutrality equidistance strongest-alliance circular-question reframing collaborative-goals motivational
    active-listening validation transparency set-expectations own-part check-in adjust-course structure client-pace
    outside-support family-as-solution hope culture-fit talk-about-alliance
"""


def test_the_published_steps() -> None:
    assert set(CODES.split()) == set(NEXT_STEPS)


@pytest.mark.parametrize("code", sorted(NEXT_STEPS))
def test_is_one_short_sentence_that_orders_nothing(code: str) -> None:
    text = NEXT_STEPS[code]
    assert text.endswith(".")
    assert text.count(".") == 1
    assert len(text) <= 100
    assert "must" not in text.split()
    assert "should" not in text.split()


def test_every_step_has_a_sentence_to_say() -> None:
    assert SENTENCES.keys() == NEXT_STEPS.keys()
    assert all(text[-1] in ".?" and len(text) <= 100 for text in SENTENCES.values())


def test_what_brings_members_together_is_held_back_for_safety() -> None:
    assert {"neutrality", "equidistance", "strongest-alliance", "circular-question"} == HELD_BACK
    assert set(NEXT_STEPS) > HELD_BACK
    assert "apart" in HOLD_TEXT


@pytest.mark.parametrize("code", sorted(rules()))
def test_every_rule_offers_known_steps(code: str) -> None:
    assert rules()[code].next_steps
    assert set(rules()[code].next_steps) <= set(NEXT_STEPS)


def test_the_notice_says_what_this_is_not() -> None:
    for words in ("does not screen", "never replaces or delays a report", "late or absent", "never means"):
        assert words in NOTICE
