"""What reassessments and backtests have in common: beginning and cancelling one, how far it is, what would differ."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.api.alert_documents import silent_rules
from service.api.answers import answer
from service.api.documents import Document, rounded
from service.api.errors import accepted
from service.api.fields import ID, shown_time
from service.api.keyed import KeyedRequest, there
from service.api.paging import page, page_of, place_of
from service.db import jobs
from service.db.ranges import on_hold_among
from service.domain.difference import Change, Move, added_up
from service.domain.facts import time_of
from service.domain.job import Job, JobKind, JobState, Progress, state_of
from service.jobs import begin, cancel

JobId = Annotated[str, Path(pattern=f"^{ID}$")]
Shown = Callable[[Job, Progress], Document]
Counted = Iterable[Mapping[str, Any]]  # what each chunk of a job counted, by rule
State = Literal["waiting", "running", "done", "failed", "cancelled"]
OVER = (JobState.done, JobState.failed, JobState.cancelled)


class RuleCountsPublic(BaseModel):
    """How many alerts of one rule there are before and after, and how those that both have differ."""

    before: int
    after: int
    appeared: int
    vanished: int
    moved: int
    opened_earlier: int
    opened_later: int
    more_severe: int
    less_severe: int
    ended_otherwise: int
    before_per_100: float | None = Field(description="a hundred member-sessions; null without any")
    after_per_100: float | None


class JobPublic(BaseModel):
    """How far a job has come; `cases` are those there were when it was asked for."""

    id: str
    state: State
    cases: int
    cases_done: int
    cases_failed: int = Field(description="could not be judged; asking for the same job again tries once more")
    member_sessions: int = Field(description="how often a member rated, in the cases done so far")
    created_at: str
    ended_at: str | None
    rules: dict[str, RuleCountsPublic] | None = Field(
        description="so far, rules without any alert left out; null in lists"
    )


class SidePublic(BaseModel):
    """An alert as one of two judgements has it."""

    rule_version: int
    severity: Literal["info", "warning", "critical"]
    state: Literal["open", "recovering", "recovered", "closed"]
    state_reason: str | None
    opened_session_id: str
    opened_held_at: str


class DifferencePublic(BaseModel):
    """An alert that the two judgements of its case do not have alike."""

    case_id: str
    rule: str
    subject: list[str]
    change: Literal["appeared", "vanished", "moved"]
    moves: list[Literal["opened-earlier", "opened-later", "more-severe", "less-severe", "ended-otherwise"]]
    alert_id: str | None = Field(description="of the stored alert, where the one before is one")
    before: SidePublic | None
    after: SidePublic | None


def job_document(job: Job, progress: Progress, counts: Counted | None = None) -> Document:
    """Return a job as it goes out, with its counts by rule where they are given."""
    state = state_of(job, progress)
    ended_at = job.cancelled_at or progress.latest_at or job.created_at
    return {
        "id": job.id,
        "state": state.value,
        "cases": progress.cases,
        "cases_done": progress.cases_done,
        "cases_failed": progress.cases_failed,
        "member_sessions": progress.member_sessions,
        "created_at": shown_time(job.created_at),
        "ended_at": shown_time(ended_at) if state in OVER else None,
        "rules": None if counts is None else _by_rule(counts, progress.member_sessions),
    }


def _by_rule(counts: Counted, sessions: int) -> Document:
    names = ("before", "after", *Change, *Move)
    return {
        rule: {
            **{str(name).replace("-", "_"): numbers[str(name)] for name in names},
            **{f"{name}_per_100": _per_100(numbers[name], sessions) for name in ("before", "after")},
        }
        for rule, numbers in added_up(counts).items()
    }


def _per_100(count: int, sessions: int) -> float | None:
    shown: float | None = rounded(100 * count / sessions) if sessions else None
    return shown


async def read_job(request: KeyedRequest, kind: JobKind, job_id: str) -> tuple[Job, Progress, list[dict[str, Any]]]:
    """Return a job, how far it has come, and its counts; raises the 404 of one that is not there."""
    async with request.reading() as db:
        job, progress = there(await jobs.job_by_id(db, kind, job_id))
        return job, progress, await jobs.job_counts(db, kind, job_id)


async def job_page(request: KeyedRequest, kind: JobKind, limit: int, cursor: str | None, document: Shown) -> Response:
    """Return a page of jobs, the newest first."""
    place = place_of(request, cursor, datetime, str)
    async with request.reading() as db:
        found = await jobs.job_page(db, kind, place, limit + 1)
    shown = [(document(job, progress), [job.created_at.isoformat(), job.id]) for job, progress in found]
    return page_of(request, limit, shown)


async def begun(request: KeyedRequest, job: Job, document: Shown) -> Response:
    """Begin a job, or take it up again, and have it done soon; return the answer to it."""
    caller = request.caller
    done = accepted(await begin(request.service.engine, caller.organization_id, caller.key_id, job))
    request.app.state.runner.ask()
    address = f"/v1/{job.kind.value}s/{job.id}"
    return answer(document(there(done.job), there(done.progress)), 201 if done.new else 200, {"Location": address})


async def cancelled(request: KeyedRequest, kind: JobKind, job_id: str, document: Shown) -> Response:
    """Cancel a job, and return the answer to it."""
    caller = request.caller
    where = (request.service.engine, caller.organization_id, caller.key_id)
    done = accepted(await cancel(*where, kind, job_id, request.now))
    return answer(document(there(done.job), there(done.progress)))


async def difference_page(
    request: KeyedRequest, kind: JobKind, job_id: str, limit: int, cursor: str | None
) -> Response:
    """Return a page of what a job found to differ, but what cases on safety hold keep quiet about."""
    place = place_of(request, cursor, int, int)
    async with request.reading() as db:
        there(await jobs.job_by_id(db, kind, job_id))
        found = await jobs.difference_page(db, kind, job_id, place or (0, 0), limit + 1)
        on_hold = await on_hold_among(db, {item["case_id"] for _, item in found})
    quiet = silent_rules()
    shown = [item for _, item in found[:limit] if not (item["case_id"] in on_hold and item["rule"] in quiet)]
    after = list(found[limit - 1][0]) if len(found) > limit else None
    return page(request, [_difference_document(item) for item in shown], after)


def _difference_document(told: Mapping[str, Any]) -> Document:
    return {**told, "before": _side_document(told["before"]), "after": _side_document(told["after"])}


def _side_document(told: Mapping[str, Any] | None) -> Document | None:
    return None if told is None else {**told, "opened_held_at": shown_time(time_of(told["opened_held_at"]))}
