"""Possible concealment, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Attendance, Indicator, SessionStatus, Severity, TherapySession
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import family, indicator, rating, therapy_session

CODE = "possible-concealment"
ANA = ("member/ana",)

Shown = tuple[float | None, int | None]  # Ana's total, and her withdrawal; 0: none seen; None: not rated, nobody looked


def withdrawal(severity: int = 2, source: str = "o1", from_: str = "ana") -> Indicator:
    return indicator("withdrawal", from_, None, severity, source)


def session(number: int, shown: Shown, ana: Attendance | None = None) -> TherapySession:
    total, level = shown
    return therapy_session(
        number,
        rating("eva", 90),
        *(() if total is None else [rating("ana", total)]),
        indicators=(withdrawal(level),) if level else (),
        indicators_observed=level is not None,
        attendance={"ana": ana} if ana else {},
    )


def course_of(shown: Sequence[Shown]) -> list[TherapySession]:
    return [session(number, both) for number, both in enumerate(shown, start=1)]


def only(sessions: Sequence[TherapySession]) -> Concern:
    (concern,) = concerns_of(CODE, sessions, family())
    return concern


FIRES: list[tuple[str, list[Shown]]] = [
    ("at both limits, in the first session", [(95, 2)]),
    ("full and severe", [(100, 3)]),
    ("after a calm session", [(100, 0), (100, 2)]),
]

QUIET: list[tuple[str, list[Shown]]] = [
    ("just below nearly full", [(94.9, 3)]),
    ("mild withdrawal, again and again", [(100, 1), (100, 1), (100, 1)]),
    ("full marks alone", [(100, 0), (100, 0)]),
    ("full marks, and nobody looked", [(100, None)]),
    ("withdrawal without a rating", [(None, 3)]),
    ("not in the same session", [(100, 0), (90, 3), (100, 0)]),
]


@pytest.mark.parametrize("shown", [row[1] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(shown: list[Shown]) -> None:
    concern = only(course_of(shown))
    assert (concern.subject, concern.severity, concern.number) == (ANA, Severity.info, len(shown))
    assert (concern.signal.values["total"], concern.signal.values["level"]) == shown[-1]


@pytest.mark.parametrize("shown", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(shown: list[Shown]) -> None:
    assert concerns_of(CODE, course_of(shown), family()) == []


@pytest.mark.parametrize(
    ("mark", "fires"),
    [
        (withdrawal(source="dr-7"), True),
        (withdrawal(source="eva"), True),
        (withdrawal(source="ana"), False),  # who tells of it conceals nothing
        (withdrawal(from_="eva"), False),
        (indicator("appeasing", severity=3), False),
        (indicator("minimal-response", severity=3), False),
    ],
)
def test_who_withdraws_and_who_tells(mark: Indicator, fires: bool) -> None:
    assert bool(concerns_of(CODE, [therapy_session(1, rating("ana", 100), indicators=(mark,))], family())) is fires


def test_sources_pool_by_the_highest_and_her_own_word_counts_for_nothing() -> None:
    marks = (withdrawal(1, "eva"), withdrawal(2, "o1"), withdrawal(3, "ana"))
    values = only([therapy_session(1, rating("ana", 100), indicators=marks)]).signal.values
    assert (values["level"], values["source"]) == (2, "observer/o1")


def test_a_rating_given_in_company_is_no_sign() -> None:
    watched = therapy_session(1, rating("ana", 100, not_alone=True), indicators=(withdrawal(),))
    assert concerns_of(CODE, [watched], family()) == []


def test_an_outcome_form_is_no_sign_and_a_child_s_form_is() -> None:
    for form, fires in (("ors", False), ("csrs", True)):
        seen = therapy_session(1, rating("ana", 100, instrument=form), indicators=(withdrawal(),))
        assert bool(concerns_of(CODE, [seen], family())) is fires


def test_over_several_forms_the_fullest() -> None:
    both = (rating("ana", 95, instrument="softa_s"), rating("ana", 98))
    signal = only([therapy_session(1, *both, indicators=(withdrawal(),))]).signal
    assert signal.series == "member/ana|srs|post|therapist|total"
    assert signal.value("total") == pytest.approx(98)


def test_a_session_that_was_not_held_shows_nothing() -> None:
    unheld = therapy_session(1, rating("ana", 100), indicators=(withdrawal(),), status=SessionStatus.no_show)
    assert concerns_of(CODE, [unheld], family()) == []


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

CLEARS: list[tuple[str, list[Shown], list[State]]] = [
    ("no withdrawal twice", [(100, 0), (100, 0)], [RECOVERING, RECOVERED]),
    ("mild withdrawal twice", [(100, 1), (100, 1)], [RECOVERING, RECOVERED]),
    ("below nearly full twice, and nobody looked", [(94.9, None), (94.9, None)], [RECOVERING, RECOVERED]),
    ("below nearly full while withdrawn", [(94.9, 3), (94.9, 3)], [RECOVERING, RECOVERED]),
    ("the one, then the other", [(100, 0), (90, 2)], [RECOVERING, RECOVERED]),
    ("both again", [(100, 0), (100, 2), (100, 0)], [RECOVERING, OPEN, RECOVERING]),
    ("full, and nobody looked", [(100, None), (100, 0)], [OPEN, RECOVERING]),
    ("not rated, and nobody looked", [(None, None), (None, 0)], [OPEN, RECOVERING]),
    ("not rated, and withdrawn", [(None, 2), (None, 3)], [OPEN, OPEN]),
    ("six sessions that tell neither", [(100, None)] * 6, [*[OPEN] * 5, CLOSED]),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(after: list[Shown], states: list[State]) -> None:
    assert states_of(CODE, course_of([(100, 2), *after]), family()) == [OPEN, *states]


def test_absence_clears_nothing() -> None:
    sessions = [session(1, (100, 2)), session(2, (None, 0), Attendance.no_show), session(3, (None, 0))]
    assert states_of(CODE, sessions, family()) == [OPEN, OPEN, RECOVERING]


def test_another_form_below_full_clears_nothing() -> None:
    other = therapy_session(2, rating("ana", 60, instrument="softa_s"))
    assert states_of(CODE, [session(1, (100, 2)), other], family()) == [OPEN, OPEN]


def test_window_passed_has_a_reason() -> None:
    assert only(course_of([(100, 2), *[(100, None)] * 6])).reason is Reason.window_passed


def test_it_remembers_nothing() -> None:
    assert len({repr(memory) for memory in memories_of(CODE, course_of([(100, 2)] * 5), family())}) == 1
