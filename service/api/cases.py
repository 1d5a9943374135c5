"""The family: who belongs to it, which subsystems it has, who treats it and when."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer, written
from service.api.documents import Document, case_document
from service.api.fields import ID, Body, Code, Day, Flag, Id, PersonId
from service.api.keyed import KeyedRequest, KeyedRoute, needs, refuse, revision_asked, there
from service.api.paging import Cursor, Limit, Page, page_of, place_of
from service.db import reads
from service.db.roles import roles_of_raters
from service.domain.commands import PatchCase, PutCase
from service.domain.facts import MEMBER_DEFAULTS, MOST
from service.domain.model import MemberRole
from service.domain.noted import AgeBand, ChecklistPoint, PointState, VoiceState
from service.writing import Outcome

router = APIRouter(route_class=KeyedRoute, tags=["cases"])

CaseId = Annotated[str, Path(pattern=f"^{ID}$")]
Modality = Literal["individual", "couple", "family"]
Membership = Literal["open", "fixed"]


class DecidedUpdate(Body):
    """In which session something was decided, on which day, or both."""

    decided_in: Id | None = Field(default=None, description="a session of this case")
    decided_on: Day | None = Field(default=None, description="a day, in UTC")


class VoiceUpdate(DecidedUpdate):
    """What was decided about a member who does not speak in the room."""

    state: VoiceState


class MemberUpdate(Body):
    """A place in the family, not an age; `expected` false belongs to the family but not to the room."""

    role: MemberRole
    active: Flag = True
    expected: Flag = True
    index: Flag = False
    supporter: Flag = Field(default=False, description="helps from outside the room; nobody waits for them in it")
    age_band: AgeBand | None = None
    voice: VoiceUpdate | None = Field(default=None, description="null: nobody has decided to go on without theirs")


class PointUpdate(DecidedUpdate):
    """A point of the engagement checklist: open, or decided in a session or on a day."""

    state: PointState


class PeriodUpdate(Body):
    """A stretch of treatment; how it ended closes what is still open."""

    from_: Day = Field(alias="from")
    to: Day | None = None
    ended_as: Literal["completed", "dropped-out", "transferred", "other"] | None = None


Members = Annotated[dict[PersonId, MemberUpdate], Field(max_length=MOST["members"])]
Group = Annotated[list[Id], Field(max_length=MOST["members"])]
Subsystems = Annotated[dict[Code, Group], Field(max_length=MOST["subsystems"])]
People = Annotated[list[PersonId], Field(max_length=32)]
Periods = Annotated[list[PeriodUpdate], Field(max_length=64)]
Checklist = dict[ChecklistPoint, PointUpdate]
Wall = Annotated[list[Id], Field(min_length=2, max_length=2)]
Walls = Annotated[list[Wall], Field(max_length=64, description="pairs of members who must not know each other's times")]


class CaseUpdate(Body):
    """The announced facts of a case; what is left out is set to its default."""

    modality: Modality = "family"
    program: Code | None = None
    membership: Membership = "open"
    mandated: Flag = False
    safety_hold: Flag = Field(default=False, description="set by the clinician; no reason is stored")
    members: Members = Field(default_factory=dict)
    subsystems: Subsystems = Field(default_factory=dict)
    therapists: People = Field(default_factory=list)
    periods: Periods = Field(default_factory=list)
    checklist: Checklist = Field(default_factory=dict)
    walls: Walls = Field(default_factory=list)


class VoicePatch(DecidedUpdate):
    state: VoiceState | None = None


class PointPatch(DecidedUpdate):
    state: PointState | None = None


class MemberPatch(Body):
    role: MemberRole | None = None
    active: Flag | None = None
    expected: Flag | None = None
    index: Flag | None = None
    supporter: Flag | None = None
    age_band: AgeBand | None = None
    voice: VoicePatch | None = None


class CasePatch(Body):
    """A merge patch (RFC 7396): maps merge by key, null removes or restores the default."""

    modality: Modality | None = None
    program: Code | None = None
    membership: Membership | None = None
    mandated: Flag | None = None
    safety_hold: Flag | None = None
    members: Annotated[dict[PersonId, MemberPatch | None], Field(max_length=MOST["members"])] | None = None
    subsystems: Annotated[dict[Code, Group | None], Field(max_length=MOST["subsystems"])] | None = None
    therapists: People | None = None
    periods: Periods | None = None
    checklist: dict[ChecklistPoint, PointPatch | None] | None = None
    walls: Walls | None = None


class CasePublic(CaseUpdate):
    """A case; `members` has those who joined by rating too, for keys that may read the course."""

    case_id: str
    announced: bool
    revision: int
    created_at: str
    changed_at: str
    dry_run: bool = Field(default=False, description="true: nothing of this was stored")


def case_facts(body: CaseUpdate) -> Document:
    """Return a body as the facts that are stored; what names the thing itself is no fact of it."""
    return body.model_dump(mode="json", by_alias=True, include=set(CaseUpdate.model_fields))


@router.put(
    "/v1/cases/{case_id}",
    response_model=CasePublic,
    responses={201: {"model": CasePublic, "description": "New"}, **WRITING},
    openapi_extra=needs("cases:write", if_match=True, dry_run=True),
)
async def put_case(request: KeyedRequest, case_id: CaseId, body: CaseUpdate) -> Response:
    """Announce a case, or replace what was announced; `If-Match` optional."""
    command = PutCase(
        key_id=request.caller.key_id,
        received_at=request.now,
        case_id=case_id,
        facts=case_facts(body),
        if_match=revision_asked(request),
    )
    return _answered(request, await request.submit(command))


@router.patch(
    "/v1/cases/{case_id}",
    response_model=CasePublic,
    responses=WRITING,
    openapi_extra=needs("cases:write", if_match=True, dry_run=True),
)
async def patch_case(request: KeyedRequest, case_id: CaseId, body: CasePatch) -> Response:
    """Change some facts of a case by a merge patch."""
    command = PatchCase(
        key_id=request.caller.key_id,
        received_at=request.now,
        case_id=case_id,
        patch=body.model_dump(mode="json", by_alias=True, exclude_unset=True),
        if_match=revision_asked(request),
    )
    return _answered(request, await request.submit(command))


def _answered(request: KeyedRequest, outcome: Outcome) -> Response:
    """Return the answer to a write: the announced facts alone, which rest on nobody's ratings."""
    refuse(outcome)
    case = there(outcome.case)
    return written(outcome, case_document(case), case.revision, f"/v1/cases/{case.case_id}", request.dry_run)


