"""The feed: every alert that changed, as it stands now, in the order of the commits; one cursor, kept by the reader."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.api.alert_documents import silent_rules
from service.api.answers import READING, UNCHANGED, content_of, refusals, unless_known
from service.api.change_cursor import change_cursor, change_place, filters_of
from service.api.change_documents import change_document
from service.api.errors import Problem
from service.api.fields import Code, Id
from service.api.keyed import KeyedRequest, KeyedRoute, needs
from service.api.models import AlertPublic
from service.api.paging import Limit
from service.db.changes import Changes, Place, changes_after
from service.db.reads import AlertFilter
from service.domain.concern import State
from service.domain.model import Severity
from service.domain.rules import Tone

LONGEST_WAIT = 30  # seconds; shorter than what proxies between have patience for
POLL_SECONDS = 15  # how soon it is worth asking again, where nothing waits for a change

router = APIRouter(route_class=KeyedRoute, tags=["alerts"])


class RemovedPublic(BaseModel):
    """An alert that is no more among those asked for; the reader may never have had it."""

    type: Literal["removed"]
    alert_id: str


class ChangesPublic(BaseModel):
    """Some changes; the next call takes `cursor` as `after`."""

    items: list[AlertPublic | RemovedPublic]
    cursor: str = Field(description="good until a restore from backup, however old")
    has_more: bool = Field(description="others follow at once")


def wanted_changes(
    state: Annotated[list[State] | None, Query()] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    rule: Annotated[list[Code] | None, Query(max_length=50)] = None,
    tone: Annotated[list[Tone] | None, Query()] = None,
    case_id: Annotated[list[Id] | None, Query(max_length=50)] = None,
    therapist_id: Annotated[list[Id] | None, Query(max_length=50)] = None,
) -> AlertFilter:
    """Return which alerts a reader of the feed asks for."""
    return AlertFilter(
        states=state or (),
        severities=severity or (),
        rules=rule or (),
        tones=tone or (),
        case_ids=case_id or (),
        therapist_ids=therapist_id or (),
        silent_on_hold=silent_rules(),
    )


Wanted = Annotated[AlertFilter, Depends(wanted_changes)]
After = Annotated[str | None, Query(max_length=1000, description="the cursor of the last answer; opaque")]
Wait = Annotated[int, Query(ge=0, le=LONGEST_WAIT, description="seconds to wait for a change; 0: answer at once")]
FOLLOWING = refusals(410)


@router.get(
    "/v1/changes",
    response_model=ChangesPublic,
    responses={**UNCHANGED, **READING, **FOLLOWING},
    openapi_extra=needs("alerts:read", tokens=True, speaks=True),
)
async def list_changes(
    request: KeyedRequest, wanted: Wanted, after: After = None, wait: Wait = 0, limit: Limit = 50
) -> Response:
    """Return the alerts that changed after a cursor, each once as it stands now, the earliest change first.

    Start with the `changes_cursor` of the alerts, or without a cursor: then with all of them. No change is missed,
    whoever writes meanwhile; one that changed again since comes again. Where nothing has changed, `wait` holds the
    answer back until something does. No alert never means that a family is safe.
    """
    filters = filters_of(request)
    place = change_place(filters, after)
    found = await _read(request, wanted, place, limit)
    if wait and not found.items:
        found = await _wait(request, wanted, found.place, limit, wait)
    document = {
        "items": [change_document(change, request.now, request.language) for change in found.items],
        "cursor": change_cursor(filters, found.place),
        "has_more": found.more,
    }
    at_once = found.more or (wait and not request.service.waker.ended)
    return unless_known(request, content_of(document), {} if at_once else {"Retry-After": str(POLL_SECONDS)})


async def _read(request: KeyedRequest, wanted: AlertFilter, place: Place | None, limit: int) -> Changes:
    async with request.reading() as db:
        found = await changes_after(db, wanted, place, limit)
    if found is None:
        raise Problem("cursor-expired")
    return found


async def _wait(request: KeyedRequest, wanted: AlertFilter, place: Place, limit: int, seconds: int) -> Changes:
    """Return the changes that come within some seconds; none when they are over, or the process is about to end."""
    waker, clock = request.service.waker, asyncio.get_running_loop().time
    until = clock() + seconds
    with waker.bell(request.caller.organization_id) as bell:
        while True:
            rung = bell.rung
            found = await _read(request, wanted, place, limit)
            if found.items or waker.ended or clock() >= until:
                return found
            place = found.place
            await bell.after(rung, until)
            await request.recheck_key()
