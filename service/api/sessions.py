"""Therapy sessions: when they took place, who came, what was observed, which tasks and goals there were."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator, Field
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer, written
from service.api.cases import CaseId, People
from service.api.documents import Document, session_document
from service.api.errors import Told
from service.api.fields import ID, Body, Code, Flag, Id, PersonId, Reference, Time
from service.api.keyed import KeyedRequest, KeyedRoute, needs, refuse, revision_asked, there
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.db import reads
from service.domain.commands import PatchSession, PutSession
from service.domain.facts import EMPTY_SESSION, MOST, time_of
from service.domain.indicators import KINDS
from service.domain.model import Attendance, SessionStatus, TaskOutcome
from service.writing import Outcome

router = APIRouter(route_class=KeyedRoute, tags=["sessions"])

SessionId = Annotated[str, Path(pattern=f"^{ID}$")]


def _known_kind(value: str) -> str:
    if value not in KINDS:
        raise Told("unknown-kind", "There is no such kind of indicator; allegations belong into the EHR.")
    return value


Kind = Annotated[Code, AfterValidator(_known_kind)]
Grade = Annotated[int, Field(strict=True, ge=1, le=3)]
Person = Annotated[str, Field(pattern=rf"^(member|therapist|observer)/{ID}$")]


class IndicatorUpdate(Body):
    """An observed behaviour: who, toward whom, how strong from 1 to 3, and who reports it."""

    kind: Kind
    from_: Person = Field(alias="from")
    toward: Reference | None = None
    severity: Grade
    source: Person


class TaskUpdate(Body):
    """A task between sessions, as reviewed in this one."""

    member: PersonId
    assigned_session_id: Id | None = None
    outcome: TaskOutcome


class DiscussedUpdate(Body):
    """A concern that was talked about in this session."""

    rule: Code
    subject: Annotated[list[Reference], Field(min_length=1, max_length=2)]


class ReadingUpdate(Body):
    """Readiness or hope from 0 (none) to 10, and who says so."""

    value: Annotated[int, Field(strict=True, ge=0, le=10)]
    source: Person


Readings = Annotated[dict[PersonId, ReadingUpdate], Field(max_length=MOST["readiness"])]
Goals = Annotated[list[Code], Field(max_length=32)]
Discussed = Annotated[list[DiscussedUpdate], Field(max_length=64)]


class SessionUpdate(Body):
    """The announced facts of a session; what is left out is set to its default."""

    held_at: Time | None = None
    status: SessionStatus = SessionStatus.held
    therapists: People = Field(default_factory=list)
    next_planned_at: Time | None = None
    attendance: Annotated[dict[PersonId, Attendance], Field(max_length=MOST["attendance"])] = Field(
        default_factory=dict
    )
    indicators_observed: Flag | None = Field(default=None, description="absent or false: nobody looked")
    indicators: Annotated[dict[Id, IndicatorUpdate], Field(max_length=MOST["indicators"])] = Field(default_factory=dict)
    tasks: Annotated[dict[Id, TaskUpdate], Field(max_length=MOST["tasks"])] = Field(default_factory=dict)
    goals: Annotated[dict[Id, Goals], Field(max_length=MOST["goals"])] = Field(default_factory=dict)
    discussed: Discussed = Field(default_factory=list)
    readiness: Readings = Field(default_factory=dict, description="of each member, to change")
    hope: Readings = Field(default_factory=dict, description="of each member, that things can become better")


class IndicatorPatch(Body):
    kind: Kind | None = None
    from_: Person | None = Field(default=None, alias="from")
    toward: Reference | None = None
    severity: Grade | None = None
    source: Person | None = None


class TaskPatch(Body):
    member: PersonId | None = None
    assigned_session_id: Id | None = None
    outcome: TaskOutcome | None = None


class ReadingPatch(Body):
    value: Annotated[int, Field(strict=True, ge=0, le=10)] | None = None
    source: Person | None = None


class SessionPatch(Body):
    """A merge patch (RFC 7396): maps merge by key, null removes or restores the default."""

    held_at: Time | None = None
    status: SessionStatus | None = None
    therapists: People | None = None
    next_planned_at: Time | None = None
    attendance: Annotated[dict[PersonId, Attendance | None], Field(max_length=MOST["attendance"])] | None = None
    indicators_observed: Flag | None = None
    indicators: Annotated[dict[Id, IndicatorPatch | None], Field(max_length=MOST["indicators"])] | None = None
    tasks: Annotated[dict[Id, TaskPatch | None], Field(max_length=MOST["tasks"])] | None = None
    goals: Annotated[dict[Id, Goals | None], Field(max_length=MOST["goals"])] | None = None
    discussed: Discussed | None = None
    readiness: Annotated[dict[PersonId, ReadingPatch | None], Field(max_length=MOST["readiness"])] | None = None
    hope: Annotated[dict[PersonId, ReadingPatch | None], Field(max_length=MOST["hope"])] | None = None


class SessionPublic(SessionUpdate):
    """A session; `held_at` as announced, else the earliest on its live ratings for keys that may read the course."""

    case_id: str
    session_id: str
    announced: bool
    revision: int
    created_at: str
    changed_at: str
    dry_run: bool = Field(default=False, description="true: nothing of this was stored")


def session_facts(body: SessionUpdate) -> Document:
    """Return a body as the facts that are stored; what names the thing itself is no fact of it."""
    return body.model_dump(mode="json", by_alias=True, include=set(SessionUpdate.model_fields))


@router.put(
    "/v1/cases/{case_id}/sessions/{session_id}",
    response_model=SessionPublic,
    responses={201: {"model": SessionPublic, "description": "New"}, **WRITING},
    openapi_extra=needs("cases:write", if_match=True, dry_run=True),
)
async def put_session(request: KeyedRequest, case_id: CaseId, session_id: SessionId, body: SessionUpdate) -> Response:
    """Announce a session, or replace what was announced; an unknown case is created."""
    command = PutSession(
        key_id=request.caller.key_id,
        received_at=request.now,
        case_id=case_id,
        session_id=session_id,
        facts=session_facts(body),
        if_match=revision_asked(request),
    )
    return _answered(request, await request.submit(command))


@router.patch(
    "/v1/cases/{case_id}/sessions/{session_id}",
    response_model=SessionPublic,
    responses=WRITING,
    openapi_extra=needs("cases:write", if_match=True, dry_run=True),
)
async def patch_session(request: KeyedRequest, case_id: CaseId, session_id: SessionId, body: SessionPatch) -> Response:
    """Change some facts of a session by a merge patch."""
    command = PatchSession(
        key_id=request.caller.key_id,
        received_at=request.now,
        case_id=case_id,
        session_id=session_id,
        patch=body.model_dump(mode="json", by_alias=True, exclude_unset=True),
        if_match=revision_asked(request),
    )
    return _answered(request, await request.submit(command))


def _answered(request: KeyedRequest, outcome: Outcome) -> Response:
    """Return the answer to a write: the announced facts alone, which rest on nobody's ratings."""
    refuse(outcome)
    session = there(outcome.session)
    facts = session.facts or EMPTY_SESSION
    address = f"/v1/cases/{session.case_id}/sessions/{session.session_id}"
    document = session_document(session, facts, time_of(facts["held_at"]))
    return written(outcome, document, session.revision, address, request.dry_run)


