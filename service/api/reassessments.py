"""Reassessments: every case of the organization judged anew by the rules as they are now, a job that takes its time."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer
from service.api.documents import Document
from service.api.errors import refused
from service.api.fields import ID, Body, Id
from service.api.jobs import (
    Counted,
    DifferencePublic,
    JobPublic,
    difference_page,
    have_done,
    job_document,
    read_job,
    read_page,
)
from service.api.keyed import KeyedRequest, KeyedRoute, needs, there
from service.api.paging import Cursor, Limit, Page, page
from service.domain.job import Job, JobKind, Progress
from service.jobs import begin, cancel

router = APIRouter(route_class=KeyedRoute, tags=["jobs"])

KIND = JobKind.reassessment
ReassessmentId = Annotated[str, Path(pattern=f"^{ID}$")]


class ReassessmentCreate(Body):
    """`id` is made by the client: asking for the same again begins nothing new, and takes up what was interrupted."""

    id: Id


class ReassessmentPublic(JobPublic):
    """A reassessment, and how many alerts it changed so far, or with a dry run would change."""

    dry_run: bool
    alerts_changed: int = Field(description="as a reader sees them; others moved in their bookkeeping alone, if at all")


@router.post(
    "/v1/reassessments",
    response_model=ReassessmentPublic,
    status_code=201,
    responses={200: {"model": ReassessmentPublic}, **WRITING},
    openapi_extra=needs("admin", dry_run=True),
)
async def post_reassessment(request: KeyedRequest, body: ReassessmentCreate) -> Response:
    """Judge every case anew by the rules and parameters as they are now, and bring its alerts in line.

    A dry run finds out what would change and stores nothing but that.
    """
    caller, dry_run = request.caller, request.dry_run
    if dry_run:
        caller.require("course:read")
    job = Job(kind=KIND, id=body.id, asked={"dry_run": dry_run}, created_at=request.now)
    done = await begin(request.service.engine, caller.organization_id, caller.key_id, job)
    if done.refusal is not None:
        raise refused(done.refusal)
    have_done(request)
    document = reassessment_document(there(done.job), there(done.progress))
    return answer(document, 201 if done.new else 200, {"Location": f"/v1/reassessments/{body.id}"})


@router.get(
    "/v1/reassessments", response_model=Page[ReassessmentPublic], responses=READING, openapi_extra=needs("admin")
)
async def list_reassessments(request: KeyedRequest, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return every reassessment, the newest first."""
    found, after = await read_page(request, KIND, limit, cursor)
    return page(request, [reassessment_document(*item) for item in found], after)


@router.get(
    "/v1/reassessments/{reassessment_id}",
    response_model=ReassessmentPublic,
    responses=READING,
    openapi_extra=needs("admin"),
)
async def get_reassessment(request: KeyedRequest, reassessment_id: ReassessmentId) -> Response:
    """Return how far a reassessment has come, and what it changed so far by rule."""
    job, progress, counts = await read_job(request, KIND, reassessment_id)
    return answer(reassessment_document(job, progress, counts))


@router.get(
    "/v1/reassessments/{reassessment_id}/differences",
    response_model=Page[DifferencePublic],
    responses=READING,
    openapi_extra=needs("admin", "alerts:read"),
)
async def list_reassessment_differences(
    request: KeyedRequest, reassessment_id: ReassessmentId, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Return alert by alert what a dry run found to differ; what was stored can be seen on the alerts themselves."""
    return await difference_page(request, KIND, reassessment_id, limit, cursor)


@router.delete(
    "/v1/reassessments/{reassessment_id}",
    response_model=ReassessmentPublic,
    responses=WRITING,
    openapi_extra=needs("admin"),
)
async def delete_reassessment(request: KeyedRequest, reassessment_id: ReassessmentId) -> Response:
    """Cancel a reassessment: cases that were judged stay so, the others stay as they are; again changes nothing."""
    caller = request.caller
    where = (request.service.engine, caller.organization_id, caller.key_id)
    done = await cancel(*where, KIND, reassessment_id, request.now)
    if done.refusal is not None:
        raise refused(done.refusal)
    return answer(reassessment_document(there(done.job), there(done.progress)))


def reassessment_document(job: Job, progress: Progress, counts: Counted | None = None) -> Document:
    """Return a reassessment as it goes out."""
    return {
        **job_document(job, progress, counts),
        "dry_run": job.asked["dry_run"],
        "alerts_changed": progress.alerts_changed,
    }
