"""Courses of every kind, drawn by Hypothesis: who rated what, who came, what was seen, tasks, goals, talks."""

from datetime import timedelta

from hypothesis import strategies as st

from service.domain.model import Attendance, Rating, SessionStatus, Task, TaskOutcome, TherapySession
from service.domain.noted import Reading
from tests.factories import START, indicator, rating, reference, therapy_session

PEOPLE = ("eva", "tom", "ana", "kim")
LEVELS = st.sampled_from((100.0, 95.0, 90.0, 82.5, 78.0, 75.0, 70.0, 60.0, 40.0))  # around every mark of the rules
CONTESTED = ("sudden-drop", "trust-bond-loss", "bond-asymmetry", "hostility-to-therapist")


@st.composite
def ratings(draw: st.DrawFn) -> list[Rating]:
    """Draw what some of the people rated, the child on its own form, now and then on a second one."""
    given = []
    for who in PEOPLE:
        if draw(st.integers(0, 4)):
            lines: dict[str, float | None] = {part: draw(LEVELS) for part in ("bond", "goals", "tasks")}
            form = "csrs" if who == "kim" else "srs"
            given.append(
                rating(who, draw(LEVELS), instrument=form, dimensions=lines, not_alone=not draw(st.integers(0, 7)))
            )
    if draw(st.booleans()):
        given.append(rating("dr-7", draw(LEVELS)))
    if not draw(st.integers(0, 4)):
        given.append(rating("ana", draw(LEVELS), instrument="softa_s"))
    if not draw(st.integers(0, 3)):
        strain = {"strain": draw(st.sampled_from((0, 2, 3, 5)))}
        given.append(rating(draw(st.sampled_from(("ana", "tom", "dr-7"))), instrument="strain", answers=strain))
    return given


BEHAVIOUR = (
    "hostility",
    "blame",
    "task-refusal",
    "withdrawal",
    "appeasing",
    "rejects",
    "denial",
    "guardedness",
    "disagreement-attendance",
)
STANCE = ("side-taking", "judging", "cedes-control")
INDICATORS = st.lists(
    st.builds(
        indicator,
        st.sampled_from(BEHAVIOUR),
        st.sampled_from(PEOPLE),
        st.sampled_from(("dr-7", "eva", "ana")),
        st.integers(1, 3),
        st.sampled_from(("o1", "dr-7", "tom")),
    )
    | st.builds(indicator, st.sampled_from(STANCE), st.just("dr-7"), st.sampled_from(PEOPLE), st.integers(1, 3)),
    max_size=2,
)
TASKS = st.lists(
    st.builds(Task, st.sampled_from("abc"), st.sampled_from(PEOPLE), st.sampled_from(TaskOutcome)), max_size=3
)
GOALS = st.dictionaries(
    st.sampled_from(("therapist", *PEOPLE)),
    st.frozensets(st.sampled_from(("curfew", "school")), max_size=1),
    max_size=3,
)
READINESS = st.dictionaries(
    st.sampled_from(PEOPLE),
    st.builds(Reading, st.integers(0, 10), st.sampled_from(("member/ana", "therapist/dr-7"))),
    max_size=2,
)
TALKS = st.frozensets(
    st.tuples(st.sampled_from(CONTESTED), st.sampled_from(PEOPLE).map(lambda who: (reference(who),))), max_size=2
)


@st.composite
def sessions(draw: st.DrawFn, number: int) -> TherapySession:
    """Draw the session of a number; its time may lie two weeks about the usual one, so that sessions change places."""
    seen, at = tuple(draw(INDICATORS)), START + timedelta(days=7 * number + draw(st.integers(-14, 14)))
    return therapy_session(
        number,
        *draw(ratings()),
        held_at=at,
        overdue_at=None if draw(st.integers(0, 3)) else at + timedelta(days=draw(st.integers(1, 21))),
        status=SessionStatus.held if draw(st.integers(0, 7)) else SessionStatus.no_show,
        attendance=draw(st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(Attendance), max_size=2)),
        indicators=seen,
        indicators_observed=bool(seen) or draw(st.booleans()),
        tasks=tuple({task.task_id: task for task in draw(TASKS)}.values()),
        goals=draw(GOALS),
        discussed=draw(TALKS),
        readiness=draw(READINESS),
    )


@st.composite
def courses(draw: st.DrawFn, least: int = 1, most: int = 12) -> list[TherapySession]:
    """Draw the sessions of a course in no particular order of time."""
    return [draw(sessions(number)) for number in range(1, draw(st.integers(least, most)) + 1)]
