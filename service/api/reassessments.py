"""Reassessments: every case of the organization judged anew by the rules as they are now, a job that takes its time."""

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer
from service.api.documents import Document
from service.api.fields import Body, Id
from service.api.jobs import (
    Counted,
    DifferencePublic,
    JobId,
    JobPublic,
    begun,
    cancelled,
    difference_page,
    job_document,
    job_page,
    read_job,
)
from service.api.keyed import KeyedRequest, KeyedRoute, needs
from service.api.paging import Cursor, Limit, Page
from service.domain.job import Job, JobKind, Progress

router = APIRouter(route_class=KeyedRoute, tags=["jobs"])

KIND = JobKind.reassessment


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
    dry_run = request.dry_run
    if dry_run:
        request.caller.require("course:read")
    job = Job(kind=KIND, id=body.id, asked={"dry_run": dry_run}, created_at=request.now)
    return await begun(request, job, reassessment_document)


@router.get(
    "/v1/reassessments", response_model=Page[ReassessmentPublic], responses=READING, openapi_extra=needs("admin")
)
async def list_reassessments(request: KeyedRequest, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return every reassessment, the newest first."""
    return await job_page(request, KIND, limit, cursor, reassessment_document)


@router.get(
    "/v1/reassessments/{reassessment_id}",
    response_model=ReassessmentPublic,
    responses=READING,
    openapi_extra=needs("admin"),
)
async def get_reassessment(request: KeyedRequest, reassessment_id: JobId) -> Response:
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
    request: KeyedRequest, reassessment_id: JobId, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Return alert by alert what a dry run found to differ; what was stored can be seen on the alerts themselves."""
    return await difference_page(request, KIND, reassessment_id, limit, cursor)


@router.delete(
    "/v1/reassessments/{reassessment_id}",
    response_model=ReassessmentPublic,
    responses=WRITING,
    openapi_extra=needs("admin"),
)
async def delete_reassessment(request: KeyedRequest, reassessment_id: JobId) -> Response:
    """Cancel a reassessment: cases that were judged stay so, the others stay as they are; again changes nothing."""
    return await cancelled(request, KIND, reassessment_id, reassessment_document)


def reassessment_document(job: Job, progress: Progress, counts: Counted | None = None) -> Document:
    """Return a reassessment as it goes out."""
    return {
        **job_document(job, progress, counts),
        "dry_run": job.asked["dry_run"],
        "alerts_changed": progress.alerts_changed,
    }
