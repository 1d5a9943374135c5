"""The lines of the table, and how rounds become one figure: medians, and medians of the rounds' own ratios."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

from bench.load import Seen


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what, how it did, and the ratio that counts with what it is measured against."""

    what: str
    rate: float | None = None
    p50: float | None = None
    p99: float | None = None
    ratio: float | None = None
    note: str = ""
    server_cpu: float | None = None
    postgres_cpu: float | None = None


Measure = Callable[[], Seen]


def alternate(rounds: int, measures: dict[str, Measure]) -> dict[str, list[Seen]]:
    """Measure one after the other, round by round, so that what the machine does meanwhile hits all alike."""
    found: dict[str, list[Seen]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return found


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Return the median of the rounds' ratios: each round compares neighbours in time."""
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))


def row_of(name: str, seen: list[Seen], against: list[float] | None = None, note: str = "") -> Row:
    rates = [item.rate for item in seen]
    bad = 1 - min(item.good for item in seen)
    return Row(
        name,
        median(rates),
        median(item.p50 for item in seen),
        median(item.p99 for item in seen),
        None if against is None else ratio(rates, against),
        note + (f"; {bad:.0%} of its answers were errors" if bad else ""),
        median(item.server_cpu for item in seen),
        median(item.postgres_cpu for item in seen),
    )


def with_ratio(row: Row, value: float) -> Row:
    return replace(row, ratio=value)
