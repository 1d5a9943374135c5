"""A job: something done to every case of an organization, some cases at a time, for as long as it takes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.domain.commands import Document


class JobKind(StrEnum):
    """What is done: stored alerts brought in line with the rules as they are now, or only held against other rules."""

    reassessment = "reassessment"
    backtest = "backtest"


class JobState(StrEnum):
    waiting = "waiting"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job by the id that its client made; `asked` is all that was said of it."""

    kind: JobKind
    id: str
    asked: Document
    created_at: datetime
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job has come.

    `cases` are those there were when it began, `cases_failed` those of chunks that could not be judged; `open` chunks
    are still to be done, `over` are not; `latest_at` is when the last of these was.
    """

    cases: int
    cases_done: int = 0
    cases_failed: int = 0
    alerts_changed: int = 0
    member_sessions: int = 0
    open: int = 0
    over: int = 0
    latest_at: datetime | None = None


def state_of(job: Job, progress: Progress) -> JobState:
    """Return the state of a job, which follows from how far it has come."""
    if job.cancelled_at is not None:
        return JobState.cancelled
    if progress.open:
        return JobState.running if progress.over else JobState.waiting
    return JobState.failed if progress.cases_failed else JobState.done
