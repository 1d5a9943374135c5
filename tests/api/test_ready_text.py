"""What an alert says: every rule and route, in every language, in every circumstance."""

from dataclasses import replace
from itertools import product

import pytest

from service.api.documents import Document
from service.api.ready_text import ready_text
from service.domain.circumstances import Circumstances
from service.domain.concern import Concern, Raised
from service.domain.model import Severity
from service.domain.next_steps import HOLD_TEXT, WALL_TEXT
from service.domain.rules import rules
from service.languages import ENGLISH, NAMES, language
from service.languages.messages import LONGEST_TITLE
from tests.domain.test_briefing import concern

FREE = Circumstances()
CASES = [Circumstances(*flags) for flags in product((False, True), repeat=4)]
EVERY = [(code, route) for code, rule in sorted(rules().items()) for route in rule.texts]


def told(code: str, route: str, case: Circumstances = FREE, speaking: str = "en") -> Document:
    return ready_text(concern(code, "member/ana", route=route), case, language(speaking))


@pytest.mark.parametrize(("code", "route"), EVERY)
@pytest.mark.parametrize("speaking", NAMES)
def test_two_lengths_and_a_next_step_in_every_language(code: str, route: str, speaking: str) -> None:
    for case in CASES:
        text = told(code, route, case, speaking)
        assert 0 < len(text["title"]) <= LONGEST_TITLE
        assert len(text["title"]) < len(text["text"])
        assert text["next_steps"]
        for step in text["next_steps"]:
            assert step["text"].endswith(".")
            assert step["only_with"]["text"].endswith(".")
            assert not (case.on_hold or case.walled) or step["only_with"]["code"] != "family"


@pytest.mark.parametrize("speaking", [code for code in NAMES if code != "en"])
def test_another_language_says_the_same(speaking: str) -> None:
    say = language(speaking).say
    for case in CASES:
        english, other = (told("sudden-drop", "agreed", case, code) for code in ("en", speaking))
        assert other["title"] == say(english["title"]) != english["title"]
        minded = HOLD_TEXT if case.on_hold else WALL_TEXT if case.walled else None
        assert other["text"].endswith(say(minded or rules()["sudden-drop"].texts["agreed"]))
        for one, two in zip(english["next_steps"], other["next_steps"], strict=True):
            assert (two["code"], two["text"]) == (one["code"], say(one["text"]))
            assert two["only_with"] == {**one["only_with"], "text": say(one["only_with"]["text"])}


def test_a_title_is_true_of_its_route() -> None:
    assert told("out-of-limits", "default")["title"] == "Far below their usual level"
    assert told("out-of-limits", "below-full")["title"] == "A little below full marks"  # which is welcome


def test_what_raised_it_is_said_in_the_same_language() -> None:
    raised = replace(concern("sudden-drop", "member/ana"), raised=Raised("therapist-unaware", {}, {}))
    german = language("de")
    assert ready_text(raised, FREE, german)["text"].endswith(german.say(rules()["therapist-unaware"].texts["default"]))


def test_a_text_that_says_to_see_members_apart_proposes_nothing_jointly() -> None:
    grave, usual = told("hostility-to-member", "severe"), told("hostility-to-member", "default")
    assert "family" not in {step["only_with"]["code"] for step in grave["next_steps"]}
    assert "family" in {step["only_with"]["code"] for step in usual["next_steps"]}


def test_it_is_made_once_whoever_it_is_about() -> None:
    ana, tom = (
        ready_text(concern("sudden-drop", who, severity=Severity.info), FREE, ENGLISH)
        for who in ("member/ana", "member/tom")
    )
    assert ana is tom


def test_of_a_rule_that_is_gone_its_code_is_left() -> None:
    gone: Concern = replace(concern("sudden-drop", "member/ana"), rule="no-such-rule")
    assert ready_text(gone, FREE, ENGLISH) == {"title": "no-such-rule", "text": "", "next_steps": []}
