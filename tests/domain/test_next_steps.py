import pytest

from service.domain.circumstances import Circumstances
from service.domain.next_steps import (
    HELD_BACK,
    HOLD_TEXT,
    JOINT,
    MANDATED_FIRST,
    MANDATED_WORDS,
    NEXT_STEPS,
    SENTENCES,
    SUPPORTED_WORDS,
    TAKING_PART,
    WALL_TEXT,
    minded,
    offered,
    words_of,
)
from service.domain.rules import rules

CODES = """
    neutrality equidistance strongest-alliance circular-question reframing collaborative-goals motivational
    active-listening validation transparency set-expectations own-part check-in adjust-course structure client-pace
    outside-support family-as-solution hope culture-fit talk-about-alliance
"""


def test_the_published_steps() -> None:
    assert set(CODES.split()) == set(NEXT_STEPS)


@pytest.mark.parametrize("text", [*NEXT_STEPS.values(), *MANDATED_WORDS.values(), *SUPPORTED_WORDS.values()])
def test_is_one_short_sentence_that_orders_nothing(text: str) -> None:
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


@pytest.mark.parametrize("code", sorted(rules()))
@pytest.mark.parametrize("case", [Circumstances(on_hold=True), Circumstances(walled=True)], ids=["hold", "wall"])
def test_something_is_left_to_try_where_members_are_kept_apart(code: str, case: Circumstances) -> None:
    left = offered(code, rules()[code].next_steps, case)
    assert left
    assert not {*left} & (JOINT if case.walled else HELD_BACK)


STEPS = ("circular-question", "structure", "check-in", "motivational")
OFFERED: list[tuple[str, Circumstances, bool, tuple[str, ...]]] = [
    ("attendance", Circumstances(), False, STEPS),
    ("attendance", Circumstances(), True, STEPS[1:]),
    ("attendance", Circumstances(on_hold=True), False, STEPS[1:]),
    ("attendance", Circumstances(walled=True), False, STEPS[2:]),
    ("attendance", Circumstances(walled=True, on_hold=True), True, STEPS[2:]),
    ("attendance", Circumstances(mandated=True), False, ("transparency", "motivational", *STEPS[:3])),
    ("sudden-drop", Circumstances(mandated=True), False, STEPS),  # which is no matter of taking part
    ("attendance", Circumstances(supported=True), False, STEPS),
]


@pytest.mark.parametrize(("rule", "case", "apart", "left"), OFFERED)
def test_what_is_offered(rule: str, case: Circumstances, apart: bool, left: tuple[str, ...]) -> None:
    assert offered(rule, STEPS, case, apart) == left


def test_what_a_step_says_in_a_case() -> None:
    plain, required, helped = Circumstances(), Circumstances(mandated=True), Circumstances(supported=True)
    assert words_of("transparency", plain) == words_of("transparency", helped) == NEXT_STEPS["transparency"]
    assert words_of("transparency", required) == MANDATED_WORDS["transparency"]
    assert words_of("outside-support", helped) == SUPPORTED_WORDS["outside-support"]
    assert {*MANDATED_WORDS, *SUPPORTED_WORDS, *MANDATED_FIRST} <= set(NEXT_STEPS)
    assert set(rules()) >= TAKING_PART


def test_what_has_to_be_minded_is_said_once() -> None:
    hold, wall = Circumstances(on_hold=True, walled=True), Circumstances(walled=True)
    assert minded(Circumstances(mandated=True), "Seen.") == ("Seen.",)
    assert minded(hold, "Seen.") == ("Seen.", HOLD_TEXT)
    assert minded(wall, "Seen.", "Again.") == ("Seen.", "Again.", WALL_TEXT)
    for case in (hold, wall, Circumstances()):
        assert minded(case, f"Seen. {HOLD_TEXT}", "Again.") == (f"Seen. {HOLD_TEXT}", "Again.")
