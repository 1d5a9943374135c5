"""Pinsof's levels of the alliance: each member, each subsystem, the whole family, and within the family."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain.consensus import Consensus, consensuses
from service.domain.instruments import instruments
from service.domain.model import Family, Phase, RaterKind, Rating, TherapySession
from service.domain.spread import mean_of

Percents = Mapping[str, float]  # rater or member → percent


@dataclass(frozen=True, slots=True)
class Subsystem:
    """What somebody rated about a subsystem; the mean of its members stands beside and is not called its alliance."""

    rated: Percents
    member_mean: float | None


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels of one instrument family, rater kind and phase, in percent of the form's primary dimension.

    A form without a total (SOFTA-o) has no level but `within`; its marks are dimensions of a balance. Where several
    observers gave a mark, their `consensus` stands here, by dimension and whom it is about.
    """

    instrument_family: str
    rater_kind: RaterKind
    phase: Phase
    individual: Percents
    subsystems: Mapping[str, Subsystem]
    family: Percents
    within: Percents
    consensus: Mapping[str, Mapping[str, Consensus]]


def levels(session: TherapySession, family: Family) -> tuple[Levels, ...]:
    """Return the levels of a session, one per instrument family, rater kind and phase; outcome forms have none."""
    found: dict[tuple[str, RaterKind, Phase], list[Rating]] = {}
    for rating in session.ratings:
        instrument = instruments()[rating.instrument]
        if instrument.context == "alliance":
            found.setdefault((instrument.family, rating.rater_kind, rating.phase), []).append(rating)
    return tuple(_levels(key, ratings, family) for key, ratings in sorted(found.items()))


def _levels(key: tuple[str, RaterKind, Phase], ratings: Sequence[Rating], family: Family) -> Levels:
    individual = {
        member: percent
        for rating in reversed(ratings)
        if (member := _member(rating)) and (percent := _percent(rating, "primary")) is not None
    }
    whole = {
        rating.rater_id: percent
        for rating in ratings
        if rating.about == "family" and (percent := _percent(rating, "primary")) is not None
    }
    return Levels(
        *key,
        individual=dict(sorted(individual.items())),
        subsystems=_subsystems(ratings, individual, family),
        family=whole,
        within=_within(ratings),
        consensus=consensuses(ratings),
    )


def _member(rating: Rating) -> str:
    """Return whose own alliance a rating tells: a member's about the therapist, or somebody's about a member."""
    if rating.rater_kind is RaterKind.member:
        return rating.rater_id if rating.about == "therapist" else ""
    return rating.about.removeprefix("member/") if rating.about.startswith("member/") else ""


def _percent(rating: Rating, part: str) -> float | None:
    code = instruments()[rating.instrument].dimension_of(part)
    return rating.scores[code].percent if code is not None and code in rating.scores else None


def _subsystems(ratings: Sequence[Rating], individual: Percents, family: Family) -> dict[str, Subsystem]:
    """Return each subsystem that somebody rated or whose members have levels of their own."""
    rated: dict[str, dict[str, float]] = {}
    for rating in ratings:
        percent = _percent(rating, "primary") if rating.about.startswith("subsystem/") else None
        if percent is not None:
            rated.setdefault(rating.about.removeprefix("subsystem/"), {})[rating.rater_id] = percent
    result = {}
    for code in sorted({*rated, *family.subsystem_codes()}):
        own = [individual[member_id] for member_id in sorted(family.subsystem(code)) if member_id in individual]
        if own or code in rated:
            result[code] = Subsystem(rated.get(code, {}), mean_of(own) if own else None)
    return result


def _within(ratings: Sequence[Rating]) -> dict[str, float]:
    """Return how the family works together: the form's own dimension for it, else what members say of the family."""
    found: dict[str, float] = {}
    for rating in ratings:
        percent = _percent(rating, "within")
        if percent is None and rating.rater_kind is RaterKind.member and rating.about == "family":
            percent = _percent(rating, "primary")
        if percent is not None:
            found.setdefault(rating.rater_id, percent)
    return found
