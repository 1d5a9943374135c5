"""How each rater's series has gone over some sessions: how many, how high, how varied, how it slopes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from service.domain.instruments import instruments
from service.domain.model import Rating, TherapySession
from service.domain.moment import series_name
from service.domain.spread import mean_of, sample_sd
from service.domain.trajectory import above, below


@dataclass(frozen=True, slots=True)
class Trend:
    """One series; `mean` and `sd` in percent, `slope` in percent per rated session."""

    subject: str
    series: str
    n: int
    mean: float
    sd: float | None
    slope: float | None


def trends(sessions: Iterable[TherapySession]) -> tuple[Trend, ...]:
    """Return the trend of each series of totals over held sessions in order; forms without a total by dimension.

    Formula:  mean, sample SD, Theil-Sen slope
    Range:    mean 0..100, SD ≥ 0
    Missing:  a session without a score is no point of the series; SD and slope are None for n < 2
    Source:   Theil 1950 and Sen 1968, doi:10.1080/01621459.1968.10480934
    Ours:     rated sessions as the unit of time
    """
    found: dict[tuple[str, str], list[float]] = {}
    for session in sessions:
        for rating in session.ratings if session.held else ():
            for dimension in _dimensions(rating):
                key = (f"{rating.rater_kind.value}/{rating.rater_id}", series_name(rating, dimension))
                found.setdefault(key, []).append(rating.scores[dimension].percent)
    return tuple(_trend(*key, scores) for key, scores in sorted(found.items()))


def _dimensions(rating: Rating) -> list[str]:
    primary = instruments()[rating.instrument].primary
    return [code for code in rating.scores if primary in (code, None)]


def _trend(subject: str, series: str, scores: Sequence[float]) -> Trend:
    many = len(scores) > 1
    return Trend(
        subject=subject,
        series=series,
        n=len(scores),
        mean=mean_of(scores),
        sd=sample_sd(scores) if many else None,
        slope=theil_sen(scores) if many else None,
    )


def theil_sen(scores: Sequence[float]) -> float:
    """Return the median slope over all pairs of equally spaced scores.

    Formula:  median over i < j of (x_j − x_i) / (j − i)
    Range:    −100..100 for percent scores
    Missing:  at least two scores are the caller's to see to
    Source:   Sen 1968, doi:10.1080/01621459.1968.10480934

    >>> theil_sen([80.0, 82.0, 90.0])
    5.0
    """
    return median((later - earlier) / (j - i) for (i, earlier), (j, later) in combinations(enumerate(scores), 2))


def mann_kendall(scores: Sequence[float]) -> int:
    """Return how much more often a later score is above an earlier one than below it.

    Formula:  S = Σ over i < j of sign(x_j − x_i)
    Range:    −n(n−1)/2..n(n−1)/2
    Missing:  0 with fewer than two scores
    Source:   Mann 1945, doi:10.2307/1907187

    >>> mann_kendall([38.0, 37.5, 37.0, 36.0, 34.5])
    -10
    """
    return sum(above(later, earlier) - below(later, earlier) for earlier, later in combinations(scores, 2))
