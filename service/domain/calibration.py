"""How an organization's own scores of a form spread: estimates for its references, each with what stands behind it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from service.domain.instruments import Instrument
from service.domain.model import MemberRole, RaterKind
from service.domain.references import OWN_RATINGS, OwnReference, Target
from service.domain.spread import mean_of, sample_sd
from service.domain.trajectory import KEPT

LEAST_PERSONS = 20  # of fewer nothing is told or kept: it would be about somebody, not about many (ours)
LEAST_RATINGS = 60
FEW_PERSONS, FEW_RATINGS = 50, 200  # of fewer an estimate is rough: an SD of 50 persons is known to a tenth (ours)
TIMES = 3  # scores that a person needs to say how much they vary
DIGITS = 3


@dataclass(frozen=True, slots=True)
class Answered:
    """One rating for an estimate: who (one person in one case about one thing), as what, in which language."""

    person: tuple[str, ...]
    kind: RaterKind
    role: MemberRole | None
    percents: Mapping[str, float]
    answers: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """One dimension among some raters, in percent points; `alpha_persons` are those whose answers are stored."""

    persons: int
    ratings: int
    mean: float
    sd: float
    sp: float | None
    alpha: float | None
    alpha_persons: int

    @property
    def enough(self) -> bool:
        return self.persons >= LEAST_PERSONS and self.ratings >= LEAST_RATINGS and self.sd > 0

    @property
    def rough(self) -> bool:
        return self.persons < FEW_PERSONS or self.ratings < FEW_RATINGS


Scores = Sequence[Sequence[float]]  # of each person, in the order of the course


def estimates(form: Instrument, ratings: Iterable[Answered], locale: str | None = None) -> dict[Target, Estimate]:
    """Return an estimate per dimension and role, and per dimension and kind of rater, of all ratings given.

    Those of one person come in the order of the course.
    """
    scores: dict[Target, dict[tuple[str, ...], list[float]]] = {}
    answers: dict[Target, dict[tuple[str, ...], list[float]]] = {}
    for rating in ratings:
        for role in dict.fromkeys((rating.kind.value, (rating.role or rating.kind).value)):
            for dimension, percent in rating.percents.items():
                target = (dimension, role, locale)
                scores.setdefault(target, {}).setdefault(rating.person, []).append(percent)
                marks = _marks(form, dimension, rating.answers)
                if marks is not None:
                    answers.setdefault(target, {}).setdefault(rating.person, marks)
    order = list(form.dimensions)
    return {
        target: estimate_of(list(scores[target].values()), list(answers.get(target, {}).values()))
        for target in sorted(scores, key=lambda target: (target[1], order.index(target[0])))
    }


def _marks(form: Instrument, dimension: str, answers: Mapping[str, float] | None) -> list[float] | None:
    """Return the answers to a dimension, all turned the same way; None where it is one item, or one is missing."""
    items = form.dimensions[dimension].items
    if answers is None or len(items) < 2 or any(item not in answers for item in items):
        return None
    turned = form.minimum + form.maximum
    return [turned - answers[item] if item in form.reversed_items else answers[item] for item in items]


def estimate_of(persons: Scores, answers: Scores) -> Estimate:
    """Return what is estimated of some persons' scores and of one complete set of answers of some of them."""
    return Estimate(
        persons=len(persons),
        ratings=sum(map(len, persons)),
        mean=mean_of([mean_of(scores) for scores in persons]),
        sd=sd_between(persons),
        sp=sd_within(persons),
        alpha=cronbach_alpha(answers),
        alpha_persons=len(answers),
    )


