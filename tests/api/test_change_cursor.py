"""The cursor of the feed: the same for all who have come as far with the same filters, and refused with others."""

import json
from base64 import urlsafe_b64encode
from typing import Any
from uuid import UUID

import pytest

from service.api.change_cursor import change_cursor, change_place, filters_of
from service.api.errors import Problem
from service.api.key_ring import Caller
from service.api.keyed import KeyedRequest
from service.db.changes import Place

PLACE = Place(epoch=1790000000000, number=7, since=9)


def request(query: str, *caseload: str) -> KeyedRequest:
    asked = KeyedRequest({"type": "http", "path": "/v1/changes", "query_string": query.encode(), "headers": []})
    asked.caller = Caller(
        organization_id=UUID(int=1), key_id="k", scopes=frozenset({"alerts:read"}), caseload=caseload or None
    )
    return asked


@pytest.mark.parametrize("place", [PLACE, Place(0, 0, 0), Place(2**53, 2**53, 2**53)])
def test_there_and_back(place: Place) -> None:
    assert change_place("f", change_cursor("f", place)) == place


def test_none_is_no_place_yet() -> None:
    assert change_place("f", None) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("state=open&rule=a", "rule=a&state=open", True),
        ("state=open&state=closed", "state=closed&state=open&state=open", True),
        ("state=open", "state=open&after=x&limit=3&wait=9", True),
        ("state=open", "state=open&handling=new&changed_after=2026-01-01T00:00:00Z", True),  # of the list alone
        ("state=open", "state=closed", False),
        ("state=open", "", False),
        ("case_id=open", "state=open", False),
    ],
)
def test_filters_have_one_name(one: str, other: str, same: bool) -> None:
    assert (filters_of(request(one)) == filters_of(request(other))) is same


def test_a_caseload_is_a_filter_too() -> None:
    """Somebody whose caseload grew has not seen what is new in it, however far they had come."""
    names = {filters_of(request("state=open", *whose)) for whose in ((), ("dr-7",), ("dr-8",), ("dr-7", "dr-8"))}
    assert len(names) == 4


def packed(document: Any) -> str:
    return urlsafe_b64encode(json.dumps(document).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "ä",
        "====",
        change_cursor("other", PLACE),
        *map(packed, ([], {}, "f", ["f"], ["f", 1, 2], ["f", 1, 2, 3, 4], ["f", 1, 2, None], ["f", 1, 2, True])),
        *map(packed, (["f", 1, 2, -1], ["f", 1, 2, 2**63], ["f", 1, 2, 1.0], ["f", 1, 2, "3"], [["f"], 1, 2, 3])),
    ],
)
def test_what_is_no_cursor(cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        change_place("f", cursor)
    assert (refused.value.status_code, refused.value.code) == (400, "bad-cursor")
