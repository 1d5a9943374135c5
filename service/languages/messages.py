"""All that is said to a reader: each English sentence, and where it stands, for those who translate it."""

from collections.abc import Iterator

from service.domain.briefing import Sentence
from service.domain.next_steps import HOLD_TEXT, MANDATED_WORDS, NEXT_STEPS, SENTENCES, SUPPORTED_WORDS, WALL_TEXT
from service.domain.notices import LOCK_SCREEN, NOTICE, SEVERAL, WHY_MAIL
from service.domain.only_with import WORDS
from service.domain.rules import rules

LONGEST_TITLE = 60  # characters of a title, which is the short form of an alert


def messages() -> dict[str, list[str]]:
    """Return every sentence with its places, in a reader's order; the same sentence is the same everywhere."""
    found: dict[str, list[str]] = {}
    for sentence, place in _said():
        found.setdefault(sentence, []).append(place)
    return found


def _said() -> Iterator[tuple[str, str]]:
    for code, rule in sorted(rules().items()):
        for title in (rule.title, *rule.titles.values()):
            yield title, f"rule {code}, title: at most {LONGEST_TITLE} characters, no full stop"
        for route, text in rule.texts.items():
            yield text, f"rule {code}, {route}"
    yield HOLD_TEXT, "after the text of an alert, on safety hold"
    yield WALL_TEXT, "after the text of an alert, where members must not know each other's times"
    for words in (NEXT_STEPS, MANDATED_WORDS, SUPPORTED_WORDS):
        for step, text in words.items():
            yield text, f"next step {step}, to a therapist"
    for step, text in SENTENCES.items():
        yield text, f"next step {step}, what a therapist could say"
    for code, text in WORDS.items():
        yield text, f"with whom a step may be taken up: {code}"
    for sentence in Sentence:
        yield sentence.value, "briefing of a therapist before a session"
    yield NOTICE, "with every rule"
    yield LOCK_SCREEN, "a push on a locked screen: true of every alert, and tells nothing"
    yield SEVERAL, "a push or mail for several things at once; {count} is 2 or more"
    yield WHY_MAIL, "at the end of a mail"
