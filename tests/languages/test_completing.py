import shutil
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from service.languages import NAMES, SOURCE
from service.languages.completing import complete
from service.languages.messages import messages

TITLE, PLACES = "A sudden drop", ["rule sudden-drop, title"]


@pytest.fixture(params=[code for code in NAMES if code != SOURCE])
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Return a copy of a catalogue and its language."""
    copy = tmp_path / f"{request.param}.po"
    with as_file(files("service.languages").joinpath(copy.name)) as found:
        shutil.copyfile(found, copy)
    return copy, request.param


def test_what_is_shipped_waits_for_nothing_and_stays_as_it_is(shipped: tuple[Path, str]) -> None:
    path, code = shipped
    before = path.read_bytes()
    assert complete(path, code, messages()) == 0
    assert path.read_bytes() == before


def test_a_new_sentence_gets_an_empty_place_and_what_is_gone_goes(shipped: tuple[Path, str]) -> None:
    path, code = shipped
    assert complete(path, code, {TITLE: PLACES, "Something new.": ["rule new, default"]}) == 1
    with path.open("rb") as file:
        found = {message.id: message for message in read_po(file, locale=code) if message.id}
    assert set(found) == {TITLE, "Something new."}
    assert (bool(found[TITLE].string), found["Something new."].string) == (True, "")
    assert found["Something new."].auto_comments == ["rule new, default"]


def test_what_a_translator_is_unsure_of_waits(shipped: tuple[Path, str]) -> None:
    path, code = shipped
    complete(path, code, {TITLE: PLACES})
    path.write_text(path.read_text(encoding="utf-8").replace(f'msgid "{TITLE}"', f'#, fuzzy\nmsgid "{TITLE}"'))
    assert complete(path, code, {TITLE: PLACES}) == 1
    assert f'#, fuzzy\nmsgid "{TITLE}"' in path.read_text(encoding="utf-8")
