import pytest

from service.languages import ENGLISH, NAMES, language

TITLE = "A sudden drop"


def test_the_languages_there_are() -> None:
    assert set(NAMES) == {"en", "de", "es", "nb", "nl"}


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("en", TITLE),
        ("de", "Ein plötzlicher Rückgang"),
        ("es", "Una bajada repentina"),
        ("nb", "Et plutselig fall"),
        ("nl", "Een plotselinge daling"),
    ],
)
def test_a_sentence_in_each_of_them(code: str, title: str) -> None:
    assert (language(code).code, language(code).say(TITLE)) == (code, title)


@pytest.mark.parametrize("code", NAMES)
def test_what_nobody_has_translated_is_said_in_english(code: str) -> None:
    assert language(code).say("Nobody says this.") == "Nobody says this."


def test_a_catalogue_is_read_once() -> None:
    assert language("de") is language("de")
    assert language("en") is ENGLISH


@pytest.mark.parametrize("code", ["", "fr", "DE", "de-AT", "../de", "__init__"])
def test_there_is_no_other(code: str) -> None:
    with pytest.raises(KeyError):
        language(code)
