"""Lists in pages: an opaque cursor that belongs to one list and its filters, and the Link to the next page."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from service.api.answers import answer
from service.api.errors import Problem
from service.api.strict_json import parse

Limit = Annotated[int, Query(ge=1, le=200, description="how many at most")]
Cursor = Annotated[str | None, Query(max_length=1000, description="where the last page ended; opaque")]

PLACES = ("cursor", "before", "limit", "last")  # where a page begins and how long it is, no part of what is listed

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a list; without `next_cursor` it is the last."""

    items: list[T]
    next_cursor: str | None


def place_of(request: Request, cursor: str | None, *kinds: type[Any]) -> tuple[Any, ...] | None:
    """Return the place that a cursor of this list stands for, in values of some kinds.

    Raises the 400 of a cursor that is none, or belongs to another list or to other filters.
    """
    if cursor is None:
        return None
    try:
        of, place = parse(urlsafe_b64decode(cursor.encode("ascii") + b"=="))
        if of != _list_of(request) or not isinstance(place, list):
            raise Problem("bad-cursor")
        return tuple(_read(kind, value) for kind, value in zip(kinds, place, strict=True))
    except (ValueError, TypeError, OverflowError):
        raise Problem("bad-cursor") from None


def _read(kind: type[Any], value: Any) -> Any:
    """Return one value of a place; times travel as text, whole numbers and strings as they are."""
    if kind is int and type(value) is int:
        return value
    if kind is int or not isinstance(value, str):
        raise ValueError
    if kind is datetime:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    return UUID(value) if kind is UUID else value


def page(request: Request, items: Sequence[Any], place: Sequence[Any] | None, **beside: Any) -> Response:
    """Return a page; `place` is where the next one begins, None after the last; some lists tell more `beside`."""
    cursor = None if place is None else cursor_to(request, place)
    headers = {}
    if cursor is not None:
        headers["Link"] = (
            f'<{request.url.include_query_params(cursor=cursor).replace(scheme="", netloc="")}>; rel="next"'
        )
    return answer({"items": list(items), "next_cursor": cursor, **beside}, headers=headers)


def page_of(request: Request, limit: int, found: Sequence[tuple[Any, Sequence[Any]]], **beside: Any) -> Response:
    """Return documents, each with its place, as a page; one more than its limit says that another page follows."""
    place = found[limit - 1][1] if len(found) > limit else None
    return page(request, [document for document, _ in found[:limit]], place, **beside)


def cursor_to(request: Request, place: Sequence[Any]) -> str:
    """Return the cursor of a place in this list."""
    text = json.dumps([_list_of(request), list(place)], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def _list_of(request: Request) -> str:
    """Return what names a list: its path and filters, whatever the order in which they were given."""
    filters = sorted(pair for pair in request.query_params.multi_items() if pair[0] not in PLACES)
    return hashlib.sha256(json.dumps([request.url.path, filters]).encode()).hexdigest()[:12]
