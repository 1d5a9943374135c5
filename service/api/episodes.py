"""Rupture episodes of a case: what a clinician confirms about its alerts."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer
from service.api.cases import CaseId
from service.api.documents import Document
from service.api.errors import accepted
from service.api.fields import ID, Body, Id, PersonId, Time, shown_time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.api.repairs import NextStep
from service.confirming import confirm
from service.db.episodes import episode_page, has_alerts
from service.domain.episode import Confirmed, Episode, EpisodeOutcome

router = APIRouter(route_class=KeyedRoute, tags=["alerts"])

MemberReference = Annotated[str, Field(pattern=rf"^member/{ID}$")]


class EpisodeCreate(Body):
    """One episode; `id` is made by the client, so that sending it again changes nothing. Lists have no order."""

    id: Id
    alert_ids: Annotated[list[UUID], Field(min_length=1, max_length=64, description="of alerts of this case")]
    first_session_id: Id
    last_session_id: Id
    members: Annotated[list[MemberReference], Field(min_length=1, max_length=64)]
    tried: Annotated[list[NextStep], Field(default_factory=list, max_length=64)]
    outcome: EpisodeOutcome
    by: PersonId
    at: Time | None = None
    replaces: Id | None = Field(default=None, description="an earlier episode of this case that this one corrects")


class EpisodePublic(BaseModel):
    """An episode; one that another `replaced_by` corrects stays listed, as history does."""

    id: str
    case_id: str
    alert_ids: list[str]
    first_session_id: str
    last_session_id: str
    members: list[str]
    tried: list[str]
    outcome: EpisodeOutcome
    by: str
    at: str
    replaces: str | None
    replaced_by: str | None


@router.post(
    "/v1/cases/{case_id}/episodes",
    response_model=EpisodePublic,
    responses=WRITING,
    openapi_extra=needs("alerts:handle", tokens=True),
)
async def post_episode(request: KeyedRequest, case_id: CaseId, body: EpisodeCreate) -> Response:
    """Confirm that alerts of a case belong to one rupture episode, and how it ended."""
    caller = request.caller
    caller.speaks_for(body.by)
    episode = Episode(
        id=body.id,
        alert_ids=tuple(sorted({str(alert_id) for alert_id in body.alert_ids})),
        first_session_id=body.first_session_id,
        last_session_id=body.last_session_id,
        members=tuple(sorted(set(body.members))),
        tried=tuple(sorted(set(body.tried))),
        outcome=body.outcome,
        by=body.by,
        at=body.at,
        replaces=body.replaces,
    )
    done = accepted(await confirm(request.service.engine, caller, case_id, episode, request.now))
    return answer(episode_document(case_id, there(done.episode)))


@router.get(
    "/v1/cases/{case_id}/episodes",
    response_model=Page[EpisodePublic],
    responses=READING,
    openapi_extra=needs("alerts:read", tokens=True),
)
async def list_episodes(request: KeyedRequest, case_id: CaseId, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return the episodes of a case in the order in which they were told; a case without alerts is not there."""
    place = place_of(request, cursor, datetime, str)
    async with request.reading() as db:
        there(True if await has_alerts(db, case_id) else None)
        found = await episode_page(db, case_id, place, limit + 1)
    shown = [(episode_document(case_id, item), [item.received_at.isoformat(), item.id]) for item in found]
    return page_of(request, limit, shown)


def episode_document(case_id: str, confirmed: Confirmed) -> Document:
    """Return an episode as it goes out."""
    names = ("alert_ids", "first_session_id", "last_session_id", "members", "tried", "outcome", "by", "replaces")
    return {
        "id": confirmed.id,
        "case_id": case_id,
        **{name: confirmed.body[name] for name in names},
        "at": shown_time(confirmed.at),
        "replaced_by": confirmed.replaced_by,
    }
