"""Early-low, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Family, Severity, TherapySession
from tests.domain.rules.walking import concerns_of, states_of
from tests.factories import course, family, rating, therapy_session

CODE = "early-low"


def concerns(sessions: Sequence[TherapySession], known: Family | None = None) -> list[Concern]:
    return concerns_of(CODE, sessions, known or family())


# SRS: low mark 80 less the usual spread of 5 = 75, a rise is 5. Likert totals: 50 less 7 = 43, a rise is 7.
FIRES = [
    ("two of two, at the limit", "srs", [75, 75]),
    ("just below a rise", "srs", [70, 74.9]),
    ("falling", "srs", [75, 60]),
    ("the first and the third", "srs", [75, 90, 75]),
    ("the second and the third", "srs", [90, 75, 75]),
    ("their own first three, however late", "srs", [None, None, None, None, 75, 75]),
    ("a child's form", "csrs", [75, 75]),
    ("a Likert form", "wai_sr", [43, 43]),
]
QUIET = [
    ("one alone", "srs", [40]),
    ("the first alone", "srs", [40, 90, 90]),
    ("the newest just above", "srs", [75, 75.1]),
    ("a rise", "srs", [70, 75]),
    ("a rise to the third", "srs", [70, 76, 75]),
    ("the newest is not low", "srs", [75, 76, 80]),
    ("the fourth", "srs", [75, 90, 90, 75]),
    ("missing totals are no totals", "srs", [75, None, None]),
    ("a Likert form just above", "wai_sr", [43, 43.1]),
    ("a Likert rise", "wai_sr", [36, 43]),
]


@pytest.mark.parametrize(("instrument", "totals"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires_at_the_latest_as_a_warning_even_in_the_first_three_sessions(
    instrument: str, totals: list[float | None]
) -> None:
    (concern,) = concerns(course(instrument, ana=totals))
    assert (concern.subject, concern.severity) == (("member/ana",), Severity.warning)
    assert concern.opened_session_id == f"s{len(totals)}"


@pytest.mark.parametrize(("instrument", "totals"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(instrument: str, totals: list[float | None]) -> None:
    assert concerns(course(instrument, ana=totals)) == []


@pytest.mark.parametrize(("program", "severity"), [("trauma", "info"), ("fft", "warning"), (None, "warning")])
def test_where_a_low_start_is_expected_it_is_a_note(program: str | None, severity: str) -> None:
    (concern,) = concerns(course(ana=[60, 60]), family(program=program))
    assert concern.severity == severity


def test_over_several_forms_the_lowest_stands() -> None:
    both = [therapy_session(number, rating("ana", 70), rating("ana", 30, instrument="wai_sr")) for number in (1, 2)]
    (concern,) = concerns(both)
    assert concern.signal.values["series"] == "member/ana|wai_sr|post|therapist|total"


OPEN, RECOVERING, RECOVERED = State.open, State.recovering, State.recovered


@pytest.mark.parametrize(
    ("after", "states"),
    [
        ([75.1, 75.1], [OPEN, RECOVERING, RECOVERED]),
        ([75, 75.1], [OPEN, OPEN, RECOVERING]),
        ([75.1, 75, 75.1, 75.1], [OPEN, RECOVERING, OPEN, RECOVERING, RECOVERED]),
        ([75.1, None, 75.1], [OPEN, RECOVERING, RECOVERING, RECOVERED]),
        ([75, 75, 75, 75], [OPEN] * 5),  # steady is not settled here
    ],
)
def test_clears(after: list[float | None], states: list[State]) -> None:
    sessions = course(ana=[75, 75, *after], eva=[95] * (2 + len(after)))
    assert states_of(CODE, sessions, family())[1:] == states


@pytest.mark.parametrize(
    ("after", "states"),
    [
        ([65, 65], [OPEN, RECOVERING, RECOVERED]),  # a rise of 5 since the first
        ([64.9, 65], [OPEN, OPEN, RECOVERING]),
        ([66, 64, 66, 66], [OPEN, RECOVERING, OPEN, RECOVERING, RECOVERED]),
    ],
)
def test_a_rise_since_the_first_clears_too(after: list[float], states: list[State]) -> None:
    sessions = course(ana=[60, 60, *after], eva=[95] * (2 + len(after)))
    assert states_of(CODE, sessions, family())[1:] == states


def test_talking_about_it_does_not_shorten_it() -> None:
    talked = therapy_session(3, rating("ana", 80), discussed=frozenset({(CODE, ("member/ana",))}))
    assert concerns([*course(ana=[75, 75]), talked])[0].state is RECOVERING


def test_six_held_sessions_without_a_total_close_it() -> None:
    sessions = course(ana=[75, 75], eva=[95] * 8)
    assert states_of(CODE, sessions, family())[-2:] == [OPEN, State.closed]
    assert concerns(sessions)[0].reason is Reason.window_passed


def test_it_cannot_open_again_after_the_first_three() -> None:
    found = concerns(course(ana=[75, 75, 76, 76, 60, 60]))
    assert [(item.openings, item.state) for item in found] == [(1, RECOVERED)]
