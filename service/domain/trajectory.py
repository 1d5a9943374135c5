"""What a member's series says: baseline, limits, reliable change, recovery."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import NamedTuple

from service.domain.concern import Baseline
from service.domain.spread import mean_of, sample_sd

KEPT = 8  # valid scores a series remembers (ours)
NEEDED = 3  # earlier scores, before a score is held against them (ours)
PRIOR_WEIGHT = 6  # how many sessions the pooled within-person SD counts for (ours; 3 to 12 hardly matters)
LEAST_OF_SP = sqrt(PRIOR_WEIGHT / (PRIOR_WEIGHT + KEPT - 1))  # no pooled SD is a smaller share of the instrument's
CEILING = 97.0  # percent; a score from here on has no room to rise (ours)
SIGMA_FLOOR = 2.0  # percent points; a flat history must not make a hair's breadth a signal (ours)
DIGITS = 9  # comparisons happen after rounding: binary fractions must not decide at a threshold
HAIR = 1e-8  # percent points; rounding makes no numbers equal that are further apart, so it is not asked then


class SeriesKey(NamedTuple):
    """One rater's dimension of one instrument, phase and about; `rater` is a reference."""

    rater: str
    instrument: str
    phase: str
    about: str
    dimension: str

    @property
    def text(self) -> str:
        return "|".join(self)


@dataclass(slots=True)  # not frozen: one is made for every score, and nobody else writes to it
class Series:
    """What is remembered of a series, oldest first, in percent.

    `recent` are the last eight valid scores, `first` the first three, `outside` the last eight outside the rater's own
    concerns; None while those are the recent ones, as they mostly are, so that carries stay small.
    """

    recent: tuple[float, ...] = ()
    first: tuple[float, ...] = ()
    count: int = 0
    outside: tuple[float, ...] | None = None

    @property
    def prior(self) -> tuple[float, ...]:
        """Return the last eight scores outside the rater's own concerns."""
        return self.recent if self.outside is None else self.outside

    def with_score(self, score: float, counts_for_prior: bool) -> "Series":
        """Return the series one score later."""
        recent = (*self.recent, score)[-KEPT:]
        first = self.first if len(self.first) == 3 else (*self.first, score)
        if counts_for_prior and self.outside is None:
            return Series(recent, first, self.count + 1)
        prior = (*self.prior, score)[-KEPT:] if counts_for_prior else self.prior
        return Series(recent, first, self.count + 1, None if prior == recent else prior)

    def restarted(self) -> "Series":
        """Return the series with the baseline begun anew from its last three scores (after settling)."""
        last = self.recent[-3:]
        return Series(self.recent, self.first, self.count, None if last == self.recent else last)


def at_least(value: float, limit: float) -> bool:
    """Tell whether value ≥ limit after rounding both to nine decimals."""
    return value >= limit or (value > limit - HAIR and round(value, DIGITS) >= round(limit, DIGITS))


def at_most(value: float, limit: float) -> bool:
    """Tell whether value ≤ limit after rounding both to nine decimals."""
    return value <= limit or (value < limit + HAIR and round(value, DIGITS) <= round(limit, DIGITS))


def below(value: float, limit: float) -> bool:
    """Tell whether value < limit after rounding both to nine decimals."""
    return value < limit - HAIR or (value < limit and round(value, DIGITS) < round(limit, DIGITS))


def above(value: float, limit: float) -> bool:
    """Tell whether value > limit after rounding both to nine decimals."""
    return value > limit + HAIR or (value > limit and round(value, DIGITS) > round(limit, DIGITS))


def pooled_sigma(prior: Sequence[float], sp: float, mean: float | None = None) -> float:
    """Return a member's own spread, shrunk toward the instrument's; `mean` is that of `prior`, if known.

    Formula:  sqrt((6·sp² + (n−1)·s²) / (6 + n − 1)), s = sample SD of prior
    Range:    never below 2 percent points
    Missing:  with one score s counts nothing and sigma is sp
    Source:   shrinkage of a person's SD toward a pooled one, as in reliable-change practice
    Ours:     the weight 6 and the floor 2

    >>> round(pooled_sigma([92.5, 95.0, 91.25, 93.75], 4.5), 4)
    3.7905
    """
    n = len(prior)
    spread = sample_sd(prior, mean) if n > 1 else 0.0
    return max(SIGMA_FLOOR, sqrt((PRIOR_WEIGHT * sp**2 + (n - 1) * spread**2) / (PRIOR_WEIGHT + n - 1)))


def baseline_of(name: str, series: Series, sp: float, unit: str = "ours") -> Baseline | None:
    """Return the member's own level and spread before this session, by a series' name; None without an earlier score.

    `sp` is a reference's of the kind that `unit` names.

    Where every earlier score lies inside a concern there is a level to come back to, but n = 0 and so no z.
    """
    known = series.prior or series.recent
    if not known:
        return None
    mu = mean_of(known)
    return Baseline(
        series=name,
        mu=mu,
        sigma=pooled_sigma(known, sp, mu),
        n=len(series.prior),
        before=series.recent[-1],
        unit=unit,
    )


def z_against(score: float, baseline: Baseline | None, at_least_n: int = NEEDED) -> float | None:
    """Return how far a score lies from a member's own baseline, in prediction SDs.

    Formula:  z = (x − mu) / (sigma · sqrt(1 + 1/n))
    Range:    unbounded; negative is lower than usual
    Missing:  None with fewer than `at_least_n` earlier scores
    Source:   prediction interval for one further observation
    Ours:     n ≥ 3

    >>> round(z_against(82.5, Baseline("s", 93.125, 3.7905, 4)) or 0, 3)
    -2.507
    """
    if baseline is None or baseline.n < max(1, at_least_n):
        return None
    return (score - baseline.mu) / (baseline.sigma * sqrt(1 + 1 / baseline.n))


def reliable_change(sd: float, sp: float, reliability: float | None) -> float:
    """Return the smallest change that measurement noise alone rarely makes, in percent points.

    Formula:  1.96·SD·sqrt(2·(1−r)); 2.8·sp where the reliability is unknown
    Range:    > 0
    Missing:  r None → from sp
    Source:   Jacobson & Truax 1991, doi:10.1037/0022-006X.59.1.12
    Ours:     2.8·sp (1.96·sqrt(2) = 2.77 of one within-person SD)

    >>> round(reliable_change(7.5, 5.0, 0.80), 4)
    9.2971
    """
    return 2.8 * sp if reliability is None else 1.96 * sd * sqrt(2 * (1 - reliability))


def is_recovered(score: float, baseline: Baseline) -> bool:
    """Tell whether a score is back near the level before the concern.

    Formula:  x ≥ max(mu, min(before, mu + sigma)) − 0.75·sigma
    Range:    true or false
    Missing:  no `before`: mu alone
    Ours:     the whole figure
    """
    before = baseline.mu if baseline.before is None else baseline.before
    target = max(baseline.mu, min(before, baseline.mu + baseline.sigma))
    return at_least(score, target - 0.75 * baseline.sigma)


def is_settled(after: Sequence[float], sp: float) -> bool:
    """Tell whether the last three scores after an opening lie within 2·sp of each other (ours)."""
    return len(after) >= 3 and at_most(max(after[-3:]) - min(after[-3:]), 2 * sp)


def own_median(series: Series, last: int) -> float | None:
    """Return the median of the last few earlier scores; None where there are none."""
    return median(series.recent[-last:]) if series.recent else None
