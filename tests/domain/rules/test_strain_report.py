"""Strain reports, by folding whole small courses."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.domain.concern import Concern, State
from service.domain.model import Rating, Severity, TherapySession
from service.domain.rules import rules
from tests.domain.rules.walking import concerns_of, states_of
from tests.factories import family, rating, therapy_session

CODE = "strain-report"
ANA = ("member/ana",)
INFO, WARNING = Severity.info, Severity.warning

Told = tuple[float, float | None] | None  # strength, and how settled if they said; None: no report


def report(who: str, told: Told, about: str = "") -> list[Rating]:
    if told is None:
        return []
    strain, settled = told
    answers = {"strain": strain} if settled is None else {"strain": strain, "settled": settled}
    named = about or ("family" if who == "dr-7" else "therapist")
    return [rating(who, instrument="strain", about=named, answers=answers)]


def after(first: int, *sessions: Sequence[Rating]) -> list[TherapySession]:
    """Return sessions with these ratings, from a number on; Eva is always there, so each counts as held and rated."""
    return [
        therapy_session(number, rating("eva", 95), *ratings) for number, ratings in enumerate(sessions, start=first)
    ]


def course_of(*told: Told, who: str = "ana") -> list[TherapySession]:
    """Return three sessions without a report, in which ratings alone would be notes, and then these reports."""
    return after(1, *[[]] * 3, *(report(who, each) for each in told))


def concerns(sessions: Sequence[TherapySession]) -> list[Concern]:
    return concerns_of(CODE, sessions, family())


FIRES = [
    ("strength 3, hardly settled", (3, 2), INFO),
    ("strength 3, not settled at all", (3, 1), INFO),
    ("strength 3, and nobody said that it is settled", (3, None), INFO),
    ("strength 4", (4, 2), WARNING),
    ("strength 5, and nobody said that it is settled", (5, None), WARNING),
]
QUIET = [
    ("no strain", (0, None)),
    ("strength 2", (2, 1)),
    ("settled halfway", (5, 3)),
    ("settled", (5, 5)),
    ("no report", None),
]


@pytest.mark.parametrize("who", ["ana", "dr-7"])
@pytest.mark.parametrize(("told", "severity"), [row[1:] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(told: Told, severity: Severity, who: str) -> None:
    (concern,) = concerns(course_of(told, who=who))
    assert (concern.subject, concern.severity) == (ANA if who == "ana" else ("family",), severity)
    assert concern.signal.route == ("own" if who == "ana" else "therapist")


@pytest.mark.parametrize("told", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(told: Told) -> None:
    assert concerns(course_of(told)) == []


def test_a_form_that_says_only_how_settled_it_is_opens_nothing() -> None:
    half = rating("ana", instrument="strain", answers={"settled": 1})
    assert concerns(after(1, [], [], [], [half])) == []


@pytest.mark.parametrize(
    ("ratings", "subjects", "sources"),
    [
        # the therapist's report about the family stands behind the member's own
        ([report("ana", (3, 2)), report("dr-7", (3, 2))], [ANA], 2),
        ([report("ana", (3, 2)), report("eva", (3, 2))], [ANA, ("member/eva",)], 2),
        ([report("ana", (3, 2)), report("dr-7", (3, 2), "member/ana")], [ANA], 2),
        ([report("dr-7", (3, 2), "member/ana"), report("dr-7", (3, 2))], [ANA], 1),  # one person twice
        ([report("ana", (3, 2)), report("dr-7", (3, 4))], [ANA], 1),  # for the therapist it is settled
        ([report("ana", (3, 4)), report("dr-7", (3, 2))], [("family",)], 1),
    ],
)
def test_two_people_are_more_than_one(
    ratings: list[list[Rating]], subjects: list[tuple[str, ...]], sources: int
) -> None:
    found = concerns(after(1, [], [], [], [each for one in ratings for each in one]))
    assert [item.subject for item in found] == subjects
    for concern in found:
        assert concern.signal.values["sources"] == sources
        assert concern.severity is (WARNING if sources > 1 else INFO)
        assert (concern.signal.route == "agreed") == (sources > 1)


def test_it_never_speaks_of_the_therapist() -> None:
    told = report("dr-7", (5, 1), "therapist")
    assert [item.subject for item in concerns(after(1, [], [], [], told))] == [("family",)]


def test_it_tells_who_reported_to_nobody_but_in_the_raters_of_its_basis() -> None:
    (concern,) = concerns(course_of((4, 1)))
    assert concern.signal.raters == ANA
    assert concern.signal.values == {"strength": 4, "settled": 1, "sources": 1}
    assert concern.signal.thresholds == {"strength": 3, "settled": 2, "strong": 4, "sources": 2}
    assert not any(name in text for text in rules()[CODE].texts.values() for name in ("Ana", "ana ", "mother", "other"))


def test_in_the_first_three_sessions_it_is_a_note() -> None:
    (concern,) = concerns(after(1, report("ana", (5, 1))))
    assert concern.severity is INFO
    (again,) = concerns(after(1, *[report("ana", (5, 1))] * 4))
    assert again.severity is WARNING


OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed

CLEARS = [
    ("none twice", [(4, 1), (0, None), (0, None)], [OPEN, RECOVERING, RECOVERED]),
    ("settled twice", [(4, 1), (3, 4), (5, 5)], [OPEN, RECOVERING, RECOVERED]),
    ("none, and then lighter but not settled", [(4, 1), (0, None), (2, 2)], [OPEN, RECOVERING, OPEN]),
    ("no report says nothing", [(4, 1), None, (0, None), None, (0, None)], [OPEN, OPEN, *[RECOVERING] * 2, RECOVERED]),
    ("settled halfway", [(4, 1), (4, 3), (1, 3)], [OPEN, OPEN, OPEN]),
    ("six sessions without a report", [(4, 1), *[None] * 6], [*[OPEN] * 6, CLOSED]),
]


@pytest.mark.parametrize(("told", "states"), [row[1:] for row in CLEARS], ids=[row[0] for row in CLEARS])
def test_clears(told: list[Told], states: list[State]) -> None:
    assert states_of(CODE, course_of(*told), family())[3:] == states


def test_what_only_tells_how_settled_it_is_clears_too() -> None:
    half = rating("ana", instrument="strain", answers={"settled": 4})
    sessions = [*course_of((4, 1)), *after(5, [half], [half])]
    assert states_of(CODE, sessions, family())[3:] == [OPEN, RECOVERING, RECOVERED]


def test_only_the_one_who_reported_it_can_say_that_it_is_over() -> None:
    none_of_it = report("dr-7", (0, None), "member/ana")
    sessions = [*course_of((4, 1)), *after(5, none_of_it, none_of_it)]
    assert states_of(CODE, sessions, family())[3:] == [OPEN, OPEN, OPEN]


def test_once_is_enough_when_it_was_talked_about() -> None:
    talked = frozenset({(CODE, ANA)})
    *before, opening, settled = course_of((4, 1), (0, None))
    told = [*before, replace(opening, discussed=talked), settled]
    assert states_of(CODE, told, family())[3:] == [OPEN, RECOVERED]
