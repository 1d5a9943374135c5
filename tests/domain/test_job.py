from dataclasses import replace

import pytest

from service.domain.job import Job, JobKind, JobState, Progress, state_of
from tests.factories import NOW

JOB = Job(kind=JobKind.reassessment, id="j-1", asked={"dry_run": False}, created_at=NOW)
CANCELLED = replace(JOB, cancelled_at=NOW)


@pytest.mark.parametrize(
    ("job", "progress", "state"),
    [
        (JOB, Progress(cases=9, open=3), JobState.waiting),
        (JOB, Progress(cases=9, open=2, over=1, cases_done=3), JobState.running),
        (JOB, Progress(cases=9, open=2, over=1, cases_failed=3), JobState.running),
        (JOB, Progress(cases=9, over=3, cases_done=9), JobState.done),
        (JOB, Progress(cases=9, over=3, cases_done=6, cases_failed=3), JobState.failed),
        (JOB, Progress(cases=0), JobState.done),
        (CANCELLED, Progress(cases=9), JobState.cancelled),
        (CANCELLED, Progress(cases=9, over=1, cases_failed=3), JobState.cancelled),
    ],
)
def test_the_state_follows_from_how_far_it_is(job: Job, progress: Progress, state: JobState) -> None:
    assert state_of(job, progress) is state
