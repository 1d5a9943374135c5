"""Ceiling-ratings, by folding whole small courses."""

from collections.abc import Mapping, Sequence

import pytest

from service.domain.concern import Concern, Reason, State
from service.domain.model import Phase, RaterKind, Rating, SessionStatus, TherapySession
from service.domain.rules.ceiling_ratings import Memory, Run
from tests.domain.rules.walking import concerns_of, long_course, memories_of, states_of
from tests.factories import family, rating, therapy_session

CODE = "ceiling-ratings"
ANA = ("member/ana",)
SERIES = "member/ana|srs|post|therapist|total"
Scores = Sequence[float | None]


def course_of(totals: Scores, outcomes: Scores, instrument: str = "srs", first: int = 1) -> list[TherapySession]:
    """Return sessions from Ana's even ratings and her outcomes in percent; None where she gave none."""
    return [
        therapy_session(
            number,
            *(() if total is None else [rating("ana", total, instrument=instrument)]),
            *(() if outcome is None else [rating("ana", outcome, instrument="ors", phase=Phase.pre)]),
        )
        for number, (total, outcome) in enumerate(zip(totals, outcomes, strict=True), start=first)
    ]


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


# The cut-off of the ORS is 25 of 40 = 62.5 percent, its usual spread 5.
FIRES = [
    ("four times 97, the outcome low throughout", [97] * 4, [40] * 4),
    ("just below the cut-off", [100] * 4, [62.4] * 4),
    ("risen by less than its spread", [100] * 4, [40, 50, 40, 44.9]),
    ("an outcome that falls", [100] * 4, [80, 70, 60, 50]),
    ("one outcome at first and one today", [100] * 4, [40, None, None, 40]),
    ("the first outcome in the third session", [100] * 4, [None, None, 40, 40]),
    ("missing ratings are left out", [100, None, 100, 100, None, 100], [40] * 6),
    ("after a lower one", [90, 100, 100, 100, 100], [40] * 5),
    ("the outcome comes late", [100] * 6, [None, None, None, None, 40, 40]),
    ("a Likert form", [98] * 4, [40] * 4),
]
QUIET = [
    ("three times", [100] * 3, [40] * 3),
    ("one at 96.9", [100, 100, 96.9, 100], [40] * 4),
    ("an outcome at the cut-off", [100] * 4, [62.5] * 4),
    ("an outcome that rises by its spread", [100] * 4, [40, 40, 40, 45]),
    ("no outcome at all", [100] * 10, [None] * 10),
    ("no outcome today", [100] * 4, [40, 40, 40, None]),
    ("one outcome alone", [100] * 4, [None, None, None, 40]),
    ("the outcome before a lower rating does not count", [90, 100, 100, 100, 100], [40, None, None, None, 40]),
]


