"""Alerts: which there are, what each rests on, and what somebody did about it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, model_validator
from starlette.responses import Response

from service.api.alert_documents import alert_document, handling_document, silent, silent_rules
from service.api.answers import READING, WRITING, answer
from service.api.change_cursor import change_cursor, change_place, filters_of
from service.api.documents import Document
from service.api.errors import Told, accepted
from service.api.fields import Asked, Body, Code, Day, Id, PersonId, Time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.models import AlertPublic, HandlingPublic
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.db import reads
from service.db.changes import newest_place
from service.db.engine import Db
from service.domain.concern import State
from service.domain.handling import Act, Action, DismissalReason
from service.domain.model import Severity
from service.domain.reconcile import Handling
from service.domain.rules import Tone
from service.handling import handle
from service.languages import Language

Shadow = Annotated[Asked, Query(description="true: alerts of rules in shadow too")]

router = APIRouter(route_class=KeyedRoute, tags=["alerts"])


def alert_body(stored: reads.StoredAlert, now: datetime, language: Language) -> Document:
    """Return a stored alert as it goes out."""
    return alert_document(stored.alert, stored.circumstances, stored.course, now, language)


def alert_answer(request: KeyedRequest, stored: reads.StoredAlert) -> Response:
    """Return a stored alert as the answer, with its revision."""
    body = alert_body(stored, request.now, request.language)
    return answer(body, headers={"ETag": f'"{stored.alert.revision}"'})


def may_see(request: KeyedRequest, stored: reads.StoredAlert) -> bool:
    """Tell whether who handles an alert may see all of it: even its revision would tell of ratings."""
    return request.caller.reads_alerts and not silent(stored.alert, stored.circumstances)


async def shown_alert(db: Db, alert_id: UUID, shadow: bool = False) -> reads.StoredAlert:
    """Return an alert that is shown; raises the 404 of one that is not there, or that a safety hold keeps quiet."""
    stored = there(await reads.alert_by_id(db, alert_id, shadow))
    return there(None if silent(stored.alert, stored.circumstances) else stored)


class AlertsPublic(Page[AlertPublic]):
    """One page of alerts, and where to go on with the changes that come after the first page."""

    changes_cursor: str = Field(description="`after` for the changes of these alerts; the same on every page")


@router.get(
    "/v1/alerts",
    response_model=AlertsPublic,
    responses=READING,
    openapi_extra=needs("alerts:read", tokens=True, speaks=True),
)
async def list_alerts(
    request: KeyedRequest,
    state: Annotated[list[State] | None, Query()] = None,
    handling: Annotated[list[Handling] | None, Query()] = None,
    severity: Annotated[list[Severity] | None, Query()] = None,
    rule: Annotated[list[Code] | None, Query(max_length=50)] = None,
    tone: Annotated[list[Tone] | None, Query()] = None,
    case_id: Annotated[list[Id] | None, Query(max_length=50)] = None,
    therapist_id: Annotated[list[Id] | None, Query(max_length=50)] = None,
    changed_after: Annotated[Time | None, Query()] = None,
    shadow: Shadow = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """Return alerts, the newest change first. No alert never means that a family is safe."""
    before = place_of(request, cursor, int, str)
    wanted = reads.AlertFilter(
        states=state or (),
        handlings=handling or (),
        severities=severity or (),
        rules=rule or (),
        tones=tone or (),
        case_ids=case_id or (),
        therapist_ids=therapist_id or (),
        changed_after=changed_after,
        silent_on_hold=silent_rules(),
        shadow=shadow,
    )
    filters = filters_of(request)
    since = change_place(filters, before[1]) if before else None
    now = request.now
    async with request.reading() as db:
        since = since or await newest_place(db)
        found = await reads.alert_page(db, wanted, now, before[0] if before else None, limit + 1)
    changes_cursor = change_cursor(filters, since)
    shown = [
        (alert_body(stored, now, request.language), [stored.alert.change_number, changes_cursor]) for stored in found
    ]
    return page_of(request, limit, shown, changes_cursor=changes_cursor)


@router.get(
    "/v1/alerts/{alert_id}",
    response_model=AlertPublic,
    responses=READING,
    openapi_extra=needs("alerts:read", tokens=True, speaks=True),
)
async def get_alert(request: KeyedRequest, alert_id: UUID, shadow: Shadow = False) -> Response:
    """Return an alert with all that it rests on."""
    async with request.reading() as db:
        stored = await shown_alert(db, alert_id, shadow)
    return alert_answer(request, stored)


class Until(Body):
    """How long a snooze lasts: some held sessions, or until the start of a day in UTC."""

    sessions: Annotated[int, Field(strict=True, ge=1, le=20)] | None = None
    date: Day | None = None

    @model_validator(mode="after")
    def _one(self) -> "Until":
        if (self.sessions is None) == (self.date is None):
            raise Told("sessions-or-date", "Either sessions or a date is needed, not both.")
        return self


class HandlingCreate(Body):
    """One act of handling; `id` is made by the client, so that sending it again changes nothing."""

    id: Id
    action: Action
    by: PersonId
    at: Time | None = None
    until: Until | None = Field(default=None, description="how long a snooze lasts")
    reason: DismissalReason | None = Field(default=None, description="why it was dismissed")
    handling_revision: Annotated[int, Field(strict=True, ge=0)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> "HandlingCreate":
        if (self.action is Action.snooze) != (self.until is not None):
            raise Told("until-with-snooze", "A snooze, and only a snooze, says until when.", "until")
        if (self.action is Action.dismiss) != (self.reason is not None):
            raise Told("reason-with-dismiss", "A dismissal, and only a dismissal, says why.", "reason")
        return self


def act_of(body: HandlingCreate) -> Act:
    """Return the act of a body."""
    return Act(
        id=body.id,
        action=body.action,
        by=body.by,
        at=body.at,
        sessions=body.until.sessions if body.until else None,
        until=body.until.date if body.until else None,
        reason=body.reason,
        handling_revision=body.handling_revision,
    )


@router.post(
    "/v1/alerts/{alert_id}/handling",
    response_model=AlertPublic | HandlingPublic,
    responses=WRITING,
    openapi_extra=needs("alerts:handle", tokens=True, speaks=True),
)
async def post_handling(request: KeyedRequest, alert_id: UUID, body: HandlingCreate) -> Response:
    """Acknowledge, snooze or dismiss an alert, or take that back."""
    caller, now = request.caller, request.now
    caller.speaks_for(body.by)
    stored = there(accepted(await handle(request.service.engine, caller, alert_id, act_of(body), now)).alert)
    if not may_see(request, stored):
        return answer(handling_document(stored.alert, stored.course, now))
    return alert_answer(request, stored)
