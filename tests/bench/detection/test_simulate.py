"""The simulator: its arithmetic, its grid, and that a seed is a family."""

from dataclasses import replace
from math import isclose, sqrt
from random import Random
from statistics import fmean, pstdev

import pytest

from bench.detection.arrivals import Course
from bench.detection.inject import SESSIONS, concealed, courtesy, dip
from bench.detection.scenarios import BOTH_RATE, COUPLES, FAMILIES, LATE, MISSING
from bench.detection.simulate import WITHIN, World, courses, on_line, simulate, spread
from service.domain.model import Attendance, RaterKind, SessionStatus


def lines(course: Course, number: int, who: str) -> list[float]:
    """Return the four marks of a member in a session."""
    (rating,) = (item for item in course.sessions[number - 1].ratings if item.rater_id == who)
    return [rating.scores[name].raw for name in ("bond", "goals", "tasks", "overall")]


@pytest.mark.parametrize("within", [WITHIN, 0.3, 0.6])
def test_the_parts_of_a_spread_add_up(within: float) -> None:
    parts = spread(within)
    assert isclose(parts.state**2 + parts.noise**2 / 4, within**2)  # the mean of four lines
    assert isclose(parts.state**2 + parts.noise**2, (0.7 * within / 0.45) ** 2)  # one line


@pytest.mark.parametrize(("mark", "put"), [(9.04, 9.0), (9.06, 9.1), (10.7, 10.0), (-0.2, 0.0)])
def test_a_mark_is_on_the_form(mark: float, put: float) -> None:
    assert on_line(mark) == put


def test_the_same_seed_gives_the_same_families() -> None:
    once, again = (list(courses(FAMILIES, None, 2, seed=3)) for _ in range(2))
    assert once == again
    assert once[0] != once[1]
    assert list(courses(FAMILIES, None, 1, seed=3, first=1)) == once[1:]
    assert list(courses(FAMILIES, None, 1, seed=4)) != once[:1]


def test_a_rupture_moves_its_own_marks_and_nobody_elses() -> None:
    quiet, ruptured = (simulate(FAMILIES, rupture, Random(1)) for rupture in (None, dip("V", 3, 1)))
    moved = {
        (number, who)
        for number in range(1, SESSIONS + 1)
        for who in FAMILIES.family.members
        if lines(quiet, number, who) != lines(ruptured, number, who)
    }
    assert moved == {(6, "ana")}


def test_a_rupture_is_as_deep_as_it_says() -> None:
    deep = World("far from both ends", level=5.0)
    pairs = zip(courses(deep, None, 40, 1), courses(deep, dip("U", 2, 2), 40, 1), strict=True)
    falls = [fmean(lines(one, 7, "ana")) - fmean(lines(other, 7, "ana")) for one, other in pairs]
    assert fmean(falls) == pytest.approx(2 * WITHIN, abs=0.02)  # 0.9 of a mark; the grid rounds


@pytest.mark.parametrize(
    ("world", "width"),
    [
        (World("plain", level=5.0), 1.0),
        (World("wide", level=5.0, within=WITHIN * 1.35), 1.35),
        (World("heavy", level=5.0, heavy=True), 1.0),
        (World("own", level=5.0, own_spread=0.4), sqrt(1.16)),  # E(s²) = 1 + CV²
        (World("inert", level=5.0, inertia=0.0), 1.0),
    ],
    ids=lambda item: item.name if isinstance(item, World) else "",
)
def test_totals_spread_within_persons_as_a_world_says(world: World, width: float) -> None:
    squares = []
    for course in courses(world, None, 300, seed=1):
        for who in course.family.members:
            first, *_, last = (fmean(lines(course, number, who)) for number in (1, 5, 10))
            squares.append((last - first) ** 2 / 2)  # nine sessions apart nothing of the state is left
    assert sqrt(fmean(squares)) == pytest.approx(WITHIN * width, rel=0.1)


def test_levels_spread_between_persons() -> None:
    levels = [
        fmean(fmean(lines(course, number, who)) for number in range(1, SESSIONS + 1))
        for course in courses(World("middle", level=5.0), None, 300, seed=1)
        for who in course.family.members
    ]
    assert fmean(levels) == pytest.approx(5.0, abs=0.1)
    assert pstdev(levels) == pytest.approx(0.78, abs=0.06)  # √(0.75² + what is left of 0.45² in ten inert sessions)


def test_a_rising_world_rises() -> None:
    rising = World("rising", level=5.0, slope=0.1)
    ends = [lines(course, 10, "eva") for course in courses(rising, None, 200, 1)]
    starts = [lines(course, 1, "eva") for course in courses(rising, None, 200, 1)]
    assert fmean(map(fmean, ends)) - fmean(map(fmean, starts)) == pytest.approx(0.9, abs=0.1)  # nine steps of 0.1


def test_courtesy_marks_the_best_and_the_concealed_are_noted() -> None:
    (polite,) = courses(FAMILIES, courtesy(), 1, 1)
    assert [lines(polite, number, "ana") for number in range(6, 11)] == [[10.0] * 4] * 5
    hidden = courses(BOTH_RATE, concealed(), 100, 1)
    seen = [len(session.indicators) for course in hidden for session in course.sessions]
    assert sum(seen) == pytest.approx(100 * 5 * 0.6, rel=0.1)  # five sessions, seen by chance 0.6
    assert not any(session.indicators for session in polite.sessions)


def test_the_therapist_rates_where_the_world_says_so() -> None:
    (with_therapist,), (without,) = courses(BOTH_RATE, None, 1, 1), courses(COUPLES, None, 1, 1)
    assert [len(session.ratings) for session in with_therapist.sessions] == [5] * SESSIONS
    assert {rating.rater_kind for session in without.sessions for rating in session.ratings} == {RaterKind.member}


def test_some_stay_silent_and_some_leave() -> None:
    silent = [len(session.ratings) for course in courses(MISSING, None, 100, 1) for session in course.sessions]
    assert sum(silent) == pytest.approx(100 * 10 * 4 * 0.9, rel=0.02)
    left = list(courses(FAMILIES, dip("L", 2, None, leaving=0.15), 400, 1))
    stayed = [course for course in left if len(course.sessions) == SESSIONS and course.sessions[-1].held]
    assert len(stayed) / 400 == pytest.approx(0.85**4, abs=0.06)  # sessions 7 to 10
    gone = next(course for course in left if len(course.sessions) < SESSIONS)
    assert gone.sessions[-1].status is SessionStatus.no_show
    assert any(Attendance.no_show in session.attendance.values() for course in left for session in course.sessions)


def test_late_and_doubled_posts_come_to_the_same_course() -> None:
    (late,), (on_time,) = courses(LATE, None, 1, 1), courses(replace(LATE, late=0.0, doubled=0.0), None, 1, 1)
    assert late.known(SESSIONS) == list(on_time.sessions)
    assert len(late.posts) > len(on_time.posts)
    assert not late.on_time
