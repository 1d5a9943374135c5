"""Convergence: whether the therapist and the family see the alliance rise and fall together.

Therapists rate lower than clients and every source has its own scale, so nobody is compared with another directly:
each stands against its own earlier scores, and both standings go out beside their difference.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.domain.concern import Baseline
from service.domain.groups import Group
from service.domain.instruments import instruments
from service.domain.model import Family, Phase, RaterKind, Rating, TherapySession, member_reference
from service.domain.moment import series_name
from service.domain.references import OURS, References
from service.domain.spread import mean_of
from service.domain.trajectory import Series, at_least, below, pooled_sigma, z_against

CUT = 1.0  # how far apart two corners stand at least, in their own spreads (ours)
FAMILY = "family"

Standings = Mapping[str, float]  # member, or whom a rating is about → z


class Split(StrEnum):
    """Which corner stands apart: nobody, the two of the family from each other, the therapist from both, or unclear."""

    nobody = "nobody"
    members = "members"
    therapist = "therapist"
    unclear = "unclear"


@dataclass(frozen=True, slots=True)
class Corners:
    """The therapist and the two sides of a family, `of` and `minus`: subsystems, or the two partners of a couple."""

    of: str
    minus: str
    standings: Standings
    split: Split


@dataclass(frozen=True, slots=True)
class Meeting:
    """One therapist beside the members: how each rating stands, by whom it is about, and less how those members do."""

    rated: Standings
    difference: Standings
    corners: Corners | None


@dataclass(frozen=True, slots=True)
class DimensionConvergence:
    """How the members stand in one dimension, and how each therapist does; who has too few scores is left out."""

    members: Standings
    therapists: Mapping[str, Meeting]


@dataclass(frozen=True, slots=True)
class Convergence:
    """By dimension; `reason` says why there is none."""

    reason: str | None
    dimensions: Mapping[str, DimensionConvergence]


def convergence(
    group: Group,
    units: Mapping[str, Sequence[Rating]],
    session: TherapySession,
    family: Family,
    series: Mapping[str, Series],
    references: References = OURS,
) -> Convergence | None:
    """Return how a group of members and the therapists converge; `series` are those AFTER the session.

    None where no therapist filled in such a form about the family or somebody in it, or members do not rate the
    therapist.
    """
    if group.rater_kind is not RaterKind.member or group.about != "therapist" or not session.held:
        return None
    by_therapist = _therapists(group, session)
    if not by_therapist:
        return None
    codes = dict.fromkeys(code for ratings in by_therapist.values() for rating in ratings for code in rating.scores)
    found: dict[str, DimensionConvergence] = {}
    for code in codes:
        seen = Seen(code, series, references.for_rules)
        members = dict(_standings(units.items(), seen))
        meetings = {who: _meeting(ratings, members, family, seen) for who, ratings in by_therapist.items()}
        met = {who: meeting for who, meeting in meetings.items() if meeting.difference}
        if met:
            found[code] = DimensionConvergence(members, met)
    return Convergence(None if found else "too-few-sessions", found)


def _therapists(group: Group, session: TherapySession) -> dict[str, list[Rating]]:
    found: dict[str, list[Rating]] = {}
    for rating in session.ratings:
        same = instruments()[rating.instrument].family == group.instrument_family and rating.phase is group.phase
        if same and rating.phase is Phase.post and rating.rater_kind is RaterKind.therapist:
            found.setdefault(rating.rater_id, []).append(rating)
    return found


@dataclass(frozen=True, slots=True)
class Seen:
    """One dimension, what is remembered of all series after the session, and how such scores spread."""

    code: str
    series: Mapping[str, Series]
    references: References


def _standings(rated: Iterable[tuple[str, Sequence[Rating]]], seen: Seen) -> Iterator[tuple[str, float]]:
    for whom, ratings in rated:
        first = next((rating for rating in ratings if seen.code in rating.scores), None)
        standing = None if first is None else _standing(first, seen)
        if standing is not None:
            yield whom, standing


def _standing(rating: Rating, seen: Seen) -> float | None:
    """Return how a score of this session stands against its own series.

    Formula:  z = (x − mu) / (sigma · sqrt(1 + 1/n)) over the n scores before it that the series still remembers
    Range:    unbounded; positive is better than usual
    Missing:  None with fewer than three earlier scores, and for a dimension of which nothing is remembered
    Source:   prediction interval for one further observation
    Ours:     at most seven earlier scores, those inside a concern included: what this source usually says
    """
    name = series_name(rating, seen.code)
    earlier = seen.series[name].recent[:-1] if name in seen.series else ()
    if not earlier:
        return None
    mu, sp = mean_of(earlier), seen.references.of(rating, seen.code).sp
    baseline = Baseline(name, mu, pooled_sigma(earlier, sp, mu), len(earlier), earlier[-1])
    return z_against(rating.scores[seen.code].percent, baseline)


def _meeting(ratings: Sequence[Rating], members: Standings, family: Family, seen: Seen) -> Meeting:
    rated = dict(_standings(((rating.about, [rating]) for rating in ratings), seen))
    others = {about: _mean_of(members, _meant(about, members, family)) for about in rated}
    difference = {about: rated[about] - other for about, other in others.items() if other is not None}
    return Meeting(rated, difference, _corners(rated, members, family))


def _meant(about: str, members: Standings, family: Family) -> frozenset[str]:
    """Return the members that a therapist's rating is about."""
    if about == FAMILY:
        return frozenset(members)
    kind, _, code = about.partition("/")
    return family.subsystem(code) if kind == "subsystem" else frozenset({code})


