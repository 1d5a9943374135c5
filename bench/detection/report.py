"""The run as Markdown: the bars, the worst scenario first, every detector, every world, and who is better where."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from bench.detection.bars import bars
from bench.detection.charts import OWN_LIMIT
from bench.detection.measure import ANY, LOUD, Clean, Injected
from bench.detection.scenarios import FAMILIES, PAIR, SINGLE
from bench.detection.score import (
    PREVALENCES,
    Rate,
    critical_share,
    false_alarms,
    flaps,
    middle,
    precision,
    sensitivity,
    standing_share,
)

OWN = OWN_LIMIT.name
CHANCE = "nothing (chance)"


@dataclass(frozen=True, slots=True)
class Run:
    """What was measured, and of what."""

    clean: Sequence[Clean]
    injected: Sequence[Injected]
    head: Sequence[str]
    graded: frozenset[str]  # detectors that know how grave an alarm is

    @property
    def detectors(self) -> list[str]:
        """Return those that ever speak here."""
        return [name for name in self.clean[0].found if name not in self.silent]

    @property
    def silent(self) -> list[str]:
        """Return the detectors that say nothing in any world or scenario."""
        return [
            name
            for name in self.clean[0].found
            if not any(item.false(name) for item in self.clean) and not any(item.share(name) for item in self.injected)
        ]

    @property
    def peers(self) -> list[str]:
        return list(self.injected[0].matched)

    @property
    def ruptures(self) -> list[Injected]:
        """Return the scenarios in which there is something to see, the one our warnings see least first."""
        return sorted(
            (item for item in self.injected if item.scenario.name != CHANCE), key=lambda item: item.share(LOUD)
        )

    def world(self, name: str) -> Clean:
        return next(item for item in self.clean if item.world.name == name)

    def scenario(self, name: str) -> Injected:
        return next(item for item in self.injected if item.scenario.name == name)


READING = """\
Made by `make bench-detection`. All detectors see the same simulated families; no family is real.
An alarm counts as seeing a rupture when it opens in the sessions from its first on (three where it is sudden) and names
a touched member, or the family and nobody of it. False alarms are openings per 100 member-sessions in which nothing is
wrong; an alert that rises from info to a warning opens then among the warnings, and not again in the default set. A
peer reads the posts as they come, late and doubled ones too; its alarm stands as long as it says so, ours until it
recovers or closes. Intervals are of 400 resamplings of whole families. `nothing (chance)` is what is seen of a rupture
that does not take place. Our limit alone is the formula of out-of-limits without the other rules, which in the default
set go before it.
Peers that want a within-person SD get the simulator's own; `ruptures` looks for one split into two means (gain of 9
variances), river's Page-Hinkley allows half an SD and alarms at 3, its ADWIN has windows of two values and δ 0.3.
Nobody has tested these rules against ruptures that observers coded: the numbers say how the rules behave, not how
families do."""


def report(run: Run, plot: str | None) -> str:
    """Return the whole page; `plot` is the name of the drawing, None where it could not be made."""
    sections = (
        ("Bars", _bars(run)),
        ("Scenarios, the worst first", _scenarios(run)),
        ("Detectors: families of four without a rupture, and with V of 3 SD", _detectors(run)),
        ("Every detector in every scenario, percent seen", _matrix(run)),
        ("Worlds without a rupture: false alarms per 100 member-sessions", _worlds(run)),
        ("At equal false alarms: limits moved until they are as loud as our warnings, percent seen", _tuned(run, LOUD)),
        ("The same, as loud as the default set with its info alerts", _tuned(run, ANY)),
        ("At equal false alarms: a peer as published / our limit alone moved to its false alarms", _matched(run)),
    )
    drawn = f"![False alarms and what is seen]({plot})" if plot else "No plot: matplotlib is not installed."
    parts = ["# How well ruptures are seen", "\n".join(f"- {line}" for line in run.head), READING, drawn]
    parts += [f"## {title}\n\n{body}" for title, body in sections]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a Markdown table whose first column is text."""
    lines = [f"| {' | '.join(head)} |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}"


def hundredth(rate: Rate) -> str:
    """Return a rate per 100 with its interval."""
    return f"{100 * rate.value:.1f} ({100 * rate.low:.1f}–{100 * rate.high:.1f})"


def sessions(count: float | None) -> str:
    """Return a number of sessions; `end` where the course was over first."""
    if count is None:
        return "–"
    return "end" if count == inf else f"{count:g}"


def _bars(run: Run) -> str:
    rows = []
    for bar in bars(run.clean, run.injected):
        measured = hundredth(bar.measured) if bar.share else sessions(bar.measured.value)
        limit = f"{bar.side} {percent(bar.limit) if bar.share else sessions(bar.limit)}"
        rows.append((bar.what, measured, limit, "met" if bar.met else "**not met**"))
    return table(("bar", "measured (95 %)", "asked", ""), rows)


def _scenarios(run: Run) -> str:
    head = ("scenario", LOUD, ANY, OWN, "delay", "best peer, as loud as our warnings", "")
    return table(head, [_scenario(item) for item in [*run.ruptures, run.scenario(CHANCE)]])


def _scenario(item: Injected) -> Sequence[str]:
    loud = sensitivity(item.found[LOUD])
    share, best = max((share or 0.0, name) for name, share in item.tuned[LOUD].items() if name != OWN)
    there = item.scenario.name != CHANCE and share > loud.value
    within = ", within the interval" if share <= loud.high else ""
    delay = middle(each.delay for each in item.found[LOUD])
    ours = (hundredth(loud), percent(item.share(ANY)), percent(item.share(OWN)), sessions(delay))
    return (item.scenario.name, *ours, f"{best}: {percent(share)}", f"peer better{within}" if there else "")


def _detectors(run: Run) -> str:
    shares = [f"right at {percent(share)} %" for share in PREVALENCES]
    head = ("detector", "false per 100", "standing %", "critical %", "V seen %", "U seen %", *shares)
    rows = [_detector(run, name) for name in run.detectors]
    silent = ", ".join(run.silent) or "none"
    note = f"Silent throughout: {silent}. The rules among them look at what is not simulated."
    return f"{table((*head, 'delay', 'mended after', 'flaps'), rows)}\n\n{note}"


def _detector(run: Run, name: str) -> Sequence[str]:
    clean, single = run.world(FAMILIES.name).found[name], run.scenario(SINGLE.name).found[name]
    false, caught = false_alarms(clean), sensitivity(single)
    right = [precision(caught.value, false.value, prevalence) for prevalence in PREVALENCES]
    grave = percent(critical_share(clean).value) if name in run.graded else "–"
    return (
        name,
        hundredth(false),
        percent(standing_share(clean).value),
        grave,
        hundredth(caught),
        percent(run.scenario(PAIR.name).share(name)),
        *map(percent, right),
        sessions(middle(item.delay for item in single)),
        sessions(middle(item.mended for item in single)),
        f"{flaps(single):.2f}",
    )


def _matrix(run: Run) -> str:
    ordered = [*run.ruptures, run.scenario(CHANCE)]
    numbered = [str(number) for number in range(1, len(ordered) + 1)]
    legend = "; ".join(f"{number} {item.scenario.name}" for number, item in zip(numbered, ordered, strict=True))
    rows = [(name, *(percent(item.share(name)) for item in ordered)) for name in run.detectors]
    return f"{legend}.\n\n{table(('detector', *numbered), rows)}"


def _worlds(run: Run) -> str:
    names = [ANY, LOUD, OWN, *run.peers]
    head = ("world", *names, "warnings standing %", "families with a critical %")
    return table(head, [_world(item, names) for item in run.clean])


def _world(item: Clean, names: Sequence[str]) -> Sequence[str]:
    loud = item.found[LOUD]
    false = [f"{100 * item.false(name):.1f}" for name in names]
    return (item.world.name, *false, percent(standing_share(loud).value), percent(critical_share(loud).value))


def _tuned(run: Run, ours: str) -> str:
    names = list(run.injected[0].tuned[ours])
    rows = [(item.scenario.name, percent(item.share(ours)), *_against(item, ours, names)) for item in run.ruptures]
    return f"Bold: better than ours. –: it cannot be so loud.\n\n{table(('scenario', ours, *names), rows)}"


def _against(item: Injected, ours: str, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        share = item.tuned[ours][name]
        yield f"**{percent(share)}**" if share is not None and share > item.share(ours) else percent(share)


def _matched(run: Run) -> str:
    rows = [(item.scenario.name, *_pairs(item, run.peers)) for item in run.ruptures]
    note = "Bold: the peer is better. –: our limit cannot be so loud."
    return f"{note}\n\n{table(('scenario', *run.peers), rows)}"


def _pairs(item: Injected, peers: Sequence[str]) -> Iterator[str]:
    for name in peers:
        own = item.matched[name]
        text = f"{percent(item.share(name))} / {percent(own)}"
        yield f"**{text}**" if own is not None and item.share(name) > own else text
