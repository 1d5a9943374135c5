"""Resistance to change, by folding whole small courses."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Attendance, Indicator, SessionStatus, Task, TaskOutcome, TherapySession
from service.domain.noted import Reading
from service.domain.rules import rules
from tests.domain.rules.walking import concerns_of, memories_of, states_of, walk
from tests.factories import family, indicator, rating, reference, therapy_session

CODE = "resistance-to-change"
ANA = ("member/ana",)

Shown = tuple[
    float | None, int | None
]  # Ana's tasks, and her turning down; 0: none seen; None: not rated, nobody looked


def rejecting(severity: int = 2, kind: str = "rejects", from_: str = "ana", toward: str | None = "dr-7") -> Indicator:
    return indicator(kind, from_, toward, severity)


def session(number: int, shown: Shown, ana: Attendance | None = None) -> TherapySession:
    tasks, level = shown
    return therapy_session(
        number,
        rating("eva", 90),
        *(() if tasks is None else [rating("ana", 90, dimensions={"tasks": tasks})]),
        indicators=(rejecting(level),) if level else (),
        indicators_observed=level is not None,
        attendance={"ana": ana} if ana else {},
    )


def course_of(shown: Sequence[Shown]) -> list[TherapySession]:
    return [session(number, both) for number, both in enumerate(shown, start=1)]


BEFORE: list[Shown] = [(90, 0), (90, 0), (90, 0)]


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


# Three scores at 90 and a line's spread of 7: z = (x − 90)/7, so −1.5 is 79.5 (see trust-bond-loss).
FIRES: list[tuple[str, list[Shown], str, str]] = [
    ("z −1.5 and mild", [*BEFORE, (79.5, 1)], "info", "tasks-and-seen"),
    ("z −1.5 and severe", [*BEFORE, (79.5, 3)], "info", "tasks-and-seen"),
    ("clear, in the first session", [(None, 2)], "info", "seen"),
    ("severe, with tasks as ever", [*BEFORE, (90, 3)], "info", "seen"),
    ("clear twice in a row", [(90, 2), (90, 2)], "warning", "seen"),
    ("clear again three sessions later", [(90, 2), (90, 0), (90, 0), (90, 2)], "warning", "seen"),
    ("clear, and then tasks", [(90, 0), *BEFORE[1:], (90, 2), (70, 1)], "warning", "tasks-and-seen"),
]

QUIET: list[tuple[str, list[Shown]]] = [
    ("z −1.486 and mild", [*BEFORE, (79.6, 1)]),
    ("low tasks alone", [*BEFORE, (40, 0)]),
    ("low tasks, and nobody looked", [*BEFORE, (40, None)]),
    ("mild alone, again and again", [(90, 1), (90, 1), (90, 1), (90, 1)]),
    ("two earlier scores have no z", [(90, 0), (90, 0), (40, 1)]),
    ("not in the same session", [*BEFORE, (90, 1), (60, 0)]),
]


@pytest.mark.parametrize(("shown", "severity", "route"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(shown: list[Shown], severity: str, route: str) -> None:
    (concern,) = concerns(course_of(shown))
    assert (concern.subject, concern.severity, concern.signal.route) == (ANA, severity, route)
    assert concern.number == len(shown)


@pytest.mark.parametrize("shown", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(shown: list[Shown]) -> None:
    assert concerns(course_of(shown)) == []


def test_clear_in_the_fifth_session_is_no_repetition() -> None:
    assert concerns(course_of([(90, 2), (90, 0), (90, 0), (90, 0), (90, 2)]))[-1].severity == "info"


@pytest.mark.parametrize(
    ("mark", "fires"),
    [
        (rejecting(kind="denial"), True),
        (rejecting(toward=None), True),
        (rejecting(toward="eva"), True),
        (rejecting(from_="dr-7", toward="ana"), False),
        (rejecting(3, kind="complaint"), False),
        (rejecting(3, kind="task-refusal"), False),
    ],
)
def test_what_counts(mark: Indicator, fires: bool) -> None:
    assert bool(concerns([therapy_session(1, indicators=(mark,))])) is fires


def test_kinds_and_sources_pool_by_the_highest() -> None:
    marks = (indicator("rejects", severity=1, source="dr-7"), indicator("denial", severity=2, source="eva"))
    (concern,) = concerns([therapy_session(1, indicators=marks)])
    assert dict(concern.signal.values) == {"level": 2, "kind": "denial", "source": "member/eva", "again": False}


def undone(tasks: Sequence[float], last: TaskOutcome = TaskOutcome.refused) -> list[TherapySession]:
    """Return sessions with Ana's tasks scores; in the last three each a task is reviewed, the last one refused."""
    outcomes = [TaskOutcome.not_done, TaskOutcome.not_done, last]
    first = len(tasks) - len(outcomes) + 1
    return [
        therapy_session(
            number,
            rating("ana", 90, dimensions={"tasks": score}),
            tasks=(Task("t", "ana", outcomes[number - first]),) if number >= first else (),
        )
        for number, score in enumerate(tasks, start=1)
    ]


