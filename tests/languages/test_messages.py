"""Every catalogue is complete, true to the English, and as kind."""

import re
from collections.abc import Iterable
from importlib.resources import files

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from service.domain.next_steps import HOLD_TEXT
from service.domain.rules import rules
from service.languages import NAMES, SOURCE, language
from service.languages.messages import LONGEST_TITLE, messages

OTHERS = [code for code in NAMES if code != SOURCE]
SAID = messages()
WHY = "The numbers cannot say why."
GAP = re.compile(r"\{[a-z]*\}")
DONE = "make languages, then fill in what is empty in service/languages/{}.po"

# words that a tired therapist or a family would hear as blame, or as more than numbers can say
NEVER = {
    "en": r"\b(fault|blame|guilty|must have|rupture|patient)\b",
    "de": r"\b(schuld|selbst schuld|versag\w*|bruch|ruptur\w*|patient\w*)\b",
    "es": r"\b(culpa\w*|fracas\w*|ruptura\w*|paciente\w*)\b",
    "nb": r"\b(skyld\w*|mislyk\w*|brudd\w*|pasient\w*)\b",
    "nl": r"\b(schuld\w*|gefaald|falen|breuk\w*|patiënt\w*)\b",
}
# they and she, you in the polite or the familiar way: what these languages can do without
ADDRESS = {
    "de": r"\b(er|Sie|Ihr|Ihre|du|dein|deine)\b",
    "es": r"\b(él|ella|usted|ustedes|tú|vosotros|vosotras)\b",
    "nb": r"\b(han|hun|hans|hennes)\b",
    "nl": r"\b(hij|zij|u|uw|jij|je|jouw)\b",
}


def catalogue(code: str) -> Catalog:
    with files("service.languages").joinpath(f"{code}.po").open("rb") as file:
        return read_po(file, locale=code, abort_invalid=True)


def translated(code: str) -> Iterable[tuple[str, str]]:
    """Return the sentences that a language has of its own, each beside its English."""
    return ((sentence, language(code).say(sentence)) for sentence in SAID)


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_is_there_and_none_that_nobody_says(code: str) -> None:
    found: dict[str, Message] = {str(message.id): message for message in catalogue(code) if message.id}
    assert list(SAID.keys() - found.keys()) == [], DONE.format(code)
    assert [sentence for sentence in SAID if not found[sentence].string] == [], DONE.format(code)
    assert list(found.keys() - SAID.keys()) == [], "make languages takes them out"
    assert [sentence for sentence, message in found.items() if message.fuzzy] == []


@pytest.mark.parametrize("code", OTHERS)
def test_nothing_stays_english(code: str) -> None:
    assert [sentence for sentence, said in translated(code) if sentence == said] == []


@pytest.mark.parametrize("code", NAMES)
def test_titles_are_short(code: str) -> None:
    titles = [language(code).say(rule.title_of(route)) for rule in rules().values() for route in ("", *rule.texts)]
    assert [title for title in titles if len(title) > LONGEST_TITLE or title.endswith(".")] == []


@pytest.mark.parametrize("code", OTHERS)
def test_no_translation_says_much_more_than_the_english(code: str) -> None:
    assert [said for sentence, said in translated(code) if len(said) > 1.6 * len(sentence) + 20] == []


@pytest.mark.parametrize("code", OTHERS)
def test_gaps_and_ends_are_the_same(code: str) -> None:
    for sentence, said in translated(code):
        assert sorted(GAP.findall(said)) == sorted(GAP.findall(sentence))
        assert (said[-1] in ".?", said == said.strip()) == (sentence[-1] in ".?", True), said


@pytest.mark.parametrize("code", OTHERS)
def test_what_is_said_again_is_said_alike(code: str) -> None:
    hold = language(code).say(HOLD_TEXT)
    assert [said for sentence, said in translated(code) if sentence.endswith(HOLD_TEXT) != said.endswith(hold)] == []
    (why,) = {said.rsplit(". ", 1)[-1] for sentence, said in translated(code) if sentence.endswith(WHY)}
    assert [said for sentence, said in translated(code) if (WHY in sentence) != (why in said)] == []


@pytest.mark.parametrize("code", NAMES)
def test_nobody_is_blamed_and_nothing_is_called_a_rupture(code: str) -> None:
    never = re.compile(NEVER[code], re.IGNORECASE)
    assert [said for _, said in translated(code) if never.search(said)] == []


@pytest.mark.parametrize("code", ADDRESS)
def test_nobody_is_a_he_or_she_and_nobody_is_addressed(code: str) -> None:
    address = re.compile(ADDRESS[code])
    assert [said for _, said in translated(code) if address.search(said)] == []


def test_each_sentence_says_where_it_stands() -> None:
    assert all(SAID.values())
    assert "rule sudden-drop, agreed" in SAID[rules()["sudden-drop"].texts["agreed"]]
    assert f"at most {LONGEST_TITLE} characters" in SAID["A sudden drop"][0]