@router.get(
    "/v1/cases/{case_id}",
    response_model=CasePublic,
    responses=READING,
    openapi_extra=needs("course:read", tokens=True),
)
async def get_case(request: KeyedRequest, case_id: CaseId) -> Response:
    """Return a case with all its members, those who joined by rating too."""
    async with request.reading() as db:
        case = there(await reads.case_by_id(db, case_id))
        roles = await roles_of_raters(db, [case_id])
    return answer(_grown(case, roles[case_id]), headers={"ETag": f'"{case.record.revision}"'})


@router.get(
    "/v1/cases",
    response_model=Page[CasePublic],
    responses=READING,
    openapi_extra=needs("course:read", tokens=True),
)
async def list_cases(request: KeyedRequest, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return the cases of the organization in the order of their ids."""
    after = place_of(request, cursor, str)
    async with request.reading() as db:
        found = await reads.case_page(db, after[0] if after else None, limit + 1)
        roles = await roles_of_raters(db, [case.record.case_id for case in found])
    shown = [(_grown(case, roles[case.record.case_id]), [case.record.case_id]) for case in found]
    return page_of(request, limit, shown)


def _grown(case: reads.StoredCase, roles: dict[str, str]) -> Document:
    document = case_document(case.record)
    joined: dict[str, Any] = {
        member_id: {**MEMBER_DEFAULTS, "role": role}
        for member_id, role in roles.items()
        if member_id not in document["members"]
    }
    return {**document, "members": {**document["members"], **joined}}
