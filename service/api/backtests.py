"""Backtests: rules set otherwise, tried on all that is stored; which alerts would appear, vanish or move."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from service.api.answers import READING, WRITING, answer
from service.api.documents import Document
from service.api.fields import Body, Code, Id
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
from service.db.rulebooks import rulebook
from service.domain.job import Job, JobKind, Progress
from service.domain.rulebook import Mode
from service.domain.trial import checked_trial

router = APIRouter(route_class=KeyedRoute, tags=["jobs"])

KIND = JobKind.backtest


class RuleTrial(Body):
    """How a rule is set on trial, all of it, as if it were put there."""

    mode: Mode | None = None
    parameters: Annotated[dict[str, Any], Field(default_factory=dict, max_length=64, description="some or all of them")]


class BacktestCreate(Body):
    """`id` is made by the client: asking for the same again begins nothing new, and takes up what was interrupted."""

    id: Id
    program: Code | None = Field(default=None, description="for whose cases they are set so; null: the organization's")
    rules: Annotated[dict[Code, RuleTrial], Field(min_length=1, max_length=64, description="by their codes")]


class BacktestPublic(JobPublic):
    """A backtest; in `rules`, `before` are the rules in force and `after` those on trial."""

    program: str | None
    trial: dict[str, RuleTrial]


@router.post(
    "/v1/backtests",
    response_model=BacktestPublic,
    status_code=201,
    responses={200: {"model": BacktestPublic}, **WRITING},
    openapi_extra=needs("admin"),
)
async def post_backtest(request: KeyedRequest, body: BacktestCreate) -> Response:
    """Try rules set otherwise on every case as it is stored; nothing but what would differ is kept, nothing is sent.

    Either way a course is judged by one set of rules from its first session on.
    """
    sent = {code: trial.model_dump() for code, trial in body.rules.items()}
    async with request.reading() as db:
        asked = checked_trial(await rulebook(db), body.program, sent, request.now)
    job = Job(kind=KIND, id=body.id, asked=asked, created_at=request.now)
    return await begun(request, job, backtest_document)


@router.get("/v1/backtests", response_model=Page[BacktestPublic], responses=READING, openapi_extra=needs("admin"))
async def list_backtests(request: KeyedRequest, limit: Limit = 50, cursor: Cursor = None) -> Response:
    """Return every backtest, the newest first."""
    return await job_page(request, KIND, limit, cursor, backtest_document)


@router.get(
    "/v1/backtests/{backtest_id}", response_model=BacktestPublic, responses=READING, openapi_extra=needs("admin")
)
async def get_backtest(request: KeyedRequest, backtest_id: JobId) -> Response:
    """Return how far a backtest has come, and what would differ so far by rule."""
    return answer(backtest_document(*await read_job(request, KIND, backtest_id)))


@router.get(
    "/v1/backtests/{backtest_id}/differences",
    response_model=Page[DifferencePublic],
    responses=READING,
    openapi_extra=needs("admin", "alerts:read"),
)
async def list_backtest_differences(
    request: KeyedRequest, backtest_id: JobId, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    """Return alert by alert what would differ."""
    return await difference_page(request, KIND, backtest_id, limit, cursor)


@router.delete(
    "/v1/backtests/{backtest_id}", response_model=BacktestPublic, responses=WRITING, openapi_extra=needs("admin")
)
async def delete_backtest(request: KeyedRequest, backtest_id: JobId) -> Response:
    """Cancel a backtest; what it found so far stays. Again changes nothing."""
    return await cancelled(request, KIND, backtest_id, backtest_document)


def backtest_document(job: Job, progress: Progress, counts: Counted | None = None) -> Document:
    """Return a backtest as it goes out."""
    return {**job_document(job, progress, counts), "program": job.asked["program"], "trial": job.asked["rules"]}