@router.get(
    "/v1/cases/{case_id}/sessions/{session_id}",
    response_model=SessionPublic,
    responses=READING,
    openapi_extra=needs("course:read", tokens=True),
)
async def get_session(request: KeyedRequest, case_id: CaseId, session_id: SessionId) -> Response:
    """Return a session."""
    async with request.reading() as db:
        session = there(await reads.session_by_id(db, case_id, session_id))
    return answer(stored_session_document(session), headers={"ETag": f'"{session.record.revision}"'})


@router.get(
    "/v1/cases/{case_id}/sessions",
    response_model=Page[SessionPublic],
    responses=READING,
    openapi_extra=needs("course:read", tokens=True),
)
async def list_sessions(request: KeyedRequest, case_id: CaseId, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return the sessions of a case in the order of the course, those without a time last."""
    after = place_of(request, cursor, datetime, str)
    async with request.reading() as db:
        there(await reads.case_by_id(db, case_id))
        found = await reads.session_page(db, case_id, after, limit + 1)
    return page_of(request, limit, [(stored_session_document(session), _place(session)) for session in found])


def _place(session: reads.StoredSession) -> list[str]:
    return [(session.held_at or reads.FAR).isoformat(), session.record.session_id]


def stored_session_document(session: reads.StoredSession) -> Document:
    """Return a stored session, its therapists those it took from its case where none were announced."""
    facts = session.record.facts or EMPTY_SESSION
    therapists = facts["therapists"] or list(session.record.inherited or ())
    return session_document(session.record, {**facts, "therapists": therapists}, session.held_at)