def test_low_tasks_while_tasks_are_left_undone() -> None:
    sessions = undone([90, 90, 90, 79.5])
    assert [item.rule for item in walk(sessions, family())[-1].concerns] == ["noncompliance", CODE]
    (concern,) = concerns(sessions)
    assert (concern.severity, concern.signal.route, concern.subject) == ("info", "tasks-undone", ANA)


def test_the_undone_tasks_of_another_or_tasks_left_undone_alone_say_nothing() -> None:
    assert concerns(undone([90, 90, 90, 79.6])) == []
    assert concerns(undone([90, 90, 90, 90])) == []
    others = [
        therapy_session(number, rating("eva", 90, dimensions={"tasks": 90 if number < 4 else 70}), tasks=item.tasks)
        for number, item in enumerate(undone([90, 90, 90, 90]), start=1)
    ]
    assert concerns(others) == []


def test_low_tasks_two_sessions_on_while_tasks_stay_undone() -> None:
    later = therapy_session(5, rating("ana", 90, dimensions={"tasks": 70}))
    (concern,) = concerns([*undone([90, 90, 90, 79.5]), later])
    assert (concern.severity, concern.signal.route) == ("warning", "tasks-undone")


def test_over_several_forms_the_furthest_down() -> None:
    def both(number: int, line: float, subscale: float, *marks: Indicator) -> TherapySession:
        other = rating("ana", 90, instrument="wai_sr", dimensions={"tasks": subscale})
        return therapy_session(number, rating("ana", 90, dimensions={"tasks": line}), other, indicators=marks)

    before = [both(number, 90, 90) for number in (1, 2, 3)]
    (concern,) = concerns([*before, both(4, 76, 71, rejecting(1))])  # −14/7 = −2 and −19/9 = −2.11
    assert concern.signal.series == "member/ana|wai_sr|post|therapist|tasks"


def test_a_session_that_was_not_held_shows_nothing() -> None:
    unheld = therapy_session(1, indicators=(rejecting(3),), status=SessionStatus.no_show)
    assert concerns([unheld]) == []


def test_it_keeps_a_sudden_drop_of_the_same_member_from_opening() -> None:
    assert set(rules()[CODE].inhibits) == {"sudden-drop", "out-of-limits"}
    dropped = rating("ana", 70)
    before = [therapy_session(number, rating("ana", 90)) for number in (1, 2)]
    told = [*before, therapy_session(3, dropped, indicators=(rejecting(2),))]
    assert concerns_of("sudden-drop", [*before, therapy_session(3, dropped)], family()) != []
    assert concerns_of("sudden-drop", told, family()) == []
    assert concerns(told) != []


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

# Opened by tasks and what was seen: back is 90 − 0.75·6.062 = 85.45, and none is to be seen by somebody who looks.
BOTH: list[tuple[str, list[Shown], list[State]]] = [
    ("back and none, twice", [(85.5, 0), (85.5, 0)], [RECOVERING, RECOVERED]),
    ("just below", [(85.4, 0), (85.5, 0)], [OPEN, RECOVERING]),
    ("back, but mild", [(90, 1), (90, 0)], [OPEN, RECOVERING]),
    ("back, and nobody looked", [(90, None), (90, 0)], [OPEN, RECOVERING]),
    ("none, and not rated", [(None, 0), (90, 0)], [OPEN, RECOVERING]),
    ("six sessions without", [(None, None)] * 6, [*[OPEN] * 5, CLOSED]),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in BOTH], ids=[row[0] for row in BOTH])
def test_clears_where_both_opened_it(after: list[Shown], states: list[State]) -> None:
    assert states_of(CODE, course_of([*BEFORE, (75, 1), *after]), family())[3:] == [OPEN, *states]


