"""Accept-Language: which of our languages a reader would rather have (RFC 9110 12.5.4, lookup by RFC 4647 3.4)."""

import re
from collections.abc import Iterator
from functools import lru_cache

from service.languages import ENGLISH, NAMES, Language, language

LONGEST = 500  # characters that are looked at; browsers send less, and what is kept must be bounded
QUALITY = r"(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)"
RANGE = re.compile(rf"\s*([A-Za-z]{{1,8}})(?:-[A-Za-z0-9]{{1,8}})*\s*(?:;\s*[qQ]\s*=\s*{QUALITY}\s*)?")
READ_AS = {"no": "nb", "nn": "nb"}
"""Who reads these reads that: Norwegian without a form, and its other written form."""


def accepted(header: str) -> Language:
    """Return the language that a header asks for most among ours; English where it asks for none of them."""
    return _accepted(header[:LONGEST])


@lru_cache(maxsize=256)
def _accepted(header: str) -> Language:
    wanted = sorted(_wanted(header), key=lambda item: -item[1])
    return next((language(code) for code, quality in wanted if quality > 0), ENGLISH)


def _wanted(header: str) -> Iterator[tuple[str, float]]:
    """Yield those of our languages that a header names, and how much it wants each; a region makes no difference."""
    for part in header.split(","):
        found = RANGE.fullmatch(part)
        if found is not None:
            named = found[1].lower()
            code = READ_AS.get(named, named)
            if code in NAMES:
                yield code, float(found[2] or 1)
