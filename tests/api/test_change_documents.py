"""Changes as they go out: the same body in the list, the feed and the stream."""

import json
from uuid import UUID

import pytest

from service.api.alert_documents import alert_document
from service.api.change_cursor import change_place
from service.api.change_documents import change_document, change_event
from service.db.changes import Change, Place, changes_after
from service.db.engine import transaction
from service.db.reads import AlertFilter
from service.languages import ENGLISH
from tests.db.test_changes import low
from tests.factories import NOW
from tests.writes import Desk

pytestmark = pytest.mark.anyio

GONE = Change(8, UUID(int=1), None)
REMOVED = {"type": "removed", "alert_id": "00000000-0000-0000-0000-000000000001"}


def test_what_left() -> None:
    assert change_document(GONE, NOW, ENGLISH) == REMOVED


async def test_what_is_there(desk: Desk) -> None:
    await desk.one(low())
    async with transaction(desk.engine, desk.organization) as db:
        found = await changes_after(db, AlertFilter(), None, 5)
    assert found is not None
    (change,) = found.items
    stored = change.stored
    assert stored is not None
    assert change_document(change, NOW, ENGLISH) == alert_document(
        stored.alert, stored.circumstances, stored.course, NOW, ENGLISH
    )
    assert change_event(change, "f", Place(0, 0, 1), NOW, ENGLISH).split(b"\n")[1] == b"event: alert"


@pytest.mark.parametrize("since", [3, 8, 20])
def test_an_event_is_four_lines_and_its_id_the_cursor_after_it(since: int) -> None:
    """`since` stays that of the reading: of what went before it nobody is told, of what went meanwhile all are."""
    number, kind, data, *end = change_event(GONE, "f", Place(5, 3, since), NOW, ENGLISH).decode().split("\n")
    assert (kind, json.loads(data.removeprefix("data: ")), end) == ("event: removed", REMOVED, ["", ""])
    assert change_place("f", number.removeprefix("id: ")) == Place(5, 8, since)
