"""Changes of alerts as they go out: in the feed as JSON, in the stream as events of it."""

from datetime import datetime

from service.api.alert_documents import alert_document
from service.api.answers import content_of
from service.api.change_cursor import change_cursor
from service.api.documents import Document
from service.db.changes import Change, Place
from service.languages import Language


def change_document(change: Change, now: datetime, language: Language) -> Document:
    """Return a changed alert as somebody reads it now, in a language."""
    if change.stored is None:
        return {"type": "removed", "alert_id": str(change.alert_id)}
    stored = change.stored
    return alert_document(stored.alert, stored.circumstances, stored.course, now, language)


def change_event(change: Change, filters: str, before: Place, now: datetime, language: Language) -> bytes:
    """Return a change as an event of the stream, after those up to a place; its id is the cursor to go on from."""
    place = Place(before.epoch, change.number, before.since)
    kind = "removed" if change.stored is None else "alert"
    data = content_of(change_document(change, now, language))
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (change_cursor(filters, place).encode(), kind.encode(), data)
