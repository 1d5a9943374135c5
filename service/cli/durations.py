"""Spans of time as people write them: 45m, 12h, 7d, 2w."""

import re
from datetime import timedelta

import typer

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
WRITTEN = re.compile(r"([0-9]{1,6})([smhdw])")


def duration(text: str) -> timedelta:
    """Return the span that a text like `7d` or `12h` says; at least one second, at most ten years.

    >>> duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    written = WRITTEN.fullmatch(text.strip())
    span = timedelta(**{UNITS[written[2]]: int(written[1])}) if written else timedelta()
    if not timedelta(seconds=1) <= span <= timedelta(days=3653):
        raise typer.BadParameter("a span is a number and one of s, m, h, d, w: 90m, 12h, 7d")
    return span
