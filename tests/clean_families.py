"""A seeded simulator of families in which nothing is wrong, and of a few in which one thing is.

A member's mark on a line = own level + state of the session (AR(1), partly shared by the family) + noise of the line,
clipped to 0-10 and rounded to 0.1. The numbers follow what is known of the SRS, in raw points of 40: mean 36, SD 3
between and 1.8 within persons, autocorrelation 0.3; members of a family resemble each other a little (ICC 0.25).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from random import Random

from service.domain.model import Family, MemberRole, TherapySession
from tests.factories import couple, family, rating, srs, therapy_session

SESSIONS = 10
MEAN, BETWEEN, WITHIN, LINE_WITHIN = 9.0, 0.75, 0.45, 0.7  # per line of 10: 36, 3 and 1.8 of 40; 7 percent of a line
LIKENESS = 0.25  # share of the variance between persons that a family has in common (published: 0.12 to 0.35)
SHARED = 0.25  # share of a session's state that all of the family feel
INERTIA = 0.3

FOUR = family("eva", "tom", "ana", "kim", roles={"kim": MemberRole.youth})
TWO = couple()


@dataclass(frozen=True, slots=True)
class Spread:
    """How a true score and a line's own noise make up the within-person SD of a total and of a line.

    The mean of four lines keeps the state and a quarter of the noise's variance, one line keeps both:
    state² + noise²/4 = total², state² + noise² = line².
    """

    state: float
    noise: float


def spread(within: float) -> Spread:
    """Return the two parts for a within-person SD of the total per line; the line's SD grows in proportion."""
    line = LINE_WITHIN * within / WITHIN
    noise = sqrt((line**2 - within**2) / 0.75)
    return Spread(sqrt(line**2 - noise**2), noise)


def clean_course(
    random: Random, of: Family, within: float = WITHIN, shifts: Mapping[tuple[int, str], float] | None = None
) -> list[TherapySession]:
    """Return ten weekly sessions of a family; `shifts` move somebody's lines at a session number, in marks."""
    parts = spread(within)
    shared_level = random.gauss(0, BETWEEN * sqrt(LIKENESS))
    levels = {who: MEAN + shared_level + random.gauss(0, BETWEEN * sqrt(1 - LIKENESS)) for who in of.members}
    states = {who: random.gauss(0, parts.state) for who in of.members}
    course = []
    for number in range(1, SESSIONS + 1):
        shock = random.gauss(0, 1)
        ratings = []
        for who in of.members:
            fresh = sqrt(SHARED) * shock + sqrt(1 - SHARED) * random.gauss(0, 1)
            states[who] = INERTIA * states[who] + sqrt(1 - INERTIA**2) * parts.state * fresh
            true = levels[who] + states[who] + (shifts or {}).get((number, who), 0.0)
            marks = [round(min(10.0, max(0.0, true + random.gauss(0, parts.noise))), 1) for _ in range(4)]
            ratings.append(rating(who, answers=srs(*marks), role=of.members[who].role))
        course.append(therapy_session(number, *ratings, indicators_observed=True))
    return course


def clean_courses(count: int, of: Family, seed: int, within: float = WITHIN) -> Iterator[list[TherapySession]]:
    """Yield the courses of some clean families; the same seed gives the same ones."""
    random = Random(seed)
    return (clean_course(random, of, within) for _ in range(count))


def dropping_courses(count: int, of: Family, seed: int, who: str, depth: float) -> Iterator[list[TherapySession]]:
    """Yield courses in which one member falls by `depth` within-person SDs in session 6 alone."""
    random = Random(seed)
    shifts = {(6, who): -depth * WITHIN}
    return (clean_course(random, of, shifts=shifts) for _ in range(count))


def siding_courses(count: int, of: Family, seed: int, lost: str, won: str) -> Iterator[list[TherapySession]]:
    """Yield courses in which, from session 6 on, one member falls by 3 within-person SDs and another rises by 1."""
    random = Random(seed)
    shifts = {(number, lost): -3 * WITHIN for number in range(6, SESSIONS + 1)}
    shifts |= {(number, won): WITHIN for number in range(6, SESSIONS + 1)}
    return (clean_course(random, of, shifts=shifts) for _ in range(count))
