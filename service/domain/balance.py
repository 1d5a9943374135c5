"""Ratings of one session → balances: how strong, how even, which way it leans. All in percent points."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from types import MappingProxyType

from service.domain.convergence import Convergence, convergence
from service.domain.couple import Couple, couple_of
from service.domain.groups import Group, group_of, grouped, unit_of
from service.domain.instruments import Reference, instruments
from service.domain.model import Family, RaterKind, Rating, TherapySession, member_reference
from service.domain.presence import CAME, present
from service.domain.references import OURS, References, z_among
from service.domain.spread import mean_of, population_sd
from service.domain.trajectory import CEILING, Series, at_least, at_most

Scores = Mapping[str, float]  # member → percent
NO_SERIES: Mapping[str, Series] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SoFar:
    """What a balance rests on beside its session: joint sessions by group, all series with this session, references."""

    joint: Mapping[str, int]
    series: Mapping[str, Series]
    references: References


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much stands behind a balance; `present` is None where nothing is known of who was there."""

    raters: int
    present: int | None
    at_ceiling: int
    joint_sessions: int
    reference: str


@dataclass(frozen=True, slots=True)
class Weakest:
    value: float
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subgroups:
    """The cut of a group with the largest difference of means; `reliable` None while reliability is unknown."""

    groups: tuple[tuple[str, ...], tuple[str, ...]]
    difference: float
    reliable: bool | None


