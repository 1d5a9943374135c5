"""Over-reliance, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Attendance, Indicator, SessionStatus, Severity, TherapySession
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import family, indicator, therapy_session

CODE = "over-reliance"
EVA = ("member/eva",)

Level = int | None  # how the therapist leaned on Eva; 0: somebody looked and saw none; None: nobody looked


def leaning(
    severity: int = 2,
    kind: str = "over-reliance",
    toward: str | None = "eva",
    source: str = "o1",
    from_: str = "dr-7",
) -> Indicator:
    return indicator(kind, from_, toward, severity, source)


def session(number: int, level: Level, eva: Attendance | None = None) -> TherapySession:
    return therapy_session(
        number,
        indicators=(leaning(level),) if level else (),
        indicators_observed=level is not None,
        attendance={"eva": eva} if eva else {},
    )


def course_of(levels: Sequence[Level]) -> list[TherapySession]:
    return [session(number, level) for number, level in enumerate(levels, start=1)]


def twice(*marks: Indicator) -> list[TherapySession]:
    """Return two sessions in both of which the same was seen."""
    return [therapy_session(number, indicators=marks) for number in (1, 2)]


def only(sessions: Sequence[TherapySession]) -> Concern:
    (concern,) = concerns_of(CODE, sessions, family())
    return concern


FIRES = [
    ("clear twice in a row", [2, 2]),
    ("clear in two of three", [2, 0, 2]),
    ("severe counts once", [3, 2]),
    ("mild between", [2, 1, 2]),
    ("two of three observed, however far apart", [2, None, None, None, 2]),
]

QUIET = [
    ("nothing seen", [0, 0]),
    ("nobody looked", [None, None]),
    ("clear once", [2, 0]),
    ("severe once", [3]),
    ("mild after clear", [2, 1]),
    ("mild again and again", [1, 1, 1]),
    ("clear again in the fourth observed session", [2, 0, 0, 2]),
]


@pytest.mark.parametrize("levels", [row[1] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(levels: list[Level]) -> None:
    concern = only(course_of(levels))
    assert (concern.subject, concern.severity, concern.signal.route) == (EVA, Severity.info, "default")
    assert concern.number == len(levels)


@pytest.mark.parametrize("levels", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(levels: list[Level]) -> None:
    assert concerns_of(CODE, course_of(levels), family()) == []


@pytest.mark.parametrize(
    ("mark", "subject"),
    [
        (leaning(), "member/eva"),
        (leaning(kind="cedes-control"), "member/eva"),
        (leaning(source="dr-7"), "member/eva"),  # it is about her, so the therapist may tell of it
        (leaning(toward="ana"), "member/ana"),
        (leaning(toward=None), "family"),
        (leaning(toward="family"), "family"),
        (leaning(toward="subsystem/parents"), "family"),
        (leaning(source="ana"), None),
        (leaning(source="eva"), None),
        (leaning(from_="ana"), None),
        (leaning(toward="therapist/dr-8"), None),
        (leaning(toward="o1"), None),
        (leaning(3, kind="side-taking"), None),
    ],
)
def test_who_leans_on_whom_and_who_tells(mark: Indicator, subject: str | None) -> None:
    found = concerns_of(CODE, twice(mark), family())
    assert [item.subject for item in found] == ([(subject,)] if subject else [])
    assert [item.signal.route for item in found] == (
        ["family" if subject == "family" else "default"] if subject else []
    )


def test_kinds_and_sources_pool_by_the_highest_and_a_member_s_word_counts_for_nothing() -> None:
    marks = (leaning(1, source="o1"), leaning(2, "cedes-control", source="dr-7"), leaning(3, source="ana"))
    values = only(twice(*marks)).signal.values
    assert (values["level"], values["kind"], values["source"]) == (2, "cedes-control", "therapist/dr-7")
    assert (values["by"], values["sessions_clear"]) == ("therapist/dr-7", 2)


def test_now_on_one_and_now_on_another_is_not_again() -> None:
    sessions = [therapy_session(n, indicators=(leaning(toward=who),)) for n, who in ((1, "eva"), (2, "ana"), (3, None))]
    assert concerns_of(CODE, sessions, family()) == []


def test_a_session_that_was_not_held_shows_nothing() -> None:
    unheld = therapy_session(2, indicators=(leaning(3),), status=SessionStatus.no_show)
    assert concerns_of(CODE, [session(1, 2), unheld], family()) == []


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

CLEARS = [
    ("two without", [2, 2, 0, 0], [OPEN, RECOVERING, RECOVERED]),
    ("one is not enough", [2, 2, 0], [OPEN, RECOVERING]),
    ("mild is not without", [2, 2, 0, 1, 0, 0], [OPEN, RECOVERING, OPEN, RECOVERING, RECOVERED]),
    ("nobody looked", [2, 2, None, 0, None, 0], [OPEN, OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("six sessions without anybody looking", [2, 2, *[None] * 6], [*[OPEN] * 6, CLOSED]),
]


@pytest.mark.parametrize(("levels", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(levels: list[Level], states: list[State]) -> None:
    assert states_of(CODE, course_of(levels), family()) == [None, *states]


@pytest.mark.parametrize("eva", [Attendance.no_show, Attendance.excused, Attendance.not_invited])
def test_absence_clears_nothing(eva: Attendance) -> None:
    sessions = [*course_of([2, 2]), session(3, 0, eva), session(4, 0, Attendance.late), session(5, 0)]
    assert states_of(CODE, sessions, family()) == [None, OPEN, OPEN, RECOVERING, RECOVERED]


def test_what_is_about_the_family_clears_whoever_is_away() -> None:
    sessions = [*twice(leaning(toward=None)), session(3, 0, Attendance.no_show), session(4, 0)]
    assert states_of(CODE, sessions, family()) == [None, OPEN, RECOVERING, RECOVERED]


def test_window_passed_has_a_reason() -> None:
    assert only(course_of([2, 2, *[None] * 6])).reason is Reason.window_passed


def test_memory_is_bounded_and_stored() -> None:
    levels: list[Level] = [2, 2, None, 1, 0, 0, 0] * 10
    runs = [memory.runs for memory in memories_of(CODE, course_of(levels), family())]
    assert max(len(run.get("member/eva", ())) for run in runs) == 3
    assert {} in runs
