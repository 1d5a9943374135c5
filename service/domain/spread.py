"""Mean and SD of a few scores.

Ours, since the standard library's keep exact fractions on the way, which cost more than all else in judging a session.
"""

from collections.abc import Collection
from math import fsum, sqrt


def mean_of(values: Collection[float]) -> float:
    """Return the arithmetic mean.

    Formula:  Σx / n
    Range:    min..max of the values
    Missing:  at least one value is the caller's to see to
    Source:   the textbook definition

    >>> mean_of([82.0, 75.0, 40.0])
    65.66666666666667
    """
    return fsum(values) / len(values)


def population_sd(values: Collection[float]) -> float:
    """Return how far the values lie from their mean, as all there are.

    Formula:  sqrt(Σ(x − mean)² / n)
    Range:    ≥ 0
    Missing:  at least one value is the caller's to see to
    Source:   the textbook definition

    >>> round(population_sd([82.0, 75.0, 40.0]), 3)
    18.373
    """
    mean = mean_of(values)
    return sqrt(fsum([(value - mean) ** 2 for value in values]) / len(values))


def sample_sd(values: Collection[float], mean: float | None = None) -> float:
    """Return how far the values lie from their mean, which the caller may know, as a sample of more.

    Formula:  sqrt(Σ(x − mean)² / (n − 1))
    Range:    ≥ 0
    Missing:  at least two values are the caller's to see to
    Source:   the textbook definition (Bessel's n − 1)

    >>> sample_sd([1.0, 3.0])
    1.4142135623730951
    """
    mean = mean_of(values) if mean is None else mean
    return sqrt(fsum([(value - mean) ** 2 for value in values]) / (len(values) - 1))
