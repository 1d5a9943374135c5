"""What this benchmark asks of the service, and what a run says to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.detection.charts import EARLIER_LIMIT, OWN_LIMIT
from bench.detection.measure import ANY, LOUD, Clean, Injected
from bench.detection.scenarios import COUPLES, FAMILIES, PAIR, SIDING, SINGLE
from bench.detection.score import Rate, critical_share, false_alarms, middle, sensitivity, standing_share


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure that must reach (or not pass) a limit; shares, or sessions for a delay."""

    what: str
    measured: Rate
    side: Literal["≥", "≤"]
    limit: float
    share: bool = True

    @property
    def met(self) -> bool:
        return self.measured.value >= self.limit if self.side == "≥" else self.measured.value <= self.limit


def bars(clean: Sequence[Clean], injected: Sequence[Injected]) -> Iterator[Bar]:
    """Yield every bar with what was measured for it."""
    quiet = {item.world.name: item.found for item in clean}
    ruptured = {item.scenario.name: item.found for item in injected}
    for own in (OWN_LIMIT.name, EARLIER_LIMIT.name):
        yield Bar(f"{own}: false alarms per clean member-session", false_alarms(quiet[FAMILIES.name][own]), "≤", 0.03)
        yield Bar(f"{own}: V of 3 SD seen", sensitivity(ruptured[SINGLE.name][own]), "≥", 0.75)
        yield Bar(f"{own}: U of two sessions seen", sensitivity(ruptured[PAIR.name][own]), "≥", 0.85)
        delay = middle(item.delay for item in ruptured[SINGLE.name][own])
        typical = float("inf") if delay is None else delay
        yield Bar(f"{own}: median delay in sessions", Rate(typical, typical, typical), "≤", 0, share=False)
    yield Bar("default set: siding seen", sensitivity(ruptured[SIDING.name][ANY]), "≥", 0.80)
    yield Bar("default set: siding seen at a warning", sensitivity(ruptured[SIDING.name][LOUD]), "≥", 0.40)
    for world in (FAMILIES, COUPLES):
        found = quiet[world.name][LOUD]
        yield Bar(f"{world.name}: warnings per member-session", false_alarms(found), "≤", 0.05)
        yield Bar(f"{world.name}: sessions with a warning standing", standing_share(found), "≤", 0.30)
        yield Bar(f"{world.name}: with any critical", critical_share(found), "≤", 0.05)