def _mean_of(members: Standings, some: frozenset[str]) -> float | None:
    found = [standing for member, standing in members.items() if member in some]
    return mean_of(found) if found else None


def _corners(rated: Standings, members: Standings, family: Family) -> Corners | None:
    """Return the three corners; None where one of them has no standing.

    The therapist stands as rated of the family, else as the mean of what was rated of its members one by one.
    """
    each = [standing for about, standing in rated.items() if about.startswith(member_reference(""))]
    therapist = rated[FAMILY] if FAMILY in rated else mean_of(each) if each else None
    for (of, one), (minus, other) in _sides(family):
        first, second = _mean_of(members, one), _mean_of(members, other)
        if therapist is not None and first is not None and second is not None:
            standings = {RaterKind.therapist.value: therapist, of: first, minus: second}
            return Corners(of, minus, standings, split_of(therapist, first, second))
    return None


Side = tuple[str, frozenset[str]]


def _sides(family: Family) -> Iterator[tuple[Side, Side]]:
    """Yield parents and youths, then the two partners of a couple."""
    parents, youths = family.subsystem("parents"), family.subsystem("youths")
    if parents and youths and parents.isdisjoint(youths):
        yield ("parents", parents), ("youths", youths)
    partners = sorted(family.subsystem("couple"))
    if len(partners) == 2:
        one, other = partners
        yield (one, frozenset({one})), (other, frozenset({other}))


def split_of(therapist: float, one: float, other: float) -> Split:
    """Return which of three corners stands apart.

    Formula:  all pairs less than 1 apart: nobody; else the larger of |one − other| and |mean(one, other) − therapist|,
              where it is at least 1; of equal ones the family's own
    Range:    nobody, members, therapist; unclear where a pair is 1 apart and neither figure is
    Missing:  all three are the caller's to see to
    Source:   balanced, adult-youth and family-therapist types in 156 families (Escudero 2022), found there as clusters
    Ours:     the limit of 1

    >>> split_of(0.2, 0.4, -1.9).value, split_of(1.5, -0.2, 0.0).value, split_of(0.0, 0.5, -0.4).value
    ('members', 'therapist', 'nobody')
    """
    pairs = (abs(one - other), abs(one - therapist), abs(other - therapist))
    if all(below(pair, CUT) for pair in pairs):
        return Split.nobody
    within, without = pairs[0], abs(mean_of((one, other)) - therapist)
    if at_least(within, CUT) and at_least(within, without):
        return Split.members
    return Split.therapist if at_least(without, CUT) else Split.unclear
