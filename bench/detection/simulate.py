"""A seeded simulator of families who rate each session, with or without a rupture.

Formula:  mark = own level + slope·t + state + noise of the line + shift of the rupture, clipped to 0-10, in 0.1 steps;
          state is AR(1), a part of its innovations a shock that all of the family feel
Source:   the SRS in raw points of 40 as published: mean 36, SD 3 between and 1.8 within persons, autocorrelation 0.3;
          members of a family resemble each other by 0.12 to 0.35
Ours:     the shared quarter of a session's state, the noise of a line, and the worlds that differ from these numbers
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import exp, log, sqrt
from random import Random

from bench.detection.arrivals import Course, course_of
from bench.detection.inject import SESSIONS, Rupture
from service.domain.instruments import instruments
from service.domain.model import (
    Attendance,
    Family,
    Indicator,
    Member,
    MemberRole,
    Phase,
    RaterKind,
    Rating,
    SessionStatus,
    TherapySession,
)
from service.domain.scoring import score_answers

MEAN, BETWEEN, WITHIN, LINE_WITHIN = 9.0, 0.75, 0.45, 0.7  # per line of 10: 36, 3 and 1.8 of 40; 7 percent of a line
LIKENESS = 0.25  # share of the variance between persons that a family has in common
SHARED = 0.25  # share of a session's state that all of the family feel
INERTIA = 0.3
THERAPIST, OBSERVER = "dr-7", "o1"
THERAPIST_LEVEL, THERAPIST_WITHIN = 8.6, 0.4
MONDAY = datetime(2026, 1, 5, 16, 0, tzinfo=UTC)


def _family(modality: str, **roles: MemberRole) -> Family:
    members = {member_id: Member(role) for member_id, role in roles.items()}
    return Family(members=members, therapists=(THERAPIST,), modality=modality)


PARENT, YOUTH, PARTNER = MemberRole.parent, MemberRole.youth, MemberRole.partner
FOUR = _family("family", eva=PARENT, tom=PARENT, ana=YOUTH, kim=YOUTH)
TWO = _family("couple", eva=PARTNER, tom=PARTNER)


@dataclass(frozen=True, slots=True)
class World:
    """How a kind of family is; the defaults are what the rules' own references were made for.

    `offsets` move a member's level; `own_spread` is the coefficient of variation of persons' own SDs; `heavy` draws
    from Student's t with 3 degrees of freedom, as wide on average. `late` is the chance that a rating arrives with the
    next session's, `doubled` that it is posted twice, `missing` that there is none.
    """

    name: str
    family: Family = field(default_factory=lambda: FOUR)
    level: float = MEAN
    offsets: Mapping[str, float] = field(default_factory=dict)
    within: float = WITHIN
    inertia: float = INERTIA
    slope: float = 0.0
    own_spread: float = 0.0
    heavy: bool = False
    late: float = 0.0
    doubled: float = 0.0
    missing: float = 0.0
    therapist: bool = False


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


def courses(world: World, rupture: Rupture | None, count: int, seed: int, first: int = 0) -> Iterator[Course]:
    """Yield families of a world; the same seed and place give the same family, with a rupture or without."""
    for place in range(first, first + count):
        yield simulate(world, rupture, Random(f"{seed}/{world.name}/{place}"))


def simulate(world: World, rupture: Rupture | None, random: Random) -> Course:
    """Return one family's course; who comes, answers and posts is drawn apart, so that it moves no mark."""
    habits = Random(random.random())
    people = [_Person(who, world, level, random) for who, level in _levels(world, random).items()]
    sessions: list[TherapySession] = []
    for number in range(1, SESSIONS + 1):
        ruptured = rupture if rupture is not None and rupture.lasts(number) else None
        if ruptured and number > ruptured.first and habits.random() < ruptured.leaving:
            sessions.append(_nobody_came(number))
            break
        marks = _marks(people, number, rupture, random)
        sessions.append(_session(number, marks, world, ruptured, habits))
    return course_of(world.family, sessions, habits, world.late, world.doubled)


def _levels(world: World, random: Random) -> dict[str, float]:
    shared = random.gauss(0, BETWEEN * sqrt(LIKENESS))
    own = BETWEEN * sqrt(1 - LIKENESS)
    return {
        who: world.level + world.offsets.get(who, 0.0) + shared + random.gauss(0, own) for who in world.family.members
    }


