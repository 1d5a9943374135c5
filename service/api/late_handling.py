"""What a phone that was offline did meanwhile: many acts of handling at once, each with a fate of its own."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, SkipValidation, ValidationError
from starlette.responses import Response

from service.api.alert_documents import handling_document
from service.api.alerts import HandlingCreate, act_of, alert_body, may_see
from service.api.answers import WRITING, answer
from service.api.documents import Document
from service.api.errors import Problem, ProblemPublic, invalid, refused, unfit
from service.api.fields import Body, shown_time
from service.api.keyed import KeyedRequest, KeyedRoute, needs
from service.api.models import AlertPublic, HandlingPublic
from service.catching_up import CaughtUp, Ended, Late, catch_up
from service.domain.catching_up import Fate, Taken
from service.domain.commands import Refusal

MOST = 200  # acts at once

router = APIRouter(route_class=KeyedRoute, tags=["alerts"])


class LateHandlingCreate(HandlingCreate):
    """One act that was done with an alert, at a time; a time ahead of ours counts as now."""

    alert_id: UUID


class LateHandlingsCreate(Body):
    """Acts in any order; each is judged by the time at which it was done, and refused for itself."""

    items: Annotated[list[SkipValidation[LateHandlingCreate]], Field(min_length=1, max_length=MOST)]


class FirstPublic(BaseModel):
    id: str
    action: str
    by: str
    at: str


class FatePublic(BaseModel):
    """What became of one act."""

    outcome: Fate
    alert: AlertPublic | HandlingPublic | None = Field(description="as it stands after all of the acts")
    first: FirstPublic | None = Field(description="who was first, where that overtook it")
    problem: ProblemPublic | None = Field(description="why it was refused")


class FatesPublic(BaseModel):
    """The fates in the order in which the acts were sent."""

    items: list[FatePublic]


@router.post(
    "/v1/handling/batch",
    response_model=FatesPublic,
    responses=WRITING,
    openapi_extra=needs("alerts:handle", tokens=True, speaks=True),
)
async def post_late_handlings(request: KeyedRequest, body: LateHandlingsCreate) -> Response:
    """Take in what was done offline: late, twice, out of order. As if each had come in time, the latest act stands."""
    read = [_read(request, place, item) for place, item in enumerate(body.items)]
    late = [item for item in read if not isinstance(item, Problem)]
    caller = request.caller
    try:
        done = await catch_up(request.service.engine, caller, late, request.now, caller.reads_alerts)
    except Ended:
        raise refused(Refusal("key-revoked")) from None
    fates = iter(done)
    items = [_refused(item) if isinstance(item, Problem) else _fate(request, item, next(fates)) for item in read]
    return answer({"items": items})


def _read(request: KeyedRequest, place: int, item: Any) -> Late | Problem:
    """Return one act, or why it does not fit."""
    try:
        act = LateHandlingCreate.model_validate(item)
        request.caller.speaks_for(act.by)
    except ValidationError as error:
        return unfit([{**fault, "loc": ("body", "items", place, *fault["loc"])} for fault in error.errors()])
    except Problem as problem:
        return invalid(*(replace(fault, pointer=f"/items/{place}{fault.pointer}") for fault in problem.faults))
    return act.alert_id, act_of(act)


def _fate(request: KeyedRequest, late: Late, done: CaughtUp) -> Document:
    problem = None if done.refusal is None else refused(done.refusal).document()
    return {"outcome": done.fate.value, "alert": _alert(request, done), "first": _first(done.first), "problem": problem}


def _refused(problem: Problem) -> Document:
    return {"outcome": Fate.refused.value, "alert": None, "first": None, "problem": problem.document()}


def _alert(request: KeyedRequest, done: CaughtUp) -> Document | None:
    stored, now = done.alert, request.now
    if stored is None:
        return None
    if not may_see(request, stored):
        return handling_document(stored.alert, stored.course, now)
    return alert_body(stored, now, request.language)


def _first(first: Taken | None) -> Document | None:
    if first is None:
        return None
    return {**{name: first.body[name] for name in ("id", "action", "by")}, "at": shown_time(first.at)}
