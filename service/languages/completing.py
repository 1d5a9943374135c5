"""`make languages`: every catalogue gets an empty place for each new sentence and loses those that nobody says.

A sentence whose English changed is a new one: its translation has to be looked at again.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from service.languages import NAMES, SOURCE
from service.languages.messages import messages

WIDTH = 120


def complete(path: Path, code: str, said: Mapping[str, Sequence[str]]) -> int:
    """Bring one catalogue in line with all that is said; return how many sentences wait for their translation."""
    with path.open("rb") as file:
        known = read_po(file, locale=code)
    new = Catalog(locale=code, header_comment=known.header_comment, fuzzy=False)
    new.mime_headers = known.mime_headers
    waiting = 0
    for sentence, places in said.items():
        old = known.get(sentence)
        translated = old is not None and bool(old.string) and not old.fuzzy
        new.add(sentence, old.string if old else "", flags=old.flags if old else (), auto_comments=places)
        waiting += not translated
    with path.open("wb") as file:
        write_po(file, new, width=WIDTH)
    return waiting


def main() -> None:
    folder = Path(str(files("service.languages")))
    for code in NAMES:
        if code != SOURCE:
            complete(folder / f"{code}.po", code, messages())


if __name__ == "__main__":
    main()
