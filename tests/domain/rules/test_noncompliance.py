"""Noncompliance, by folding whole small courses."""

from collections.abc import Sequence
from typing import Any

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Indicator, SessionStatus, Severity, Task, TaskOutcome, TherapySession
from service.domain.rules import rules
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import family, indicator, rating, therapy_session

CODE = "noncompliance"
OUTCOMES = {
    "d": TaskOutcome.done,
    "p": TaskOutcome.partial,
    "n": TaskOutcome.not_done,
    "r": TaskOutcome.refused,
    "u": TaskOutcome.not_reviewed,
}
REFUSES = indicator("task-refusal", "ana", "dr-7", 1)


def session(number: int, outcomes: str = "", *seen: Indicator, tasks: float | None = None, **options: Any) -> Any:
    """Return a session in which Ana's tasks came out as told, one letter each; `tasks` is her score of them."""
    reviewed = tuple(Task(f"t{place}", "ana", OUTCOMES[letter]) for place, letter in enumerate(outcomes))
    scored = () if tasks is None else (rating("ana", 90, dimensions={"tasks": tasks}),)
    return therapy_session(number, *scored, tasks=reviewed, indicators=seen, **options)


def course_of(outcomes: Sequence[str]) -> list[TherapySession]:
    return [session(number, letters) for number, letters in enumerate(outcomes, start=1)]


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


def states(outcomes: Sequence[str]) -> list[State | None]:
    return states_of(CODE, course_of(outcomes), family())


# done 1, partial ½, not done and refused 0; the share is the mean of the last four
FIRES = [
    ("a third, with a refusal", ["d", "n", "r"], "info"),
    ("1.5 of 4 is below half", ["d", "p", "n", "r"], "info"),
    ("two halves of three", ["p", "p", "r"], "info"),
    ("none of three", ["n", "n", "r"], "warning"),
    ("none of three, all in the first session", ["nnr"], "warning"),
    ("none of the last three, one of four", ["d", "n", "n", "r"], "warning"),
    ("only the last four count", ["d", "d", "d", "d", "n", "n", "r"], "warning"),
    ("two refusals in three sessions", ["d", "r", "r"], "warning"),
    ("two refusals in one session", ["rr", "d"], "warning"),
    ("the second refusal in the third session", ["r", "d", "r"], "warning"),
    ("a refusal two sessions ago", ["r", "d", "n"], "info"),
    ("what nobody reviewed stands for nothing", ["d", "u", "u", "n", "u", "r"], "info"),
]

QUIET = [
    ("two reviewed tasks", ["n", "r"]),
    ("two reviewed and one not", ["n", "r", "u"]),
    ("half of four", ["d", "d", "n", "r"]),
    ("half by halves", ["p", "p", "p", "d", "r"]),
    ("undone alone", ["n", "n", "n"]),
    ("a refusal three sessions ago", ["r", "d", "", "n"]),
    ("a session that adds nothing", ["d", "r", "", "u"]),
]