@dataclass(frozen=True, slots=True)
class Polarity:
    """Who stands on the good and who on the bad side of 0: of a scale around it, or of what is usual elsewhere."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    of: str
    minus: str
    value: float


@dataclass(frozen=True, slots=True)
class DimensionBalance:
    """The figures of one dimension for n ≥ 2 units.

    `polarity` is that of marks around 0; `polarity_z` of how scores stand by a mean that is verified or the
    organization's own.
    """

    n: int
    strength: float
    weakest: Weakest
    gap: float
    gap_z: float | None
    dispersion: float
    agreement_index: float
    side: Scores
    subgroups: Subgroups | None
    polarity: Polarity | None
    discrepancies: tuple[Discrepancy, ...]
    polarity_z: Polarity | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """The figures of one session for one comparable group; `reason` says why there are none.

    `couple` is there where two partners both filled in a couple's form, `convergence` where a therapist filled in the
    members' form too.
    """

    group: Group
    instruments: tuple[str, ...]
    reason: str | None
    coverage: Coverage
    dimensions: Mapping[str, DimensionBalance]
    couple: Couple | None = None
    convergence: Convergence | None = None

    @property
    def mixed(self) -> bool:
        return len(self.instruments) > 1


def balances(
    session: TherapySession,
    family: Family,
    joint: Mapping[str, int],
    series: Mapping[str, Series] = NO_SERIES,
    references: References = OURS,
) -> tuple[Balance, ...]:
    """Return the balance of each comparable group of a session.

    `joint` counts joint sessions by group and `series` are the raters' scores so far, this session's included.
    """
    known = SoFar(joint, series, references)
    return tuple(_balance(group, units, session, family, known) for group, units in grouped(session).items())


def missing_raters(session: TherapySession, family: Family, rating: Rating) -> tuple[str, ...]:
    """Return the references of the members whose rating of this rating's group is still missing, sorted.

    Active, expected members count, but not those who were excused, late-cancelled, no-show or not invited; a group
    that is not about members misses nobody.
    """
    group = group_of(rating)
    if group.rater_kind is not RaterKind.member and group.about != "member":
        return ()
    there = {unit_of(other) for other in session.ratings if group_of(other) == group}
    return tuple(
        member_reference(member_id)
        for member_id, member in sorted(family.members.items())
        if member.awaited and member_id not in there and not _away(session, member_id)
    )


def _away(session: TherapySession, member_id: str) -> bool:
    entry = session.attendance.get(member_id)
    return not session.held if entry is None else entry not in CAME


def _balance(
    group: Group,
    units: Mapping[str, Sequence[Rating]],
    session: TherapySession,
    family: Family,
    known: SoFar,
) -> Balance:
    codes = tuple(sorted({rating.instrument for of_unit in units.values() for rating in of_unit}))
    enough = len(units) >= 2
    return Balance(
        group=group,
        instruments=codes,
        reason=None if enough else "fewer-than-two-raters",
        coverage=_coverage(group, units, session, family, known),
        dimensions=dict(_dimensions(units, codes, family, known.references)) if enough else {},
        couple=couple_of(units) if enough else None,
        convergence=convergence(group, units, session, family, known.series, known.references),
    )


def _coverage(
    group: Group, units: Mapping[str, Sequence[Rating]], session: TherapySession, family: Family, known: SoFar
) -> Coverage:
    there = [present(session, member_id) for member_id in family.members]
    return Coverage(
        raters=len(units),
        present=None if all(item is None for item in there) else sum(item is True for item in there),
        at_ceiling=sum(any(_at_ceiling(rating) for rating in of_unit) for of_unit in units.values()),
        joint_sessions=known.joint.get(group.text, 0),
        reference=known.references.kind(rating for of_unit in units.values() for rating in of_unit),
    )


def _at_ceiling(rating: Rating) -> bool:
    primary = instruments()[rating.instrument].primary
    return primary is not None and primary in rating.scores and at_least(rating.scores[primary].percent, CEILING)


def _dimensions(
    units: Mapping[str, Sequence[Rating]], codes: Sequence[str], family: Family, references: References
) -> Iterator[tuple[str, DimensionBalance]]:
    """Yield each dimension that at least two units scored, in the order of the instrument."""
    order = dict.fromkeys(code for instrument in codes for code in instruments()[instrument].dimensions)
    for code in order:
        scored = {
            unit: rating for unit, ratings in units.items() for rating in reversed(ratings) if code in rating.scores
        }
        if len(scored) >= 2:
            first = instruments()[min(rating.instrument for rating in scored.values())]
            percents = {unit: rating.scores[code].percent for unit, rating in scored.items()}
            signed = {unit: rating.scores[code].raw for unit, rating in scored.items()} if first.signed else {}
            reference = references.among(list(scored.values()), code)
            figures = dimension_balance(percents, reference, family, signed)
            if references.known or reference.mean is not None:
                figures = replace(figures, polarity_z=_polarity(_among_others(scored, code, references)))
            yield code, figures


def _among_others(scored: Mapping[str, Rating], code: str, references: References) -> dict[str, float]:
    """Return how each score stands among those of other families; without a mean to hold it against it is left out."""
    found = {unit: z_among(rating.scores[code].percent, references.of(rating, code)) for unit, rating in scored.items()}
    return {unit: z for unit, z in found.items() if z is not None}


def dimension_balance(
    scores: Scores, reference: Reference, family: Family, signed: Scores = MappingProxyType({})
) -> DimensionBalance:
    """Return the figures of one dimension.

    Formula:  strength = mean, weakest = min, gap = max − min, dispersion = population SD,
              agreement index = 100·(1 − SD/SDmax(n)), side = x − mean of the others, gap_z = gap ÷ SD of reference
    Range:    0..100, gap_z ≥ 0, side −100..100
    Missing:  a member without a score is not counted, never taken as 0; n ≥ 2 is the caller's to see to
    Source:   range of the two most discrepant members as in Welmers-van de Poll; SDmax by counting corners
    Ours:     the agreement index and the side index
    """
    values = list(scores.values())
    lowest, mean, spread = min(values), mean_of(values), population_sd(values)
    gap = max(values) - lowest
    return DimensionBalance(
        n=len(values),
        strength=mean,
        weakest=Weakest(lowest, tuple(sorted(unit for unit, value in scores.items() if at_most(value, lowest)))),
        gap=gap,
        gap_z=gap / reference.sd,
        dispersion=spread,
        agreement_index=100 * (1 - spread / largest_spread(len(values))),
        side=_side(scores),
        subgroups=_subgroups(scores, reference) if len(values) >= 3 else None,
        polarity=_polarity(signed),
        discrepancies=tuple(_discrepancies(scores, family)),
    )


def largest_spread(n: int) -> float:
    """Return the largest population SD that n scores of 0..100 can have.

    Formula:  100·sqrt(floor(n/2)·ceil(n/2)) / n, half of them at each end
    Range:    50 for even n, less for odd n
    Missing:  n ≥ 1
    Ours:     its use as the unit of agreement, so that couples and larger families share one scale

    >>> [round(largest_spread(n), 2) for n in (2, 3, 4, 5)]
    [50.0, 47.14, 50.0, 48.99]
    """
    return 100 * sqrt((n // 2) * (n - n // 2)) / n


def _side(scores: Scores) -> dict[str, float]:
    total, n = sum(scores.values()), len(scores)
    return {unit: value - (total - value) / (n - 1) for unit, value in scores.items()}


def _subgroups(scores: Scores, reference: Reference) -> Subgroups:
    """Return the cut of the ordered scores with the largest difference of means; of equal ones the lowest cut."""
    ordered = sorted((value, unit) for unit, value in scores.items())
    values, units = [value for value, _ in ordered], [unit for _, unit in ordered]
    cuts = range(1, len(ordered))
    means = {cut: mean_of(values[cut:]) - mean_of(values[:cut]) for cut in cuts}
    best = max(cuts, key=lambda cut: (round(means[cut], 9), -cut))
    low, high = units[:best], units[best:]
    reliable = None
    if reference.reliability is not None and reference.fact.verified:
        noise = 1.96 * sqrt(2) * reference.sd * sqrt(1 - reference.reliability)
        reliable = at_least(means[best], noise)
    return Subgroups((tuple(sorted(low)), tuple(sorted(high))), means[best], reliable)


def _polarity(signed: Scores) -> Polarity | None:
    """Return the two sides of 0 when somebody is at +1 or more and somebody at −1 or less: points, or z."""
    positive = tuple(sorted(unit for unit, raw in signed.items() if at_least(raw, 1)))
    negative = tuple(sorted(unit for unit, raw in signed.items() if at_most(raw, -1)))
    return Polarity(positive, negative) if positive and negative else None


def _discrepancies(scores: Scores, family: Family) -> Iterator[Discrepancy]:
    """Yield signed differences of means for disjoint subsystems that both have scores, parents − youths first."""
    means = {}
    for code, members in family.members_by_subsystem.items():
        own = [value for unit, value in scores.items() if unit in members]
        if own:
            means[code] = mean_of(own)
    for of, minus in family.opposites:
        if of in means and minus in means:
            yield Discrepancy(of, minus, means[of] - means[minus])
