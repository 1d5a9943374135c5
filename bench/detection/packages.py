"""The change detectors of two packages, asked after every value as somebody would who uses them in practice."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from bench.detection.charts import WITHIN, Peer, Spoken, Totals
from bench.detection.extras import optional

LEAST = 4  # values before a change is looked for


def one_change(ruptures: Any, numpy: Any) -> Callable[[Totals], Spoken]:
    """Return the gain of the best single split into two means, in variances, where the later part is the lower."""

    def gain(totals: Totals) -> float:
        values = numpy.array(totals).reshape(-1, 1)
        search = ruptures.Binseg(model="l2", min_size=1, jump=1).fit(values)
        place, end = search.predict(n_bkps=1)
        if values[place:].mean() >= values[:place].mean():
            return 0.0
        return float(search.cost.sum_of_costs([end]) - search.cost.sum_of_costs([place, end])) / WITHIN**2

    return lambda totals: [gain(totals[: place + 1]) if place >= LEAST else None for place in range(len(totals))]


def page_hinkley(drift: Any) -> Callable[[Totals], Spoken]:
    """Return 1 where river's Page-Hinkley test sees a fall: half a sigma allowed, alarm at 3 sigmas."""

    def speak(totals: Totals) -> Spoken:
        detector = drift.PageHinkley(min_instances=LEAST, delta=0.5, threshold=3.0, mode="down")
        return [float(bool(_after(detector, x / WITHIN).drift_detected)) for x in totals]

    return speak


def adwin(drift: Any) -> Callable[[Totals], Spoken]:
    """Return 1 where river's ADWIN, told to look at short windows, shortens its window and the mean fell."""

    def speak(totals: Totals) -> Spoken:
        detector, spoken = drift.ADWIN(delta=0.3, clock=1, grace_period=1, min_window_length=2), Spoken()
        for x in totals:
            before = detector.estimation
            after = _after(detector, x)
            spoken.append(float(after.drift_detected and after.estimation < before))
        return spoken

    return speak


def _after(detector: Any, x: float) -> Any:
    detector.update(x)
    return detector


def packages() -> tuple[list[Peer], list[str]]:
    """Return the detectors of those packages that are installed, and the names of those that are not."""
    found, absent = [], []
    ruptures, numpy, river = optional("ruptures"), optional("numpy"), optional("river.drift")
    if ruptures is not None and numpy is not None:
        found.append(Peer(f"ruptures {version('ruptures')}", one_change(ruptures, numpy), 9.0))
    else:
        absent.append("ruptures")
    if river is not None:
        found.append(Peer(f"river {version('river')} Page-Hinkley", page_hinkley(river), 1.0, tunable=False))
        found.append(Peer("river ADWIN", adwin(river), 1.0, tunable=False))
    else:
        absent.append("river")
    return found, absent
