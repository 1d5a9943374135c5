"""The peers: what practices and control charts do with one member's totals. Each yields how loudly a value speaks.

A statistic takes the totals in the order in which they came (percent of 40 points) and returns one figure per value,
None where it cannot say; at `limit` and above it alarms. Only falls count. Each peer is given the simulator's own
within-person SD of 1.8 points where it wants one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, sqrt
from statistics import fmean

from bench.detection.alarms import Days, Standing
from bench.detection.arrivals import Course
from service.domain.concern import Baseline
from service.domain.instruments import instruments
from service.domain.model import Severity
from service.domain.trajectory import KEPT, pooled_sigma, z_against

Totals = Sequence[float]
Spoken = list[float | None]
Heard = dict[str, list[tuple[int, float]]]  # member → (session of arrival, figure)
POINT = 2.5  # percent: one of 40 points
WITHIN, BETWEEN, RELIABILITY = 1.8 * POINT, 3.0 * POINT, 0.88
CHANGE = 1.96 * sqrt(BETWEEN**2 + WITHIN**2) * sqrt(2 * (1 - RELIABILITY))  # Jacobson & Truax 1991: 3.36 points
TRIAL = 4  # values before an individuals chart speaks: trial limits
TARGET = 3  # values that make the target of EWMA and CUSUM


@dataclass(frozen=True, slots=True)
class Peer:
    """A detector of one member's falls; `tunable` where the limit can be moved to any rate of false alarms."""

    name: str
    speak: Callable[[Totals], Spoken]
    limit: float
    tunable: bool = True


def before_each(totals: Totals, least: int, figure: Callable[[Totals, float], float]) -> Spoken:
    """Return a figure of each value and those before it, where there are enough of these."""
    return [figure(totals[:place], x) if place >= least else None for place, x in enumerate(totals)]


def under_cut(totals: Totals) -> Spoken:
    """Points below the published cut-off of 36."""
    return [round(36 - x / POINT, 9) for x in totals]


def drop(totals: Totals) -> Spoken:
    """Points lost since the last value; feedback-informed practice talks about one point or more."""
    return before_each(totals, 1, lambda earlier, x: round((earlier[-1] - x) / POINT, 9))


def reliable_drop(totals: Totals) -> Spoken:
    """The fall since the last value in reliable changes."""
    return before_each(totals, 1, lambda earlier, x: (earlier[-1] - x) / CHANGE)


def individuals(totals: Totals) -> Spoken:
    """Sigmas below the mean of all earlier values, sigma = mean moving range / 1.128."""

    def sigmas(earlier: Totals, x: float) -> float:
        ranges = [abs(one - other) for one, other in pairwise(earlier)]
        fall, sigma = fmean(earlier) - x, fmean(ranges) / 1.128
        if sigma:
            return fall / sigma
        return inf if fall > 0 else 0.0  # a flat history has no width

    return before_each(totals, TRIAL, sigmas)


def ewma(totals: Totals, weight: float = 0.4) -> Spoken:
    """Sigmas of the weighted mean below the target, with its exact limits while it is young."""
    level, spoken = 0.0, Spoken(None for _ in totals[:TARGET])
    target = fmean(totals[:TARGET]) if totals else 0.0
    for age, x in enumerate(totals[TARGET:], start=1):
        level = weight * (x - target) + (1 - weight) * level
        width = sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * age)))
        spoken.append(-level / (WITHIN * width))
    return spoken


def cusum(totals: Totals, allowance: float = 0.5) -> Spoken:
    """Sum of falls below the target beyond half a sigma each, never below zero; in sigmas."""
    total, spoken = 0.0, Spoken(None for _ in totals[:TARGET])
    target = fmean(totals[:TARGET]) if totals else 0.0
    for x in totals[TARGET:]:
        total = max(0.0, total + (target - x) / WITHIN - allowance)
        spoken.append(total)
    return spoken


def own_limit(totals: Totals) -> Spoken:
    """Our person-centred limit alone: prediction SDs below the last eight values, the service's own formula."""
    sp = instruments()["srs"].dimensions["total"].reference.sp

    def sds(earlier: Totals, x: float) -> float:
        known = tuple(earlier[-KEPT:])
        baseline = Baseline("", fmean(known), pooled_sigma(known, sp), len(known))
        return -(z_against(x, baseline) or 0.0)

    return before_each(totals, 3, sds)


OWN_LIMIT, EARLIER_LIMIT, *LATER_LIMITS = (
    Peer(f"our limit alone, z ≤ −{limit:g}", own_limit, limit) for limit in (2.0, 1.55, 2.5, 3.0)
)  # the default of out-of-limits, one at which it meets its bars, and those of its severities
CHARTS = (
    Peer("below cut-off 36", under_cut, 0.05),  # strictly below, on a grid of 0.1
    Peer("drop of 1 point", drop, 1.0),
    Peer("reliable change, 3.4 points", reliable_drop, 1.0),
    Peer("individuals chart 3σ", individuals, 3.0),
    Peer("individuals chart 2σ", individuals, 2.0),
    Peer("EWMA 0.4, L 2.5", ewma, 2.5),
    Peer("CUSUM k 0.5, h 4", cusum, 4.0),
)


def heard_by(peer: Peer, course: Course, members: Sequence[str]) -> Heard:
    """Return what a peer says of some members."""
    heard = {}
    for who in members:
        totals = course.totals(who)
        figures = peer.speak([total for _, total in totals])
        heard[who] = [
            (arrives, figure) for (arrives, _), figure in zip(totals, figures, strict=True) if figure is not None
        ]
    return heard


def standing(peer: str, heard: Heard, limit: float, sessions: int) -> Days:
    """Return what stands after each session where a peer alarms at a limit: as long as it says so."""
    days: list[list[Standing]] = [[] for _ in range(sessions)]
    for who, figures in heard.items():
        for number in {arrives for arrives, figure in figures if figure >= limit}:
            days[number - 1].append(Standing(peer, (f"member/{who}",), Severity.warning, (peer, who)))
    return days
