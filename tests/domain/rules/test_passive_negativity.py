"""Passive negativity, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Attendance, SessionStatus, Severity, TherapySession
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import family, indicator, rating, therapy_session

CODE = "passive-negativity"
ANA = ("member/ana",)
KIND = {"w": "withdrawal", "n": "negativity", "p": "passive-aggression", "a": "appeasing", "m": "minimal-response"}

Seen = str | None  # what was seen of Ana, a letter for each kind; "": somebody looked and saw none; None: nobody looked


def session(number: int, seen: Seen, ana: Attendance | None = None, severity: int = 1) -> TherapySession:
    return therapy_session(
        number,
        indicators=tuple(indicator(KIND[letter], severity=severity) for letter in seen or ""),
        indicators_observed=seen is not None,
        attendance={"ana": ana} if ana else {},
    )


def course_of(seen: Sequence[Seen]) -> list[TherapySession]:
    return [session(number, letters) for number, letters in enumerate(seen, start=1)]


def only(sessions: Sequence[TherapySession]) -> Concern:
    (concern,) = concerns_of(CODE, sessions, family())
    return concern


FIRES = [
    ("two kinds, mild, in the first session", ["wn"], Severity.info, "several"),
    ("all four", ["wnpa"], Severity.info, "several"),
    ("one kind in three of three", ["a", "a", "a"], Severity.info, "again"),
    ("kinds that take turns in three of four", ["w", "", "n", "p"], Severity.info, "again"),
    ("three of four observed, however far apart", ["w", None, "w", None, "", None, "w"], Severity.info, "again"),
    ("both", ["w", "w", "wn"], Severity.warning, "both"),
    ("both over four", ["w", "", "p", "an"], Severity.warning, "both"),
    ("two kinds for the second time", ["wn", "", "wn"], Severity.info, "several"),
    ("several first, then both", ["wn", "wn", "wn"], Severity.warning, "both"),
]

QUIET = [
    ("nothing seen", ["", ""]),
    ("nobody looked", [None, None]),
    ("one kind in two of two", ["w", "w"]),
    ("one kind in two of four", ["w", "", "", "w"]),
    ("the third is the fifth observed session", ["w", "w", "", "", "w"]),
    ("another kind beside one of the four", ["wm"]),
    ("another kind alone, again and again", ["m", "m", "m"]),
]


@pytest.mark.parametrize(("seen", "severity", "route"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(seen: list[Seen], severity: Severity, route: str) -> None:
    concern = only(course_of(seen))
    assert (concern.subject, concern.severity, concern.signal.route) == (ANA, severity, route)
    assert concern.number == len(seen)


@pytest.mark.parametrize("seen", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(seen: list[Seen]) -> None:
    assert concerns_of(CODE, course_of(seen), family()) == []


def test_severe_once_is_one_kind() -> None:
    assert concerns_of(CODE, [session(1, "w", severity=3)], family()) == []


def test_three_of_four_needs_one_today() -> None:
    assert concerns_of(CODE, course_of(["w", "w", ""]), family()) == []


def test_two_who_name_the_same_kind_saw_one() -> None:
    marks = (indicator("withdrawal", source="o1"), indicator("withdrawal", source="dr-7", toward=None))
    assert concerns_of(CODE, [therapy_session(1, indicators=marks)], family()) == []


def test_kinds_pool_over_sources_and_over_whom_they_were_shown_to() -> None:
    marks = (
        indicator("withdrawal", toward=None, severity=2, source="o1"),
        indicator("negativity", toward="eva", severity=1, source="dr-7"),
    )
    assert dict(only([therapy_session(1, indicators=marks)]).signal.values) == {
        "kinds": 2,
        "seen": "negativity, withdrawal",
        "level": 2,
        "source": "observer/o1",
        "sessions_mild": 1,
    }


def test_each_member_counts_alone_and_a_therapist_not_at_all() -> None:
    marks = (indicator("withdrawal", "ana"), indicator("negativity", "tom"))
    assert concerns_of(CODE, [therapy_session(1, indicators=marks)], family()) == []
    marks = (indicator("withdrawal", "dr-7", "ana"), indicator("negativity", "dr-7", "ana"))
    assert concerns_of(CODE, [therapy_session(1, indicators=marks)], family()) == []


def test_a_mark_counts_even_if_nobody_said_that_somebody_looked() -> None:
    marks = (indicator("withdrawal"), indicator("appeasing"))
    assert only([therapy_session(1, indicators=marks, indicators_observed=False)]).severity is Severity.info


def test_a_session_that_was_not_held_shows_nothing() -> None:
    marks = (indicator("withdrawal"), indicator("appeasing"))
    assert concerns_of(CODE, [therapy_session(1, indicators=marks, status=SessionStatus.no_show)], family()) == []


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

CLEARS = [
    ("two clean sessions", ["wn", "", ""], [OPEN, RECOVERING, RECOVERED]),
    ("one is not enough", ["wn", ""], [OPEN, RECOVERING]),
    ("one kind is not clean", ["wn", "", "w", "", ""], [OPEN, RECOVERING, OPEN, RECOVERING, RECOVERED]),
    ("another kind is clean", ["wn", "m", "m"], [OPEN, RECOVERING, RECOVERED]),
    ("nobody looked", ["wn", None, "", None, ""], [OPEN, OPEN, RECOVERING, RECOVERING, RECOVERED]),
    ("six sessions without anybody looking", ["wn", *[None] * 6], [*[OPEN] * 6, CLOSED]),
]


@pytest.mark.parametrize(("seen", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(seen: list[Seen], states: list[State]) -> None:
    assert states_of(CODE, course_of(seen), family()) == states


@pytest.mark.parametrize("ana", [Attendance.no_show, Attendance.excused, Attendance.not_invited])
def test_absence_clears_nothing(ana: Attendance) -> None:
    sessions = [session(1, "wn"), session(2, "", ana), session(3, "", Attendance.late), session(4, "")]
    assert states_of(CODE, sessions, family()) == [OPEN, OPEN, RECOVERING, RECOVERED]


def test_talking_about_it_does_not_shorten_it() -> None:
    talked = therapy_session(2, indicators_observed=True, discussed=frozenset({(CODE, ANA)}))
    assert states_of(CODE, [session(1, "wn"), talked], family()) == [OPEN, RECOVERING]


def test_window_passed_has_a_reason() -> None:
    assert only(course_of(["wn", *[None] * 6])).reason is Reason.window_passed


def test_scores_inside_it_stay_in_what_is_usual() -> None:
    sessions = [therapy_session(n, rating("ana", 90), indicators=session(n, "wn").indicators) for n in (1, 2, 3)]
    assert concerns_of("trust-bond-loss", [*sessions, therapy_session(4, rating("ana", 60))], family()) != []


def test_memory_is_bounded_and_stored() -> None:
    seen: list[Seen] = ["w", "wn", "", None, "", "", "", "p"] * 10
    runs = [memory.runs for memory in memories_of(CODE, course_of(seen), family())]
    assert max(len(run.get("member/ana", ())) for run in runs) == 4
    assert {} in runs  # four clean sessions forget her