def sd_between(persons: Scores) -> float:
    """Return the SD of one score of one person.

    Formula:  sqrt(B + MSW), B = max(0, (MSB − MSW) / n0), n0 = (N − Σn²/N) / (k − 1), of k persons with N scores
    Range:    ≥ 0
    Missing:  0 for fewer than two persons; with one score a person it is the sample SD, MSW being 0 then and n0 1
    Source:   one-way random effects with unequal n (Searle, Casella & McCulloch 1992, Variance Components)

    >>> round(sd_between([[80.0, 84.0, 88.0], [60.0, 64.0, 68.0]]), 3)
    14.514
    """
    total, k = sum(map(len, persons)), len(persons)
    if k < 2:
        return 0.0
    grand = fsum(score for scores in persons for score in scores) / total
    between = fsum(len(scores) * (mean_of(scores) - grand) ** 2 for scores in persons) / (k - 1)
    within = _pooled(persons) if total > k else 0.0
    n0 = (total - fsum(len(scores) ** 2 for scores in persons) / total) / (k - 1)
    return sqrt(max(0.0, (between - within) / n0) + within)


def sd_within(persons: Scores) -> float | None:
    """Return how much a person varies around their own level, as rules compare: over at most eight scores in a row.

    Formula:  sqrt(ΣΣ(x − mean of the run)² / Σ(n of the run − 1)), runs of eight scores of persons with three or more
    Range:    ≥ 0
    Missing:  None where nobody has three scores
    Source:   the pooled within-group variance of a one-way ANOVA
    Ours:     runs of eight, since that is what a baseline remembers: a slow rise over a year is not how one varies

    >>> sd_within([[80.0, 84.0, 88.0], [60.0, 64.0, 68.0], [10.0, 90.0]])
    4.0
    """
    runs = [run for scores in persons if len(scores) >= TIMES for run in _runs(scores)]
    return sqrt(_pooled(runs)) if runs else None


def cronbach_alpha(answers: Scores) -> float | None:
    """Return how well the items of a form go together.

    Formula:  k/(k−1) · (1 − Σ variance of an item / variance of their sum)
    Range:    up to 1; negative where items contradict each other
    Missing:  None for fewer than two persons or items, and where all sums are equal
    Source:   Cronbach 1951, doi:10.1007/BF02310555

    >>> round(cronbach_alpha([[1.0, 2.0], [2.0, 2.0], [3.0, 5.0]]) or 0, 4)
    0.8571
    """
    if len(answers) < 2 or len(answers[0]) < 2:
        return None
    k, sums = len(answers[0]), [fsum(marks) for marks in answers]
    whole = sample_sd(sums) ** 2
    if whole == 0:
        return None
    items = fsum(sample_sd([marks[place] for marks in answers]) ** 2 for place in range(k))
    return k / (k - 1) * (1 - items / whole)


def _runs(scores: Sequence[float]) -> Iterator[Sequence[float]]:
    runs = (scores[start : start + KEPT] for start in range(0, len(scores), KEPT))
    return (run for run in runs if len(run) > 1)


def _pooled(groups: Scores) -> float:
    """Return the pooled variance within groups."""
    squares = fsum(fsum((score - mean_of(scores)) ** 2 for score in scores) for scores in groups)
    return squares / sum(len(scores) - 1 for scores in groups)


def reference_of(target: Target, estimate: Estimate) -> OwnReference:
    """Return the reference that an estimate comes to; what is not sure enough of it is left to the form.

    The spread within is kept only where it is above 0 and no larger than that of all, a reliability only of as many
    persons as all else and from 0 up.
    """
    dimension, role, locale = target
    sd = round(estimate.sd, DIGITS)
    sp = None if estimate.sp is None else min(round(estimate.sp, DIGITS), sd)
    alpha = None if estimate.alpha is None else round(estimate.alpha, DIGITS)
    sure = alpha is not None and 0 <= alpha < 1 and estimate.alpha_persons >= LEAST_PERSONS
    return OwnReference(
        dimension=dimension,
        role=role,
        locale=locale,
        sd=sd,
        sp=sp or None,
        mean=round(estimate.mean, DIGITS),
        reliability=alpha if sure else None,
        n=estimate.persons,
        source=OWN_RATINGS,
    )


def calibrated(before: Iterable[OwnReference], found: Mapping[Target, Estimate]) -> tuple[OwnReference, ...]:
    """Return references with every estimate of enough persons in its place; one that is verified stays as it is."""
    kept = {item.target: item for item in before}
    for target, estimate in found.items():
        if estimate.enough and not (target in kept and kept[target].verified):
            kept[target] = reference_of(target, estimate)
    return tuple(kept.values())