class _Person:
    """A member with a level, a spread of their own and the state in which the last session left them."""

    def __init__(self, who: str, world: World, level: float, random: Random) -> None:
        self.who, self.world, self.level, self.random = who, world, level, random
        width = sqrt(log(1 + world.own_spread**2))
        parts, own = spread(world.within), exp(random.gauss(0, width) - width**2 / 2)  # mean 1, CV as asked
        self.parts = Spread(parts.state * own, parts.noise * own)
        self.state = self.parts.state * self._unit()

    def _unit(self) -> float:
        """Return a draw with mean 0 and SD 1."""
        normal = self.random.gauss(0, 1)
        if not self.world.heavy:
            return normal
        return normal / sqrt(sum(self.random.gauss(0, 1) ** 2 for _ in range(3)))  # t/√3, as t with 3 df has SD √3

    def lived_on(self, shock: float) -> None:
        inertia = self.world.inertia
        fresh = sqrt(SHARED) * shock + sqrt(1 - SHARED) * self._unit()
        self.state = inertia * self.state + sqrt(1 - inertia**2) * self.parts.state * fresh

    def marks(self, number: int, shift: float) -> list[float]:
        true = self.level + self.world.slope * (number - 1) + self.state + shift
        return [on_line(true + self.parts.noise * self._unit()) for _ in range(4)]


def on_line(mark: float) -> float:
    """Return a mark as the form takes it: between 0 and 10, in steps of 0.1."""
    return round(min(10.0, max(0.0, mark)), 1)


def _marks(people: list[_Person], number: int, rupture: Rupture | None, random: Random) -> dict[str, list[float]]:
    """Return what each would mark in this session."""
    shock = random.gauss(0, 1)
    found = {}
    for person in people:
        person.lived_on(shock)
        shift = rupture.depth(number, person.who) * person.world.within if rupture else 0.0
        found[person.who] = person.marks(number, shift)
    return found


def _session(
    number: int, marks: Mapping[str, list[float]], world: World, rupture: Rupture | None, habits: Random
) -> TherapySession:
    """Return a held session; `rupture` is given while it lasts."""
    ratings, attendance, seen = [], {}, []
    for who, own in marks.items():
        touched = rupture is not None and who in rupture.touched
        silent, away, noted = (habits.random() for _ in range(3))
        if silent < (rupture.missing if rupture and touched and rupture.missing else world.missing):
            attendance[who] = Attendance.no_show if touched and away < 0.5 else Attendance.attended
            continue
        courteous = rupture is not None and who in rupture.courteous
        ratings.append(_rating(RaterKind.member, who, [10.0] * 4 if courteous else own, world))
        if rupture and touched and noted < rupture.withdrawn:
            seen.append(Indicator("withdrawal", f"member/{who}", f"therapist/{THERAPIST}", 2, f"observer/{OBSERVER}"))
    if world.therapist:
        level = THERAPIST_LEVEL + (rupture.therapist if rupture else 0.0)
        own = [on_line(habits.gauss(level, THERAPIST_WITHIN)) for _ in range(4)]
        ratings.append(_rating(RaterKind.therapist, THERAPIST, own, world))
    return TherapySession(
        session_id=f"s{number}",
        held_at=_held_at(number),
        therapists=(THERAPIST,),
        attendance=attendance,
        indicators_observed=True,
        indicators=tuple(seen),
        ratings=tuple(ratings),
    )


def _rating(kind: RaterKind, who: str, marks: list[float], world: World) -> Rating:
    member = kind is RaterKind.member
    lines = ("relationship", "goals", "approach", "overall")
    return Rating(
        rater_kind=kind,
        rater_id=who,
        about="therapist" if member else "family",
        phase=Phase.post,
        instrument="srs",
        scores=score_answers(instruments()["srs"], dict(zip(lines, marks, strict=True))),
        role=world.family.members[who].role if member else None,
    )


def _nobody_came(number: int) -> TherapySession:
    return TherapySession(f"s{number}", _held_at(number), SessionStatus.no_show, (THERAPIST,))


def _held_at(number: int) -> datetime:
    return MONDAY + timedelta(days=7 * (number - 1))