SEEN: list[tuple[str, list[Shown], list[State]]] = [
    ("none twice, whatever the tasks", [(60, 0), (None, 0)], [RECOVERING, RECOVERED]),
    ("mild is not none", [(90, 0), (90, 1), (90, 0)], [RECOVERING, OPEN, RECOVERING]),
    ("nobody looked", [(90, None), (90, 0)], [OPEN, RECOVERING]),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_clears_where_it_was_seen_alone(after: list[Shown], states: list[State]) -> None:
    assert states_of(CODE, course_of([(90, 2), *after]), family()) == [OPEN, *states]


def test_where_tasks_and_undone_ones_opened_it_nobody_need_look() -> None:
    later = [therapy_session(number, rating("ana", 90)) for number in (5, 6)]
    assert states_of(CODE, [*undone([90, 90, 90, 75]), *later], family())[3:] == [OPEN, RECOVERING, RECOVERED]


def test_a_score_back_once_is_enough_when_it_was_talked_about() -> None:
    talked = therapy_session(5, rating("ana", 90), discussed=frozenset({(CODE, ANA)}))
    assert states_of(CODE, [*undone([90, 90, 90, 75]), talked], family())[-1] is RECOVERED


def test_absence_clears_nothing() -> None:
    sessions = [
        session(1, (90, 2)),
        session(2, (None, 0), Attendance.no_show),
        session(3, (90, 0)),
        session(4, (90, 0)),
    ]
    assert states_of(CODE, sessions, family()) == [OPEN, OPEN, RECOVERING, RECOVERED]


def test_window_passed_has_a_reason() -> None:
    assert concerns(course_of([(90, 2), *[(90, None)] * 6]))[0].reason is Reason.window_passed


def test_memory_is_bounded_and_stored() -> None:
    shown: list[Shown] = [(90, 2), (90, 2), (90, 0), (90, 0), (90, 0)] * 10
    fired = [dict(memory.fired) for memory in memories_of(CODE, course_of(shown), family())]
    assert {"member/ana": 2} in fired
    assert fired[-1] == {}


def told(values: Sequence[int | None], tasks: Sequence[float | None] = (), source: str = "ana") -> list[TherapySession]:
    """Return sessions in which Ana's readiness is told; None: nobody did."""
    who = reference(source)
    return [
        therapy_session(
            place + 1,
            *([rating("ana", 90, dimensions={"tasks": tasks[place]})] if tasks else []),
            readiness={} if value is None else {"ana": Reading(value, who)},
        )
        for place, value in enumerate(values)
    ]


READINESS: list[tuple[str, list[TherapySession], str | None]] = [
    ("two of ten", told([6, 4]), "readiness"),
    ("to nothing", told([10, 0]), "readiness"),
    ("nobody told in between", told([6, None, None, 4]), "readiness"),
    ("with low tasks", told([6, 6, 6, 4], [90, 90, 90, 79.5]), "tasks-and-readiness"),
    ("one of ten", told([6, 5]), None),
    ("one with low tasks", told([6, 6, 6, 5], [90, 90, 90, 40]), None),
    ("step by step", told([6, 5, 4]), None),
    ("rising", told([4, 9]), None),
    ("told once", told([0]), None),
    ("told by somebody else", [*told([9]), *told([9, 2], source="dr-7")[1:]], None),
]


@pytest.mark.parametrize(("sessions", "route"), [row[1:] for row in READINESS], ids=[row[0] for row in READINESS])
def test_readiness(sessions: list[TherapySession], route: str | None) -> None:
    found = concerns(sessions)
    assert [(item.subject, item.signal.route, item.severity) for item in found] == (
        [(ANA, route, "info")] if route else []
    )
    assert all(item.number == len(sessions) for item in found)


def test_what_is_told_of_readiness_stands_in_the_basis() -> None:
    (concern,) = concerns(told([7, 4], source="dr-7"))
    assert dict(concern.signal.values) == {"readiness": 4, "fell_by": 3, "told_by": "therapist/dr-7", "again": False}


def test_a_clear_mark_says_more_than_readiness() -> None:
    first, second = told([6, 4])
    (concern,) = concerns([first, replace(second, indicators=(rejecting(2),), indicators_observed=True)])
    assert (concern.signal.route, concern.signal.values["level"], concern.signal.values["readiness"]) == ("seen", 2, 4)


def test_readiness_that_falls_again_is_graver() -> None:
    assert concerns(told([8, 6, 4]))[0].severity == "warning"


def test_readiness_told_for_a_session_that_was_not_held_counts_for_nothing() -> None:
    first, second = told([6, 1])
    assert concerns([first, replace(second, status=SessionStatus.no_show)]) == []


TOLD: list[tuple[str, list[int | None], list[State]]] = [
    ("no further fall, twice", [4, 4], [RECOVERING, RECOVERED]),
    ("risen, then one lower", [7, 6], [RECOVERING, RECOVERED]),
    ("nobody told", [None, 5, None, 5], [OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("fallen again", [2, 2, 2], [OPEN, RECOVERING, RECOVERED]),
    ("six sessions without", [None] * 6, [*[OPEN] * 5, CLOSED]),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD])
def test_clears_where_readiness_opened_it(after: list[int | None], states: list[State]) -> None:
    assert states_of(CODE, told([6, 4, *after]), family())[1:] == [OPEN, *states]


def test_tasks_must_be_back_too_where_both_opened_it() -> None:
    sessions = told([6, 6, 6, 4, 5, 5, 5], [90, 90, 90, 75, 80, 90, 90])
    assert states_of(CODE, sessions, family())[3:] == [OPEN, OPEN, RECOVERING, RECOVERED]


def test_the_memory_of_readiness_is_one_entry_a_member() -> None:
    kept = [memory.readiness for memory in memories_of(CODE, told([5, 4, None] * 10), family())]
    assert all(each.keys() == {"member/ana"} for each in kept)
    assert (kept[0]["member/ana"].fell, kept[1]["member/ana"].fell) == (0, 1)
