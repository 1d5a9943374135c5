from collections import Counter

import pytest

from service.api.jobs import RuleCountsPublic, job_document
from service.domain.job import Progress
from tests.domain.test_job import CANCELLED, JOB
from tests.factories import NOW, START


@pytest.mark.parametrize(
    ("sessions", "per_100"),
    [(0, None), (3, 66.667), (200, 1.0)],
)
def test_counts_of_chunks_add_up_per_hundred_member_sessions(sessions: int, per_100: float | None) -> None:
    told = [{"early-low": {"before": 1}}, {}, {"early-low": {"before": 1, "after": 1, "moved": 1, "more-severe": 1}}]
    shown = job_document(JOB, Progress(cases=1, member_sessions=sessions), told)["rules"]
    assert shown["early-low"]["before_per_100"] == per_100
    counted = Counter({name: count for name, count in shown["early-low"].items() if not name.endswith("_100")})
    assert +counted == Counter(before=2, after=1, moved=1, more_severe=1)
    assert RuleCountsPublic(**shown["early-low"]).vanished == 0


@pytest.mark.parametrize(
    ("progress", "ended_at"),
    [
        (Progress(cases=2, open=1, over=1, cases_done=1, latest_at=START), None),
        (Progress(cases=2, over=2, cases_done=2, latest_at=NOW), "2026-06-01T12:00:00.000Z"),
        (Progress(cases=0), "2026-06-01T12:00:00.000Z"),  # nothing to do: over when it began
    ],
)
def test_when_it_ended(progress: Progress, ended_at: str | None) -> None:
    assert job_document(JOB, progress)["ended_at"] == ended_at
    assert job_document(JOB, progress)["rules"] is None
    assert job_document(CANCELLED, progress)["ended_at"] == "2026-06-01T12:00:00.000Z"
