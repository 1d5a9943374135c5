"""The cursor of the feed: how far a reader has come, in which epoch, and with which filters; opaque to the reader."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING

from service.api.errors import Problem
from service.api.strict_json import parse
from service.db.changes import Place

if TYPE_CHECKING:
    from service.api.keyed import KeyedRequest  # which broadcasts changes, and so needs their cursor

FILTERS = ("state", "severity", "rule", "tone", "case_id", "therapist_id")


def filters_of(request: "KeyedRequest") -> str:
    """Return what names the filters of a request, in whatever order and how often each was given, and its caseload."""
    given = sorted({pair for pair in request.query_params.multi_items() if pair[0] in FILTERS})
    given += [("caseload", therapist) for therapist in request.caller.caseload or ()]
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()[:12]


def change_cursor(filters: str, place: Place) -> str:
    """Return the cursor of a place in the feed with some filters: the same for all who have come as far."""
    text = json.dumps([filters, place.epoch, place.number, place.since], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def change_place(filters: str, cursor: str | None) -> Place | None:
    """Return the place that a cursor of the feed stands for; None where there is none yet.

    Raises the 400 of a cursor that is none, or belongs to other filters.
    """
    if cursor is None:
        return None
    try:
        of, *numbers = parse(urlsafe_b64decode(cursor.encode("ascii") + b"=="))
        if of != filters or not all(type(number) is int and number >= 0 for number in numbers):
            raise Problem("bad-cursor")
        epoch, number, since = numbers
    except (ValueError, TypeError):
        raise Problem("bad-cursor") from None
    return Place(epoch, number, since)