@pytest.mark.parametrize(("totals", "outcomes"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(totals: Scores, outcomes: Scores) -> None:
    (concern,) = concerns(course_of(totals, outcomes))
    assert (concern.subject, concern.severity, concern.number) == (ANA, "info", len(totals))


@pytest.mark.parametrize(("totals", "outcomes"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(totals: Scores, outcomes: Scores) -> None:
    assert concerns(course_of(totals, outcomes)) == []


@pytest.mark.parametrize(
    ("instrument", "dimensions", "fires"),
    [
        ("srs", {"bond": 95}, True),  # 5 apart
        ("srs", {"bond": 94.9}, False),
        ("csrs", {}, False),  # a child's form
        ("wai_sr", {"bond": 95}, True),  # no lines: its subscales
        ("wai_sr", {"bond": 94}, False),
        ("wai_sr", {"bond": None, "goals": None, "tasks": None}, False),  # a total alone shows no evenness
    ],
)
def test_lines_must_be_even(instrument: str, dimensions: Mapping[str, float | None], fires: bool) -> None:
    low = rating("ana", 40, instrument="ors")
    sessions = [
        therapy_session(number, rating("ana", 100, instrument=instrument, dimensions=dimensions), low)
        for number in range(1, 5)
    ]
    assert bool(concerns(sessions)) is fires


def full(number: int, outcome: Rating, not_alone: bool = False) -> TherapySession:
    return therapy_session(number, rating("ana", 100, not_alone=not_alone), outcome)


@pytest.mark.parametrize(
    ("outcome", "fires"),
    [
        (rating("ana", 40, instrument="ors", about="member/ana"), True),
        (rating("ana", 40, instrument="ors", about="member/kim"), False),
        (rating("eva", 40, instrument="ors"), False),
        (rating("eva", 40, instrument="ors", about="member/ana"), False),
        (rating("dr-7", 40, instrument="ors", about="member/ana", kind=RaterKind.therapist), False),
    ],
    ids=["about herself", "about her brother", "her mother's", "her mother's about her", "the therapist's about her"],
)
def test_only_her_own_outcome_counts(outcome: Rating, fires: bool) -> None:
    assert bool(concerns([full(number, outcome) for number in range(1, 5)])) is fires


def test_a_rating_given_not_alone_neither_counts_nor_breaks_the_run() -> None:
    low = rating("ana", 40, instrument="ors")
    together = [full(number, low, not_alone=number == 3) for number in range(1, 6)]
    assert concerns(together[:4]) == []
    assert [item.number for item in concerns(together)] == [5]


def test_a_session_that_was_not_held_counts_nothing() -> None:
    given = (rating("ana", 100), rating("ana", 40, instrument="ors"))
    away = therapy_session(4, *given, status=SessionStatus.no_show)
    assert concerns([*course_of([100] * 3, [40] * 3), away]) == []


def test_its_basis_tells_the_figures_and_the_limits() -> None:
    lines: dict[str, float | None] = {"bond": 96, "goals": 98, "tasks": 98, "overall": 100}
    given = rating("ana", 98, dimensions=lines)
    sessions = [
        therapy_session(number, given, rating("ana", outcome, instrument="ors"))
        for number, outcome in enumerate((41, 42, 43, 44), start=1)
    ]
    (concern,) = concerns(sessions)
    assert concern.signal.values == pytest.approx(
        {
            "series": SERIES,
            "total": 98,
            "line_range": 4,
            "sessions": 4,
            "outcome_series": "member/ana|ors|post|therapist|total",
            "outcome": 44,
            "first_outcome": 41,
        }
    )
    assert concern.signal.thresholds == {
        "total": 97.0,
        "line_range": 5.0,
        "sessions": 4,
        "outcome_cut": 62.5,
        "outcome_rise": 5.0,
    }


OPEN, RECOVERED, CLOSED = State.open, State.recovered, State.closed

CLEARS = [
    ("full marks go on", [100, 100], [OPEN] * 3),
    ("any that is not full", [96.9, 100], [OPEN, RECOVERED, RECOVERED]),
    ("absence says nothing", [None, 96], [OPEN, OPEN, RECOVERED]),
    ("six held sessions without a rating", [None] * 6, [OPEN] * 6 + [CLOSED]),
]


@pytest.mark.parametrize(("after", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(after: Scores, states: list[State]) -> None:
    sessions = course_of([100] * 4 + [*after], [40] * (4 + len(after)))
    assert states_of(CODE, sessions, family())[3:] == states


def test_uneven_lines_clear_it_though_the_total_is_full() -> None:
    uneven = rating("ana", 98, dimensions={"bond": 92})
    (concern,) = concerns([*course_of([100] * 4, [40] * 4), therapy_session(5, uneven)])
    assert concern.state is RECOVERED


def test_a_better_outcome_does_not_clear_it_for_it_is_the_ratings_that_say_little() -> None:
    (concern,) = concerns(course_of([100] * 5, [40, 40, 40, 40, 90]))
    assert concern.state is OPEN


def test_it_speaks_once_in_a_course() -> None:
    again = course_of([100] * 4 + [90] + [100] * 8, [40] * 13)
    assert [(item.openings, item.state) for item in concerns(again)] == [(1, RECOVERED)]
    closed = concerns(course_of([100] * 4 + [None] * 6 + [100] * 8, [40] * 18))
    assert [(item.openings, item.reason) for item in closed] == [(1, Reason.window_passed)]


def test_every_member_is_spoken_of_by_their_own_ratings() -> None:
    low = [rating(who, 40, instrument="ors") for who in ("ana", "eva")]
    sessions = [
        therapy_session(number, rating("ana", 100), *low, *([rating("eva", 100)] if number > 2 else ()))
        for number in range(1, 7)
    ]
    assert [(item.subject, item.opened_session_id) for item in concerns(sessions)] == [
        (ANA, "s4"),
        (("member/eva",), "s6"),
    ]


def test_its_memory_keeps_the_runs_alone() -> None:
    *_, last = memories_of(CODE, course_of([100, 90, 100, 100], [40, 41, 42, 43]), family())
    assert last == Memory({SERIES: Run(2, {"member/ana|ors|pre|therapist|total": 42.0})})
    *_, long = memories_of(CODE, long_course(seed=5), family())
    assert len(long.runs) <= 4
