"""The therapist's stance, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Attendance, Indicator, SessionStatus, Severity, TherapySession
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import family, indicator, therapy_session

CODE = "therapist-stance"
DR_7 = ("therapist/dr-7",)

Level = int | None  # what was told of the therapist; 0: somebody looked and saw none; None: nobody looked


def told(severity: int = 2, kind: str = "judging", from_: str = "dr-7", source: str = "o1") -> Indicator:
    return indicator(kind, from_, "ana", severity, source)


def session(number: int, level: Level, therapists: tuple[str, ...] = ("dr-7",)) -> TherapySession:
    return therapy_session(
        number,
        indicators=(told(level),) if level else (),
        indicators_observed=level is not None,
        therapists=therapists,
    )


def course_of(levels: Sequence[Level]) -> list[TherapySession]:
    return [session(number, level) for number, level in enumerate(levels, start=1)]


def only(sessions: Sequence[TherapySession]) -> Concern:
    (concern,) = concerns_of(CODE, sessions, family())
    return concern


FIRES = [
    ("clear, once, in the first session", [2], "once"),
    ("severe", [3], "once"),
    ("mild twice in a row", [1, 1], "again"),
    ("mild in two of three", [1, 0, 1], "again"),
    ("mild in two of three observed, however far apart", [1, None, None, None, 1], "again"),
    ("clear again and again", [2, 2, 3], "once"),
]

QUIET = [
    ("nothing told", [0, 0]),
    ("nobody looked", [None, None]),
    ("mild once", [0, 1, 0]),
    ("mild again in the fourth observed session", [1, 0, 0, 1]),
]


@pytest.mark.parametrize(("levels", "route"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(levels: list[Level], route: str) -> None:
    concern = only(course_of(levels))
    assert (concern.subject, concern.severity, concern.signal.route) == (DR_7, Severity.info, route)
    assert concern.number == len(levels)


@pytest.mark.parametrize("levels", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(levels: list[Level]) -> None:
    assert concerns_of(CODE, course_of(levels), family()) == []


@pytest.mark.parametrize("kind", ["judging", "rushing", "detached", "rigid", "blaming", "uninterested"])
@pytest.mark.parametrize("source", ["ana", "eva", "o1"])
def test_each_kind_told_by_a_member_or_an_observer(kind: str, source: str) -> None:
    values = only([therapy_session(1, indicators=(told(2, kind, source=source),))]).signal.values
    assert (values["level"], values["kind"]) == (2, kind)
    assert str(values["source"]).endswith(f"/{source}")


@pytest.mark.parametrize(
    "mark",
    [
        told(3, source="dr-7"),  # the therapist's own report opens no alert about the therapist
        told(3, source="therapist/dr-8"),
        told(3, from_="eva"),  # a parent who judges is no therapist
        told(3, kind="side-taking"),
        told(3, kind="hostility"),
    ],
)
def test_other_behaviour_and_other_sources_are_quiet(mark: Indicator) -> None:
    assert concerns_of(CODE, [therapy_session(1, indicators=(mark,))], family()) == []


def test_kinds_and_sources_pool_by_the_highest_and_a_therapist_s_own_counts_for_nothing() -> None:
    marks = (told(1, "rigid", source="ana"), told(2, "rushing", source="o1"), told(3, "judging", source="dr-7"))
    values = only([therapy_session(1, indicators=marks)]).signal.values
    assert (values["level"], values["kind"], values["source"]) == (2, "rushing", "observer/o1")


def test_one_kind_after_another_is_again() -> None:
    sessions = [therapy_session(n, indicators=(told(1, kind),)) for n, kind in ((1, "rigid"), (2, "rushing"))]
    assert only(sessions).signal.route == "again"


def test_two_mild_kinds_in_one_session_are_one_mild_session() -> None:
    marks = (told(1, "rigid"), told(1, "rushing"))
    assert concerns_of(CODE, [therapy_session(1, indicators=marks)], family()) == []


def test_nobody_need_be_named_whom_it_was_shown_to() -> None:
    assert only([therapy_session(1, indicators=(indicator("detached", "dr-7", None),))]).subject == DR_7


def test_each_therapist_has_a_concern_of_their_own() -> None:
    marks = (told(2), told(3, from_="therapist/dr-8"))
    found = concerns_of(CODE, [therapy_session(1, indicators=marks)], family())
    assert {item.subject for item in found} == {DR_7, ("therapist/dr-8",)}


def test_a_session_that_was_not_held_shows_nothing() -> None:
    unheld = therapy_session(1, indicators=(told(3),), status=SessionStatus.no_show)
    assert concerns_of(CODE, [unheld], family()) == []


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

CLEARS = [
    ("two clean sessions", [2, 0, 0], [OPEN, RECOVERING, RECOVERED]),
    ("one is not enough", [2, 0], [OPEN, RECOVERING]),
    ("nobody looked", [2, None, 0, None, 0], [OPEN, OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("mild within three fires", [2, 0, 1, 0, 0], [OPEN, RECOVERING, OPEN, RECOVERING, RECOVERED]),
    ("six sessions without anybody looking", [2, *[None] * 6], [*[OPEN] * 6, CLOSED]),
]


@pytest.mark.parametrize(("levels", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(levels: list[Level], states: list[State]) -> None:
    assert states_of(CODE, course_of(levels), family()) == states


def test_a_session_of_other_therapists_clears_nothing() -> None:
    sessions = [session(1, 2), session(2, 0, ("dr-8",)), session(3, 0, ("dr-8", "dr-7")), session(4, 0, ())]
    assert states_of(CODE, sessions, family()) == [OPEN, OPEN, RECOVERING, RECOVERED]


def test_what_a_therapist_tells_of_themselves_keeps_nothing_open() -> None:
    own = therapy_session(2, indicators=(told(2, source="dr-7"),))
    assert states_of(CODE, [session(1, 2), own], family()) == [OPEN, RECOVERING]


def test_a_member_s_absence_does_not_matter() -> None:
    alone = therapy_session(2, indicators_observed=True, attendance={"ana": Attendance.no_show})
    assert states_of(CODE, [session(1, 2), alone], family()) == [OPEN, RECOVERING]


def test_window_passed_has_a_reason() -> None:
    assert only(course_of([2, *[None] * 6])).reason is Reason.window_passed


def test_memory_is_bounded_and_stored() -> None:
    levels: list[Level] = [1, 2, None, 0, 0, 0] * 10
    runs = [memory.runs for memory in memories_of(CODE, course_of(levels), family())]
    assert max(len(run.get("therapist/dr-7", ())) for run in runs) == 3
    assert {} in runs
