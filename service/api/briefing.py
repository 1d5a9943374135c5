"""A case's briefing: five lines to read before the session."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from service.api.alert_documents import silent
from service.api.answers import READING, answer
from service.api.cases import CaseId
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.course import course_sessions
from service.db import reads
from service.domain.briefing import LOOKED_BACK, briefing
from service.domain.handling import handling_now
from service.domain.reconcile import Handling

router = APIRouter(route_class=KeyedRoute, tags=["course"])

LATEST = 4 * LOOKED_BACK  # sessions of the course; some of them may have been no-shows


class LinePublic(BaseModel):
    """One line: `members` and `rules` are what it speaks of."""

    topic: Literal["ask-first", "changed", "no-voice", "not-jointly", "say"]
    text: str
    members: list[str]
    rules: list[str]


class BriefingPublic(BaseModel):
    """Five lines in this order; `last_session_id` is the held session up to which they speak."""

    case_id: str
    last_session_id: str | None
    held_sessions: int
    lines: list[LinePublic]


@router.get(
    "/v1/cases/{case_id}/briefing",
    response_model=BriefingPublic,
    responses=READING,
    openapi_extra=needs("course:read", "alerts:read", tokens=True, speaks=True),
)
async def get_briefing(request: KeyedRequest, case_id: CaseId) -> Response:
    """Return five lines before a session: whom to ask first, what changed, who has no voice, what not to raise
    jointly, one sentence to say. They are drawn from alerts, forms and
    what was told of hope alone.
    """
    async with request.reading() as db:
        case = there(await reads.case_by_id(db, case_id))
        found = await course_sessions(db, case, None, LATEST)
        alerts = await reads.alerts_of_case(db, case_id)
    held, now = [item.session for item in found if item.session.held], request.now
    shown = [
        alert.concern
        for alert in alerts
        if not alert.retracted
        and not silent(alert, case.circumstances)
        and handling_now(alert, case.course.held_sessions, now) is not Handling.dismissed
    ]
    family = found[-1].figures.family if found else case.record.family
    walls = [(one, other) for one, other in case.record.facts["walls"]]
    say = request.language.say
    lines = briefing(shown, held, case.course.held_sessions, family, case.circumstances, walls)
    return answer(
        {
            "case_id": case_id,
            "last_session_id": case.course.last_session_id,
            "held_sessions": case.course.held_sessions,
            "lines": [
                {"topic": line.topic, "text": line.text(say), "members": list(line.members), "rules": list(line.rules)}
                for line in lines
            ],
        }
    )
