"""Repairs: what somebody tried about an alert, with whom, and how it went; told with one tap, read by all."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, Field, WithJsonSchema
from starlette.responses import Response

from service.api.alert_documents import repair_document
from service.api.alerts import alert_answer, may_see, shown_alert
from service.api.answers import READING, WRITING, answer
from service.api.errors import Told, accepted
from service.api.fields import Body, Id, PersonId, Reference, Time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.models import AlertPublic, RepairPublic
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.db.repairs import repair_page
from service.domain.next_steps import NEXT_STEPS
from service.domain.repair import Repair, told
from service.handling import repair

router = APIRouter(route_class=KeyedRoute, tags=["alerts"])


def _known(code: str) -> str:
    if code not in NEXT_STEPS:
        raise Told("unknown-value", "This is none of the values that are known.")
    return code


NextStep = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": list(NEXT_STEPS)})]


class RepairCreate(Body):
    """One thing that was tried; `id` is made by the client, so that sending it again changes nothing."""

    id: Id
    next_step: NextStep
    went: Annotated[int, Field(strict=True, ge=1, le=5, description="how it went: 1 badly, 5 well")]
    with_: Annotated[list[Reference], Field(alias="with", min_length=1, max_length=16, description="in any order")]
    by: PersonId
    at: Time | None = None


@router.post(
    "/v1/alerts/{alert_id}/repairs",
    response_model=AlertPublic | RepairPublic,
    responses=WRITING,
    openapi_extra=needs("alerts:handle", tokens=True, speaks=True),
)
async def post_repair(request: KeyedRequest, alert_id: UUID, body: RepairCreate) -> Response:
    """Record what was tried about an alert and how it went; neither its state nor its handling moves by it."""
    caller = request.caller
    caller.speaks_for(body.by)
    tried = Repair(
        id=body.id,
        next_step=body.next_step,
        went=body.went,
        with_=tuple(sorted(set(body.with_))),
        by=body.by,
        at=body.at,
    )
    done = accepted(await repair(request.service.engine, caller, alert_id, tried, request.now))
    stored = there(done.alert)
    if not may_see(request, stored):
        return answer(repair_document(there(done.repair)))
    return alert_answer(request, stored)


@router.get(
    "/v1/alerts/{alert_id}/repairs",
    response_model=Page[RepairPublic],
    responses=READING,
    openapi_extra=needs("alerts:read", tokens=True),
)
async def list_repairs(request: KeyedRequest, alert_id: UUID, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return all that was tried about an alert, in the order in which it was told."""
    place = place_of(request, cursor, datetime, str)
    async with request.reading() as db:
        await shown_alert(db, alert_id)
        found = await repair_page(db, alert_id, place, limit + 1)
    shown = [(repair_document(told(*item)), [item[2].isoformat(), item[0]]) for item in found]
    return page_of(request, limit, shown)
