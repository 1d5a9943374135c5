"""One mark out of several observers': what they agree on, beside what each of them gave."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median

from service.domain.instruments import instruments
from service.domain.model import RaterKind, Rating
from service.domain.spread import mean_of
from service.domain.trajectory import DIGITS

CLOSE = 1.0  # points: as near as trained raters come to each other in nine of ten marks


class Way(StrEnum):
    """How one mark was made of several."""

    majority = "majority"
    closest = "closest-two"
    median = "median"


@dataclass(frozen=True, slots=True)
class Consensus:
    """The mark of several observers about one person, subsystem or family; raw, on the form's scale around 0.

    `agreed` is false where the marks that it rests on lie more than one point apart, or no two are the closest.
    """

    raw: float
    percent: float
    observers: tuple[str, ...]
    way: Way
    agreed: bool


def consensus_of(marks: Sequence[float]) -> tuple[float, Way, bool]:
    """Return one mark out of at least two, how it was made, and whether it can be called agreed.

    Formula:  the mark that more than half gave; else the mean of the two closest, the farthest dropped; where several
              pairs are equally close, the median of all
    Range:    that of the marks
    Missing:  two marks are the caller's to see to
    Source:   consensus scoring of SOFTA-o (Friedlander, Escudero & Heatherington 2006); raters are trained until they
              are at most one point apart in nine of ten marks
    Ours:     the median where no two are the closest, and never calling it agreed; the same for more than three

    >>> consensus_of([0, 0, -1])[0], consensus_of([-1, 1, 2])[0], consensus_of([-2, 0, 2])
    (0.0, 1.5, (0.0, <Way.median: 'median'>, False))
    """
    ordered = sorted(marks)
    for mark in set(ordered):
        if ordered.count(mark) * 2 > len(ordered):
            return float(mark), Way.majority, True
    steps = [(round(high - low, DIGITS), low, high) for low, high in pairwise(ordered)]
    closest = {pair for pair in steps if pair[0] == min(steps)[0]}
    if len(closest) > 1:
        return float(median(ordered)), Way.median, False
    apart, low, high = closest.pop()
    return mean_of((low, high)), Way.closest, apart <= CLOSE


def consensuses(ratings: Iterable[Rating]) -> dict[str, dict[str, Consensus]]:
    """Return the marks of a scale around 0 that at least two observers gave, by dimension and whom they are about."""
    found: dict[tuple[str, str], list[Rating]] = {}
    for rating in ratings:
        if rating.rater_kind is RaterKind.observer and instruments()[rating.instrument].signed:
            for dimension in rating.scores:
                found.setdefault((dimension, rating.about), []).append(rating)
    agreed: dict[str, dict[str, Consensus]] = {}
    for (dimension, about), same in sorted(found.items()):
        if len(same) > 1:
            agreed.setdefault(dimension, {})[about] = _consensus(dimension, same)
    return agreed


def _consensus(dimension: str, ratings: Sequence[Rating]) -> Consensus:
    raw, way, agreed = consensus_of([rating.scores[dimension].mean for rating in ratings])
    percent = instruments()[ratings[0].instrument].percent_of_mean(dimension, raw)
    return Consensus(raw, percent, tuple(rating.rater_id for rating in ratings), way, agreed)
