"""One run: every detector over the same families, world by world, and what each sees at equal false alarms."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.detection.alarms import Standing, alarms
from bench.detection.charts import Peer, heard_by, standing
from bench.detection.inject import Rupture
from bench.detection.loudness import Listened, loudness
from bench.detection.ours import ours
from bench.detection.scenarios import Scenario
from bench.detection.score import Quiet, Seen, false_share, limit_at, quiet, seen, seen_share
from bench.detection.simulate import World, courses
from service.domain.model import Severity
from service.domain.rules import Tone, rules

ANY, LOUD = "default set", "default set, warnings"
CURVE = 16  # limits at which a tunable detector is drawn

Counts = Callable[[Standing], bool]


@dataclass(slots=True)
class Clean:
    """A world in which nothing is wrong: detector → what it did in each family."""

    world: World
    found: dict[str, list[Quiet]] = field(default_factory=dict)

    def false(self, detector: str) -> float:
        return false_share(self.found[detector])


@dataclass(slots=True)
class Injected:
    """A scenario: detector → what it did about each rupture.

    `tuned` is, for the default set and for its warnings, what one sees whose limit is moved until it is as loud;
    `matched` what our limit alone sees at the false alarms of a peer; `curves` are (false alarms, sensitivity).
    None: it cannot be so loud.
    """

    scenario: Scenario
    found: dict[str, list[Seen]] = field(default_factory=dict)
    tuned: dict[str, dict[str, float | None]] = field(default_factory=dict)
    matched: dict[str, float | None] = field(default_factory=dict)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def share(self, detector: str) -> float:
        return seen_share(self.found[detector])


def own_detectors() -> dict[str, Counts]:
    """Return what is counted of the service's alerts: all of them, those above `info`, and each rule's."""

    def of(code: str) -> Counts:
        return lambda each: each.detector == code

    every: dict[str, Counts] = {ANY: lambda each: True, LOUD: lambda each: each.severity is not Severity.info}
    return every | {code: of(code) for code, rule in sorted(rules().items()) if rule.tone is Tone.caution}


@dataclass(slots=True)
class Bench:
    """The detectors and the size of the run.

    `own` is our limit alone, which stands for us at a peer's false alarms; `variants` are shown and compared with none.
    """

    own: Peer
    variants: Sequence[Peer]
    peers: Sequence[Peer]
    families: int
    seed: int
    drawn: frozenset[str] = frozenset()

    @property
    def all_peers(self) -> list[Peer]:
        return [self.own, *self.variants, *self.peers]

    def run(self, scenarios: Sequence[Scenario], worlds: Sequence[World]) -> Iterator[tuple[Clean, list[Injected]]]:
        """Yield each world without a rupture and its scenarios, on the same families."""
        for world in worlds:
            clean, listened = self._clean(world)
            tuning = _Tuning(self, clean, listened)
            yield clean, [self._injected(item, tuning) for item in scenarios if item.world is world]

    def _clean(self, world: World) -> tuple[Clean, dict[str, Listened]]:
        clean, listened = Clean(world), {peer.name: Listened() for peer in self.all_peers}
        members = len(world.family.members)
        for course in courses(world, None, self.families, self.seed):
            days, length = ours(course), len(course.sessions)
            for name, counts in own_detectors().items():
                clean.found.setdefault(name, []).append(quiet(alarms(days, counts), members, length))
            for peer in self.all_peers:
                listened[peer.name].append((heard_by(peer, course, list(world.family.members)), length, members))
        for peer in self.all_peers:
            clean.found[peer.name] = quiet_at(peer.name, listened[peer.name], peer.limit)
        return clean, listened

    def _injected(self, scenario: Scenario, tuning: "_Tuning") -> Injected:
        result, rupture = Injected(scenario), scenario.rupture
        listened = {peer.name: Listened() for peer in self.all_peers}
        for course in courses(scenario.world, rupture, self.families, self.seed):
            days, length = ours(course), len(course.sessions)
            for name, counts in own_detectors().items():
                result.found.setdefault(name, []).append(seen(alarms(days, counts), rupture))
            for peer in self.all_peers:
                listened[peer.name].append((heard_by(peer, course, rupture.touched), length, len(rupture.touched)))
        for peer in self.all_peers:
            result.found[peer.name] = seen_at(peer.name, listened[peer.name], peer.limit, rupture)
        tuning.compare(result, listened)
        return result


class _Tuning:
    """The limits at which detectors are equally loud in one world."""

    def __init__(self, bench: Bench, clean: Clean, listened: dict[str, Listened]) -> None:
        self.bench, self.listened = bench, listened
        self.loudness = {name: loudness(heard) for name, heard in listened.items()}
        compared = [bench.own, *(peer for peer in bench.peers if peer.tunable)]
        self.limits = {
            target: {peer.name: self.limit(peer, clean.false(target)) for peer in compared} for target in (ANY, LOUD)
        }
        self.own_limits = {peer.name: self.limit(bench.own, clean.false(peer.name)) for peer in bench.peers}

    def limit(self, peer: Peer, target: float) -> float | None:
        """Return the limit at which a peer is no louder than the target here; None where it cannot be so loud."""
        return limit_at(target, self.figures(peer), self.loudness[peer.name])

    def figures(self, peer: Peer) -> list[float]:
        return [figure for heard, _, _ in self.listened[peer.name] for items in heard.values() for _, figure in items]

    def compare(self, result: Injected, listened: dict[str, Listened]) -> None:
        """Fill in what is seen at equal false alarms."""
        rupture, own = result.scenario.rupture, self.bench.own.name
        for target, limits in self.limits.items():
            result.tuned[target] = {
                name: None if limit is None else seen_share(seen_at(name, listened[name], limit, rupture))
                for name, limit in limits.items()
            }
        for name, limit in self.own_limits.items():
            result.matched[name] = None if limit is None else seen_share(seen_at(own, listened[own], limit, rupture))
        if result.scenario.name in self.bench.drawn:
            for peer in self.bench.all_peers:
                if peer.name in self.limits[LOUD]:
                    result.curves[peer.name] = list(self._curve(peer, listened[peer.name], rupture))

    def _curve(self, peer: Peer, ruptured: Listened, rupture: Rupture) -> Iterator[tuple[float, float]]:
        ordered = sorted(self.figures(peer))
        for step in range(CURVE):
            limit = ordered[-1 - round(len(ordered) * 0.3 * (step / CURVE) ** 2)]
            yield self.loudness[peer.name](limit), seen_share(seen_at(peer.name, ruptured, limit, rupture))


def always(each: Standing) -> bool:
    return True


def quiet_at(name: str, listened: Listened, limit: float) -> list[Quiet]:
    """Return what a peer does in clean families at a limit."""
    return [
        quiet(alarms(standing(name, heard, limit, length), always), members, length)
        for heard, length, members in listened
    ]


def seen_at(name: str, listened: Listened, limit: float, rupture: Rupture) -> list[Seen]:
    """Return what a peer sees of a rupture at a limit."""
    return [seen(alarms(standing(name, heard, limit, length), always), rupture) for heard, length, _ in listened]
