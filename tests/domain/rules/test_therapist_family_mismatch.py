"""Therapist-family-mismatch, by folding whole small courses."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern, State
from service.domain.model import RaterKind, SessionStatus, TherapySession
from service.domain.rules.therapist_family_mismatch import Memory
from tests.domain.rules.walking import concerns_of, memories_of, states_of
from tests.factories import family, rating, therapy_session

CODE = "therapist-family-mismatch"
MEMBERS = ("eva", "tom", "ana", "oma")
Tasks = Sequence[float | None]
CAST = family(*MEMBERS)


def session(number: int, *tasks: float | None, instrument: str = "srs") -> TherapySession:
    """Return a session from the tasks of Eva, Tom, Ana and Oma in percent (None: not rated); all else stays at 90."""
    return therapy_session(
        number,
        *(
            rating(who, 90, instrument=instrument, dimensions={"tasks": score})
            for who, score in zip(MEMBERS, tasks, strict=False)
            if score is not None
        ),
    )


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, CAST)


# The low mark of an SRS line is 80, of a Likert subscale 50.
FIRES = [
    ("two of four", "srs", [(79.9, 79.9, 90, 90)] * 2),
    ("two others than at first", "srs", [(79, 79, 90, 90), (90, 90, 79, 79)]),
    ("one of two", "srs", [(79, 90)] * 2),
    ("two of three", "srs", [(79, 79, 90)] * 2),
    ("who did not rate is not counted", "srs", [(79, None, 90, None)] * 2),
    ("a child's form", "csrs", [(79, 90)] * 2),
    ("a Likert form", "wai_sr", [(49.9, 90)] * 2),
]
QUIET = [
    ("the first session alone", "srs", [(79, 79)]),
    ("at the low mark", "srs", [(80, 90)] * 2),
    ("one of three", "srs", [(79, 90, 90)] * 2),
    ("one of four", "srs", [(79, 90, 90, 90)] * 2),
    ("the second session only", "srs", [(90, 90), (70, 70)]),
    ("the first session only", "srs", [(70, 70), (90, 90)]),
    ("the second and the third", "srs", [(90, 90), (70, 70), (70, 70)]),
    ("the first and the third", "srs", [(70, 70), (90, 90), (70, 70)]),
    ("one rater alone", "srs", [(50,)] * 2),
    ("one rater in the second", "srs", [(50, 50), (50,)]),
    ("a Likert form at its low mark", "wai_sr", [(50, 50)] * 2),
]


@pytest.mark.parametrize(("instrument", "tasks"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(instrument: str, tasks: Sequence[Tasks]) -> None:
    (concern,) = concerns([session(number, *each, instrument=instrument) for number, each in enumerate(tasks, start=1)])
    assert (concern.subject, concern.severity, concern.opened_session_id) == (("family",), "info", "s2")


@pytest.mark.parametrize(("instrument", "tasks"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(instrument: str, tasks: Sequence[Tasks]) -> None:
    found = concerns([session(number, *each, instrument=instrument) for number, each in enumerate(tasks, start=1)])
    assert found == []


def test_quiet_where_a_form_has_no_tasks_and_about_what_the_therapist_says() -> None:
    helped = [rating(who, 20, instrument="haq_ii") for who in MEMBERS]
    theirs = [rating("dr-7", 20, kind=RaterKind.therapist, about=about) for about in ("family", "member/ana")]
    assert concerns([therapy_session(number, *helped, *theirs) for number in (1, 2)]) == []


def test_a_session_that_was_not_held_is_neither_of_the_two() -> None:
    low = [session(number, 70, 70) for number in (1, 3)]
    away = therapy_session(2, status=SessionStatus.no_show)
    assert [item.opened_session_id for item in concerns([low[0], away, low[1]])] == ["s3"]


def test_a_member_is_low_when_one_of_their_forms_is_low() -> None:
    both = [
        therapy_session(
            number,
            rating("eva", 90, dimensions={"tasks": 79}),
            rating("eva", 90, instrument="wai_sr"),
            rating("tom", 90),
        )
        for number in (1, 2)
    ]
    (concern,) = concerns(both)
    assert concern.signal.values == {"low": 1, "of": 2, "sessions": 2}
    assert concern.signal.thresholds == {"share": 0.5, "raters": 2}
    assert concern.signal.raters == ("member/eva", "member/tom")


OPEN, RECOVERING, RECOVERED = State.open, State.recovering, State.recovered


@pytest.mark.parametrize(
    ("after", "states"),
    [
        ([(80, 80), (80, 80)], [OPEN, RECOVERING, RECOVERED]),
        ([(79, 80, 80), (79, 80, 80)], [OPEN, RECOVERING, RECOVERED]),  # one of three
        ([(80, 80), (79, 80), (80, 80)], [OPEN, RECOVERING, OPEN, RECOVERING]),
        ([(80, 80), (80,), (80, 80)], [OPEN, RECOVERING, RECOVERING, RECOVERED]),  # one alone says nothing
        ([(80,)] * 6, [OPEN] * 6 + [State.closed]),
    ],
)
def test_clears(after: Sequence[Tasks], states: list[State]) -> None:
    sessions = [session(number, *each) for number, each in enumerate([(70, 70), (70, 70), *after], start=1)]
    assert states_of(CODE, sessions, CAST)[1:] == states


def test_its_memory_is_of_the_first_session_alone() -> None:
    sessions = [session(number, 70, 70) for number in (1, 2, 3)]
    assert list(memories_of(CODE, sessions, CAST)) == [Memory(low_first=True), Memory(), Memory()]
