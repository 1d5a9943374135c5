"""A case's course: its sessions in order with ratings, balances and levels; trends; concerns."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from service.api.alert_documents import alert_documents
from service.api.alerts import Shadow
from service.api.answers import READING, UNCHANGED, content_of, unless_known
from service.api.cases import CaseId
from service.api.documents import (
    Document,
    balance_document,
    levels_document,
    rating_document,
    rounded,
)
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.models import AlertPublic, BalancePublic, LevelsPublic, StoredRatingPublic
from service.api.paging import Cursor, cursor_to, place_of
from service.api.sessions import SessionPublic, stored_session_document
from service.course import CourseSession, course_sessions
from service.db import reads
from service.domain.trends import trends

router = APIRouter(route_class=KeyedRoute, tags=["course"])


class CourseSessionPublic(SessionPublic):
    """A session of a course; `number` counts held sessions."""

    number: int | None
    ratings: list[StoredRatingPublic]
    balances: list[BalancePublic]
    levels: list[LevelsPublic]


class TrendPublic(BaseModel):
    """How a series has gone over the sessions shown, in percent and percent per rated session."""

    subject: list[str]
    series: str
    n: int
    mean: float
    sd: float | None
    slope: float | None


class CoursePublic(BaseModel):
    """A course, newest session last; `next_cursor` goes back in time by `before`."""

    case_id: str
    sessions: list[CourseSessionPublic]
    trends: list[TrendPublic]
    concerns: list[AlertPublic] | None
    withheld: list[str]
    next_cursor: str | None


@router.get(
    "/v1/cases/{case_id}/course",
    response_model=CoursePublic,
    responses={**UNCHANGED, **READING},
    openapi_extra=needs("course:read", tokens=True, speaks=True),
)
async def get_course(
    request: KeyedRequest,
    case_id: CaseId,
    last: Annotated[int, Query(ge=1, le=200, description="how many sessions at most")] = 50,
    before: Cursor = None,
    shadow: Shadow = False,
) -> Response:
    """Return the latest sessions of a case, what they show, and the concerns about them."""
    place = place_of(request, before, datetime, str)
    now, shows_alerts = request.now, request.caller.reads_alerts
    async with request.reading() as db:
        case = there(await reads.case_by_id(db, case_id))
        found = await course_sessions(db, case, place, last + 1)
        alerts = await reads.alerts_of_case(db, case_id, shadow) if shows_alerts else []
    shown = found[-last:]
    standing = [alert for alert in alerts if not alert.retracted]
    document = {
        "case_id": case_id,
        "sessions": [_session(item) for item in shown],
        "trends": _trends(shown),
        "concerns": alert_documents(standing, case.circumstances, case.course, now, request.language)
        if shows_alerts
        else None,
        "withheld": [] if shows_alerts else ["concerns"],
        "next_cursor": cursor_to(request, _place(shown[0])) if len(found) > last else None,
    }
    return unless_known(request, content_of(document))


def _session(item: CourseSession) -> Document:
    return {
        **stored_session_document(item.stored),
        "number": item.number,
        "ratings": [rating_document(record, item.references) for record in item.ratings],
        "balances": [balance_document(balance) for balance in item.figures.balances],
        "levels": [levels_document(levels) for levels in item.figures.levels],
    }


def _trends(shown: list[CourseSession]) -> list[Document]:
    return [
        {
            "subject": [trend.subject],
            "series": trend.series,
            "n": trend.n,
            "mean": rounded(trend.mean),
            "sd": rounded(trend.sd),
            "slope": rounded(trend.slope),
        }
        for trend in trends(item.session for item in shown)
    ]


def _place(item: CourseSession) -> list[str]:
    return [item.session.held_at.isoformat(), item.session.session_id]
