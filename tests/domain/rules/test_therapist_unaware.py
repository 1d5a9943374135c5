"""The therapist unaware, by folding whole small courses: it raises what a member's own ratings opened."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.domain.concern import Concern, Raised, Values
from service.domain.model import Rating, Severity, TherapySession
from service.domain.rules.therapist_unaware import Memory
from tests.domain.rules.walking import concerns_of, long_course, memories_of
from tests.factories import family, rating, therapy_session

CODE, FOLLOWED = "therapist-unaware", "out-of-limits"
ANA = ("member/ana",)
STILL: dict[str, float | None] = {"bond": 90, "goals": 90, "tasks": 90}
Totals = Sequence[float | None]

# Three totals at 90: z = (x − 90)/5 (see the twin of out-of-limits), so 79 is a note. The therapist's three at 85 have
# the same spread: z = (x − 85)/5.
FALLEN = (90, 90, 90, 79, 79)


def session(
    number: int, ana: float | None, therapist: float | None, *more: Rating, about: str = "family"
) -> TherapySession:
    hers = [] if ana is None else [rating("ana", ana, dimensions=STILL)]
    theirs = [] if therapist is None else [rating("dr-7", therapist, about=about)]
    return therapy_session(number, rating("eva", 95), *hers, *theirs, *more)


def course_of(ana: Totals, therapist: Totals, about: str = "family") -> list[TherapySession]:
    pairs = zip(ana, therapist, strict=True)
    return [session(number, *pair, about=about) for number, pair in enumerate(pairs, start=1)]


def note(sessions: Sequence[TherapySession]) -> Concern:
    (concern,) = concerns_of(FOLLOWED, sessions, family())
    return concern


FIRES = [
    ("as usual in both sessions", (85, 85, 85, 85, 85)),
    ("a little lower", (85, 85, 85, 82.6, 82.6)),
    ("higher", (85, 85, 85, 95, 95)),
]
QUIET = [
    ("lower in the second", (85, 85, 85, 85, 80)),
    ("lower in the first", (85, 85, 85, 80, 85)),
    ("z −0.5", (85, 85, 85, 85, 82.5)),
    ("no rating in the second", (85, 85, 85, 85, None)),
    ("fewer than three before", (None, 85, 85, 85, 85)),
    ("no rating at all", (None,) * 5),
]


@pytest.mark.parametrize("about", ["family", "member/ana"])
@pytest.mark.parametrize("therapist", [row[1] for row in FIRES], ids=[row[0] for row in FIRES])
def test_fires(therapist: Totals, about: str) -> None:
    raised = note(course_of(FALLEN, therapist, about))
    assert (raised.subject, raised.severity, raised.signal.severity) == (ANA, "warning", "info")
    assert raised.raised is not None
    assert raised.raised.by == CODE


@pytest.mark.parametrize("therapist", [row[1] for row in QUIET], ids=[row[0] for row in QUIET])
def test_quiet(therapist: Totals) -> None:
    concern = note(course_of(FALLEN, therapist))
    assert (concern.severity, concern.raised) == ("info", None)


def test_it_opens_no_alert_of_its_own() -> None:
    assert concerns_of(CODE, course_of(FALLEN, (85,) * 5), family()) == []


def test_the_basis_says_by_what_it_was_raised() -> None:
    series = "therapist/dr-7|srs|post|family|total"
    seen: Values = {"series": series, "therapist_total": 85.0, "therapist_z": 0.0}
    assert note(course_of(FALLEN, (85,) * 5)).raised == Raised(
        CODE, seen, {"therapist_z": -0.5, "sessions": 2, "own_z": -1.75}
    )


def test_of_two_the_rating_about_the_member_counts() -> None:
    own = [rating("dr-7", total, about="member/ana") for total in (85, 85, 85, 70, 70)]
    sessions = [session(number, FALLEN[number - 1], 85, own[number - 1]) for number in range(1, 6)]
    assert note(sessions).raised is None


def test_a_session_without_them_is_waited_for() -> None:
    ana, therapist = (90, 90, 90, 79, None, 79), (85, 85, 85, 85, 85, 85)
    assert note(course_of(ana, therapist)).severity == "warning"
    assert note(course_of((*FALLEN, 79), (85, 85, 85, 85, None, 85))).severity == "warning"


def test_who_says_that_there_was_strain_has_noticed() -> None:
    said = rating("dr-7", instrument="strain", about="family", answers={"strain": 1, "settled": 5})
    none = rating("dr-7", instrument="strain", about="family", answers={"strain": 0})
    before = course_of(FALLEN[:4], (85,) * 4)
    assert note([*before, session(5, 79, 85, said)]).raised is None
    assert note([*before, session(5, 79, 85, none)]).raised is not None


def test_what_was_talked_about_is_known() -> None:
    *before, opening, last = course_of(FALLEN, (85,) * 5)
    talked = replace(opening, discussed=frozenset({(FOLLOWED, ANA)}))
    assert note([*before, talked, last]).raised is None


@pytest.mark.parametrize(("fallen", "severity"), [(77.5, "warning"), (75, "critical")])
def test_a_warning_is_never_raised_to_critical(fallen: float, severity: str) -> None:
    concern = note(course_of((90, 90, 90, fallen, fallen), (85,) * 5))
    assert (concern.severity, concern.raised) == (severity, None)


def test_an_alert_of_a_usual_level_tells_of_nothing_to_miss() -> None:
    low = [therapy_session(n, rating("ana", 90, dimensions={"goals": 70}), rating("dr-7", 85)) for n in range(1, 9)]
    (goals,) = concerns_of("goal-misalignment", low, family())
    assert (goals.signal.route, goals.number, goals.severity, goals.raised) == ("low-mark", 8, "info", None)


# Goals of 90, 90, 90, 79: mu 87.25, s 5.5, sigma √((6·49 + 3·30.25)/9) = 6.538, z = (x − 87.25)/(6.538·√1.25).
@pytest.mark.parametrize(("goals", "z", "severity"), [(74.4, -1.758, "warning"), (75.5, -1.607, "info")])
def test_what_is_hardly_told_is_not_raised(goals: float, z: float, severity: str) -> None:
    told = [
        therapy_session(number, rating("ana", 90, dimensions={"goals": each}), rating("dr-7", 85))
        for number, each in enumerate((90, 90, 90, 79, goals), start=1)
    ]
    (concern,) = concerns_of("goal-misalignment", told, family())
    assert (concern.signal.route, concern.severity) == ("own-level", severity)
    assert concern.signal.values["z"] == pytest.approx(z, abs=0.001)


def test_a_session_in_which_she_rated_and_it_did_not_speak_begins_the_count_anew() -> None:
    # 84 is z −1.2: no longer out of limits and not yet recovered
    assert note(course_of((*FALLEN[:4], 84, 79), (85,) * 6)).severity == "info"


def test_a_strain_that_only_the_member_reports_is_raised() -> None:
    strained = rating("ana", instrument="strain", answers={"strain": 3, "settled": 2})
    sessions = [session(n, 90, 85, *([strained] if n > 3 else [])) for n in range(1, 6)]
    (concern,) = concerns_of("strain-report", sessions, family())
    assert (concern.severity, concern.raised is not None) == (Severity.warning, True)


def test_in_the_first_three_sessions_nothing_is_raised() -> None:
    strained = rating("ana", instrument="strain", answers={"strain": 3, "settled": 2})
    sessions = [session(number, 90, 85, strained) for number in range(1, 6)]
    found = [concerns_of("strain-report", sessions[:kept], family())[0].severity for kept in (3, 4, 5)]
    assert found == ["info", "info", "warning"]  # the therapist's own level is known from the fourth on


def test_its_memory_keeps_whose_alert_stands_unnoticed() -> None:
    sessions = course_of((*FALLEN, 90, 90), (85,) * 7)
    *_, first, second, recovering, recovered = memories_of(CODE, sessions, family())
    assert (first, second) == (Memory({"member/ana": 1}), Memory({"member/ana": 2}))
    assert recovering == recovered == Memory()
    assert all(len(memory.unnoticed) <= 5 for memory in memories_of(CODE, long_course(seed=5), family()))
