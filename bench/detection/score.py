"""From alarms to figures: what is counted in one family, and rates over many with bootstrap intervals."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from random import Random
from statistics import median

from bench.detection.alarms import Alarm
from bench.detection.inject import Rupture

PREVALENCES = (0.03, 0.10, 0.30)
RESAMPLES = 400
COARSE = 25  # limits among which the loudest is looked for


@dataclass(frozen=True, slots=True)
class Quiet:
    """What a detector did in one family in which nothing was wrong."""

    alarms: int
    member_sessions: int
    standing: int
    sessions: int
    critical: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What a detector did about one injected rupture.

    `delay` counts sessions from its first to the alarm, None where none came in time; `mended` those from the first
    session without it to the end of the alarm, None where nothing mends it or nobody saw it, infinite where the alarm
    outlasts the course; `flaps` are alarms about the same subject that open again.
    """

    delay: int | None
    mended: float | None = None
    flaps: int = 0

    @property
    def caught(self) -> bool:
        return self.delay is not None


def quiet(found: Sequence[Alarm], members: int, sessions: int) -> Quiet:
    """Count in a clean family."""
    standing = {number for alarm in found for number in range(alarm.opened, alarm.ended or sessions + 1)}
    return Quiet(len(found), members * sessions, len(standing), sessions, any(alarm.critical for alarm in found))


def seen(found: Iterable[Alarm], rupture: Rupture) -> Seen:
    """Judge the alarms of a family with a rupture; one that opened before it is no sight of it."""
    since = [alarm for alarm in found if alarm.opened >= rupture.first and alarm.about(rupture.touched)]
    timely = [alarm for alarm in since if alarm.opened <= rupture.seen_by]
    if not timely:
        return Seen(None)
    subjects = {(alarm.detector, alarm.subject) for alarm in timely}
    again = sum((alarm.detector, alarm.subject) in subjects for alarm in since) - len(subjects)
    delay = min(alarm.opened for alarm in timely) - rupture.first
    return Seen(delay, _mended(timely, rupture), again)


def _mended(timely: Iterable[Alarm], rupture: Rupture) -> float | None:
    if rupture.last is None:
        return None
    ends = [inf if alarm.ended is None else alarm.ended for alarm in timely]
    return max(0.0, max(ends) - (rupture.last + 1))


@dataclass(frozen=True, slots=True)
class Rate:
    """A figure with the interval in which it lies in 95 of 100 resamplings of the families."""

    value: float
    low: float
    high: float


def rate(pairs: Sequence[tuple[float, float]], seed: int = 1) -> Rate:
    """Return the sum of the first over the sum of the second, families resampled whole.

    Formula:  Σa/Σb; interval = 2.5th and 97.5th percentile of 400 resamplings with replacement
    """
    random, counted = Random(seed), list(pairs)
    drawn = sorted(_ratio(random.choices(counted, k=len(counted))) for _ in range(RESAMPLES))
    return Rate(_ratio(counted), drawn[round(0.025 * (RESAMPLES - 1))], drawn[round(0.975 * (RESAMPLES - 1))])


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    over = sum(pair[1] for pair in pairs)
    return sum(pair[0] for pair in pairs) / over if over else 0.0


def false_alarms(families: Iterable[Quiet]) -> Rate:
    """Return alarms that open per member-session."""
    return rate([(family.alarms, family.member_sessions) for family in families])


def false_share(families: Iterable[Quiet]) -> float:
    """Return the same without its interval, which is dear."""
    return _ratio([(family.alarms, family.member_sessions) for family in families])


def standing_share(families: Iterable[Quiet]) -> Rate:
    """Return the share of family-sessions after which an alarm stands."""
    return rate([(family.standing, family.sessions) for family in families])


def critical_share(families: Iterable[Quiet]) -> Rate:
    """Return the share of families with any critical alarm."""
    return rate([(family.critical, 1) for family in families])


def sensitivity(families: Iterable[Seen]) -> Rate:
    """Return the share of ruptures that were seen in time."""
    return rate([(family.caught, 1) for family in families])


def seen_share(families: Iterable[Seen]) -> float:
    """Return the same without its interval."""
    return _ratio([(family.caught, 1) for family in families])


def middle(values: Iterable[float | None]) -> float | None:
    """Return the median of the values that there are."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def flaps(families: Iterable[Seen]) -> float:
    """Return reopenings per rupture that was seen."""
    return _ratio([(family.flaps, family.caught) for family in families])


def precision(sensitive: float, false: float, prevalence: float) -> float | None:
    """Return the share of alarms that are right where a rupture begins in a share of the member-sessions.

    Formula:  p·s / (p·s + (1−p)·f), s sensitivity, f alarms per clean member-session
    Missing:  None for a detector that never speaks
    """
    right = prevalence * sensitive
    spoken = right + (1 - prevalence) * false
    return right / spoken if spoken else None


def limit_at(target: float, candidates: Sequence[float], rate_of: Callable[[float], float]) -> float | None:
    """Return the lowest candidate limit at which no more than the target rate of false alarms comes.

    Missing:  infinite where even the highest candidate is too loud; None where none is as loud as the target
    Ours:     limits below the loudest are left out: there runs of alarms melt into one, and openings become few again
    """
    ordered = sorted(set(candidates))
    loudest = max(ordered[:: max(1, len(ordered) // COARSE)], key=rate_of)
    if rate_of(loudest) < target:
        return None
    low, high = ordered.index(loudest), len(ordered)
    while low < high:
        place = (low + high) // 2
        if rate_of(ordered[place]) <= target:
            high = place
        else:
            low = place + 1
    return ordered[low] if low < len(ordered) else inf
