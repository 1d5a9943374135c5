import pytest

from service.cli.ending import Failure, Misuse
from service.cli.jobs import _accepted, _ended, show
from service.domain.commands import Refusal
from service.domain.job import Job, Progress
from service.jobs import Asked
from tests.domain.test_job import CANCELLED, JOB


def test_a_table_of_rules(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[dict[str, dict[str, int]]] = [
        {"sudden-drop": {"before": 2, "after": 1, "vanished": 1}},
        {"early-low": {"after": 1, "appeared": 1}},
    ]
    show((JOB, Progress(cases=3, cases_done=3, member_sessions=120), told))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["rule", "before", "after", "appeared", "vanished", "moved"],
        ["early-low", "0", "1", "1", "0", "0"],
        ["sudden-drop", "2", "1", "0", "1", "0"],
        ["cases:", "3,", "member-sessions:", "120"],
    ]


def test_a_job_that_was_done_is_returned() -> None:
    assert _ended(JOB, Progress(cases=1, cases_done=1, over=1)) == JOB


@pytest.mark.parametrize(
    ("job", "progress", "line"),
    [
        (CANCELLED, Progress(cases=1), "it was cancelled"),
        (
            JOB,
            Progress(cases=4, cases_failed=4, over=1),
            "cases that could not be judged: 4; --id j-1 tries them again",
        ),
        (JOB, Progress(cases=4, open=1, over=1), "it was interrupted; --id j-1 goes on where it stopped"),
    ],
)
def test_a_job_that_was_not_says_what_to_do(job: Job, progress: Progress, line: str) -> None:
    with pytest.raises(Failure) as failed:
        _ended(job, progress)
    assert str(failed.value) == line


def test_why_a_job_is_refused() -> None:
    _accepted(Asked(JOB))
    with pytest.raises(Misuse):
        _accepted(Asked(None, refusal=Refusal("job-differs")))
    with pytest.raises(Failure, match="too many jobs"):
        _accepted(Asked(None, refusal=Refusal("too-many-jobs")))
