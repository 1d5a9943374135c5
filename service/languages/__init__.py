"""Languages: rules and briefings say English themselves; every other language is one catalogue, `<code>.po`, here.

A catalogue is gettext's format, which every tool of translators reads: an English sentence → the same in its language.
A sentence that is not in it is said in English.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

SOURCE = "en"
NAMES = {"en": "English", "de": "Deutsch", "es": "Español", "nb": "Norsk bokmål", "nl": "Nederlands"}
"""Every language by its code (BCP 47), as it calls itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """One language; there is one of each, so that what was made in it can be kept by it."""

    code: str
    sentences: Mapping[str, str] = field(default_factory=dict)

    def say(self, sentence: str) -> str:
        """Return an English sentence in this language."""
        return self.sentences.get(sentence, sentence)


@cache
def language(code: str) -> Language:
    """Return a language, whose catalogue is read when it is first asked for; KeyError: there is none."""
    if code not in NAMES:
        raise KeyError(code)
    return Language(code) if code == SOURCE else Language(code, dict(_catalogue(code)))


ENGLISH = language(SOURCE)


def _catalogue(code: str) -> Iterator[tuple[str, str]]:
    """Yield what a catalogue translates; what its translator is unsure of ("fuzzy") stays English."""
    from babel.messages.pofile import read_po  # here, since a service that only speaks English can do without

    with files(__name__).joinpath(f"{code}.po").open("rb") as file:
        for message in read_po(file, locale=code):
            if message.id and message.string and not message.fuzzy:
                yield str(message.id), str(message.string)