@pytest.mark.parametrize(("outcomes", "severity"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(outcomes: list[str], severity: str) -> None:
    (concern,) = concerns(course_of(outcomes))
    assert (concern.subject, concern.severity, concern.number) == (("member/ana",), severity, len(outcomes))


@pytest.mark.parametrize("outcomes", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(outcomes: list[str]) -> None:
    assert concerns(course_of(outcomes)) == []


@pytest.mark.parametrize(
    ("seen", "opens"),
    [
        (REFUSES, True),
        (indicator("task-refusal", "tom", "dr-7", 3), False),
        (indicator("disagreement-tasks", "ana", "dr-7", 3), False),
    ],
)
def test_a_seen_refusal_counts_even_without_a_task(seen: Indicator, opens: bool) -> None:
    sessions = [*course_of(["d", "n", "n"]), session(4, "", seen)]
    assert [item.severity for item in concerns(sessions)] == ([Severity.info] if opens else [])


def test_a_refused_task_and_the_refusal_that_was_seen_may_be_the_same_event() -> None:
    (concern,) = concerns([*course_of(["d", "n"]), session(3, "r", REFUSES)])
    assert (concern.severity, concern.signal.values["refusals"]) == (Severity.info, 1)


# A line's usual spread is 7, a Likert subscale's 9; the median of the last three scores is 90.
@pytest.mark.parametrize(
    ("score", "instrument", "opens"),
    [(83.0, "srs", True), (83.1, "srs", False), (81.0, "wai_sr", True), (81.1, "wai_sr", False)],
)
def test_a_tasks_score_below_the_own_usual_one(score: float, instrument: str, opens: bool) -> None:
    before = [therapy_session(number, rating("ana", 90, instrument=instrument)) for number in (1, 2, 3)]
    undone = tuple(Task(f"t{place}", "ana", OUTCOMES[letter]) for place, letter in enumerate("dnn"))
    today = therapy_session(4, rating("ana", 90, instrument=instrument, dimensions={"tasks": score}), tasks=undone)
    found = concerns([*before, today])
    assert [(item.severity, item.signal.route) for item in found] == ([(Severity.info, "tasks-low")] if opens else [])


@pytest.mark.parametrize("outcomes", ["ddn", "dd", ""])
def test_a_low_tasks_score_alone_is_no_task_left_undone(outcomes: str) -> None:
    assert concerns([session(1, tasks=90), session(2, outcomes, tasks=60)]) == []


@pytest.mark.parametrize(("scores", "opens"), [((70, 90, 90, 90), True), ((90, 70, 70, 90), False)])
def test_the_own_usual_score_is_the_median_of_the_last_three(scores: tuple[float, ...], opens: bool) -> None:
    # of the last three the median is 90 and 70; of all four it would be 90 and 80
    before = [session(number, tasks=score) for number, score in enumerate(scores, start=1)]
    found = concerns([*before, session(5, "dnn", tasks=73)])
    assert len(found) == opens
    assert all(item.signal.raters == ("member/ana",) for item in found)


def test_without_a_score_nobody_rated_it() -> None:
    assert concerns(course_of(["d", "n", "r"]))[0].signal.raters == ()


def test_a_tasks_score_without_an_earlier_one_says_nothing() -> None:
    assert concerns([session(1, "nnn", tasks=10)]) == []


def test_a_first_next_step_asks_whether_the_task_fitted() -> None:
    assert rules()[CODE].next_steps[0] == "adjust-course"


def test_each_member_has_tasks_of_their_own() -> None:
    mixed = (Task("t1", "ana", TaskOutcome.refused), Task("t2", "tom", TaskOutcome.not_done))
    assert concerns([therapy_session(number, tasks=mixed) for number in (1, 2)]) == []
    assert [item.subject for item in concerns([therapy_session(n, tasks=mixed) for n in (1, 2, 3)])] == [
        ("member/ana",)
    ]


def test_a_session_that_was_not_held_reviews_nothing() -> None:
    assert concerns([session(1, "nnr", status=SessionStatus.no_show)]) == []


# Opened at 3 by d n r; open until the last session told.
CLEARS = [
    ("two are not yet three", ["d", "d"], State.open),
    ("three of three", ["d", "d", "d"], State.recovered),
    ("two thirds", ["d", "p", "p"], State.recovered),
    ("three in one session", ["ddn"], State.recovered),
    ("half of three", ["d", "p", "n"], State.open),
    ("the latest three count", ["d", "n", "n", "d", "d"], State.recovered),
    ("nothing reviewed says nothing", ["d", "", "d", "u", "d"], State.recovered),
]


@pytest.mark.parametrize(("after", "state"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(after: list[str], state: State) -> None:
    found = states(["d", "n", "r", *after])
    assert found[2:] == [State.open] * len(after) + [state]


def test_tasks_of_the_opening_session_do_not_clear_it() -> None:
    assert states(["rnn", "dd"])[-1] is State.open


def test_six_held_sessions_without_a_reviewed_task_close_it() -> None:
    sessions = course_of(["d", "n", "r", *[""] * 6])
    assert states_of(CODE, sessions, family())[-2:] == [State.open, State.closed]
    assert concerns(sessions)[0].reason is Reason.window_passed


def test_it_opens_again_within_three_held_sessions_and_anew_later() -> None:
    recovered = ["d", "n", "r", "ddd"]
    (again,) = concerns(course_of([*recovered, "", "", "nnr"]))
    assert (again.openings, again.state, again.opened_session_id) == (2, State.open, "s3")
    assert [item.opened_session_id for item in concerns(course_of([*recovered, "", "", "", "nnr"]))] == ["s3", "s8"]


def test_what_it_remembers_is_bounded() -> None:
    for memory in memories_of(CODE, course_of(["rrnd", "p", ""] * 30), family()):
        assert all(len(tasks) <= 4 for tasks in memory.reviewed.values())
        assert all(len(numbers) <= 2 for numbers in memory.refused.values())
