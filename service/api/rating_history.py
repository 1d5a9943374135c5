"""Ratings as they are stored: one, many, and what each was before it was corrected."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import StringConstraints
from starlette.responses import Response

from service.api.answers import READING, answer
from service.api.documents import rating_document, revision_document
from service.api.fields import ID, Id, Time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.models import RatingFactsPublic, StoredRatingPublic
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.db.ratings import rating_by_id, rating_page
from service.db.rulebooks import rulebook

router = APIRouter(route_class=KeyedRoute, tags=["ratings"])

Rater = Annotated[str, StringConstraints(pattern=rf"^((member|therapist|observer)/)?{ID}$")]


@router.get(
    "/v1/ratings",
    response_model=Page[StoredRatingPublic],
    responses=READING,
    openapi_extra=needs("course:read", tokens=True),
)
async def list_ratings(
    request: KeyedRequest,
    record_id: Annotated[list[Id] | None, Query(max_length=50)] = None,
    case_id: Annotated[list[Id] | None, Query(max_length=50)] = None,
    session_id: Annotated[list[Id] | None, Query(max_length=50)] = None,
    rater: Annotated[list[Rater] | None, Query(max_length=50, description="an id, or a reference: member/ana")] = None,
    changed_after: Annotated[Time | None, Query()] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return ratings in the order of their last change, retracted ones too."""
    after = place_of(request, cursor, datetime, UUID)
    filters = {"record_id": record_id, "case_id": case_id, "session_id": session_id}
    chosen = {name: values for name, values in filters.items() if values}
    async with request.reading() as db:
        found = await rating_page(db, chosen, rater or [], changed_after, after, limit + 1)
        book = await rulebook(db)
    shown = [(rating_document(item, book.references), [item.changed_at.isoformat(), item.rating_id]) for item in found]
    return page_of(request, limit, shown)


@router.get(
    "/v1/ratings/{rating_id}",
    response_model=StoredRatingPublic,
    responses=READING,
    openapi_extra=needs("course:read", tokens=True),
)
async def get_rating(request: KeyedRequest, rating_id: UUID) -> Response:
    """Return a rating as it stands now, a retracted one too."""
    async with request.reading() as db:
        record = there(await rating_by_id(db, rating_id))
        book = await rulebook(db)
    return answer(rating_document(record, book.references), headers={"ETag": f'"{record.revision}"'})


@router.get(
    "/v1/ratings/{rating_id}/revisions",
    response_model=Page[RatingFactsPublic],
    responses=READING,
    openapi_extra=needs("course:read", tokens=True),
)
async def list_revisions(request: KeyedRequest, rating_id: UUID, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return every state that a rating was in, the newest first."""
    before = place_of(request, cursor, int)
    async with request.reading() as db:
        record = there(await rating_by_id(db, rating_id))
        book = await rulebook(db)
    states = [item for item in reversed([*record.past, record.current]) if not before or item.revision < before[0]]
    shown = [(revision_document(item, book.references), [item.revision]) for item in states[: limit + 1]]
    return page_of(request, limit, shown)
