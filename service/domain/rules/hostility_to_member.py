"""Hostility between members: one member was seen to be hostile, sarcastic or blaming towards another.

Fires:    hostility, sarcasm or blame of one member towards another: severe (3); or clear (2) and above the pair's own
          median over those of the case's first three held sessions that were observed and lie before this one (none
          yet: fires); or mild (1) while the other's safety or within-family score is at z ≤ −1.5
Quiet:    what is usual between these two; mild while the other's scores hold; a session in which nobody looked
Severity: warning; critical at severe, or with the other's safety at z ≤ −1.5 or at or below its low mark
Clears:   at or below that median, the opening session among those before this one (none observed yet: nothing at all),
          in two observed sessions in which neither was absent, and the score that was down at the opening recovered
          (once is enough when it was talked about)
Source:   safety within the therapeutic system and shared purpose (Friedlander, Escudero & Heatherington 2006, SOFTA)
Ours:     the limits; the pair's own median, because some families are loud and well; safety may be the member's own
          rating or an observer's or therapist's of that member; a score that had not fallen need not recover
Since:    0.1 (version 1)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from service.domain.concern import Clearing, Concern, Signal, Value, Values
from service.domain.model import Indicator, RaterKind, Severity
from service.domain.moment import Figure, Moment
from service.domain.next_steps import HOLD_TEXT
from service.domain.rules import Rule
from service.domain.sightings import MEMBER, gravest
from service.domain.trajectory import above, at_most, is_recovered

KINDS = frozenset({"hostility", "sarcasm", "blame"})


@dataclass(frozen=True, slots=True)
class Parameters:
    mild: int = 1
    clear: int = 2
    severe: int = 3
    usual_of: int = 3
    z: float = -1.5


@dataclass(frozen=True, slots=True)
class Memory:
    """Pair → level, for each observed one of the case's first three held sessions; a pair left out was at 0."""

    early: tuple[Mapping[str, int], ...] = ()


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per pair that is hostile beyond what is usual between them."""
    seen = _seen(moment)
    found = (_signal(moment, mark, _usual(memory, pair), parameters) for pair, mark in seen.items())
    signals = tuple(signal for signal in found if signal is not None)
    if not _is_early(moment, parameters):
        return memory, signals
    return Memory((*memory.early, {pair: mark.severity for pair, mark in seen.items()})), signals


def _is_early(moment: Moment, parameters: Parameters) -> bool:
    return moment.observed and moment.number <= parameters.usual_of


def _seen(moment: Moment) -> dict[str, Indicator]:
    return gravest(moment, KINDS, _pair)


def _pair(item: Indicator) -> str | None:
    toward = item.toward or ""
    members = item.from_.startswith(MEMBER) and toward.startswith(MEMBER) and item.from_ != toward
    return f"{item.from_}|{toward}" if members else None


def _usual(memory: Memory, pair: str) -> float | None:
    return float(median(levels.get(pair, 0) for levels in memory.early)) if memory.early else None


def _signal(moment: Moment, mark: Indicator, usual: float | None, parameters: Parameters) -> Signal | None:
    safety, within = (_worst_first(moment, mark.toward or "", part, parameters) for part in ("safety", "within"))
    shaken = any(_at_z(figure, parameters) for figure in (*safety, *within))
    beyond = mark.severity >= parameters.clear and (usual is None or above(mark.severity, usual))
    if not (mark.severity >= parameters.severe or beyond or (shaken and mark.severity >= parameters.mild)):
        return None
    critical = mark.severity >= parameters.severe or any(_is_unsafe(figure, parameters) for figure in safety)
    shown = (*safety[:1], *within[:1])
    return Signal(
        subject=(mark.from_, mark.toward or ""),
        severity=Severity.critical if critical else Severity.warning,
        values=_values(mark, safety[:1], within[:1]),
        thresholds=_thresholds(usual, safety, parameters),
        route="severe" if critical else "default",
        raters=tuple(sorted({figure.rater_reference for figure in shown})),
        baseline=next((figure.baseline for figure in (*safety, *within) if _is_down(figure)), None),
    )


def _worst_first(moment: Moment, member: str, part: str, parameters: Parameters) -> list[Figure]:
    """Return the figures of a part that a member gave or that somebody else gave about that member."""
    figures = [figure for figure in moment.figures(part, about="") if figure.rater_reference == member]
    for kind in (RaterKind.observer, RaterKind.therapist):
        figures += moment.figures(part, kind, about=member)
    return sorted(figures, key=lambda figure: _order(figure, parameters))


def _order(figure: Figure, parameters: Parameters) -> tuple[bool, float, float, str]:
    """Return the order from the worst: who is unsafe, then by z, then those without one by their value."""
    z = float("inf") if figure.z is None else figure.z
    return (not _is_unsafe(figure, parameters), z, figure.value, figure.name)


def _is_unsafe(figure: Figure, parameters: Parameters) -> bool:
    return _at_z(figure, parameters) or at_most(figure.value, figure.low_mark)


def _at_z(figure: Figure, parameters: Parameters) -> bool:
    return figure.fallen_to(parameters.z) is not None


def _is_down(figure: Figure) -> bool:
    return figure.baseline is not None and not is_recovered(figure.value, figure.baseline)


def _values(mark: Indicator, safety: list[Figure], within: list[Figure]) -> Values:
    values: dict[str, Value] = {"level": mark.severity, "kind": mark.kind, "source": mark.source}
    for name, figures in (("safety", safety), ("within", within)):
        for figure in figures:
            values |= {f"{name}_series": figure.name, name: figure.value, f"{name}_z": figure.z}
    return values


def _thresholds(usual: float | None, safety: list[Figure], parameters: Parameters) -> Values:
    return {
        "clear": parameters.clear,
        "severe": parameters.severe,
        "usual": usual,
        "z": parameters.z,
        "low_mark": safety[0].low_mark if safety else None,
    }


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the pair is at what was usual before this session, and the other's score recovered."""
    pair = "|".join(concern.subject)
    before = Memory(memory.early[:-1]) if _is_early(moment, parameters) else memory
    mark = _seen(moment).get(pair)
    if mark is not None and above(mark.severity, _usual(before, pair) or 0.0):
        return Clearing.unmet
    absent = any(moment.present(member.removeprefix(MEMBER)) is False for member in concern.subject)
    if absent or not (moment.observed or mark is not None):
        return Clearing.blind
    return _score_clears(moment, concern)


def _score_clears(moment: Moment, concern: Concern) -> Clearing:
    baseline = concern.signal.baseline
    if baseline is None or (concern.discussed and concern.streak):
        return Clearing.met
    score = moment.score_of(baseline.series)
    if score is None:
        return Clearing.blind
    return Clearing.met if is_recovered(score, baseline) else Clearing.unmet


RULE = Rule(
    code="hostility-to-member",
    version=1,
    title="Hostility between members",
    grade="C",
    texts={
        "default": "One member was seen to be hostile, sarcastic or blaming towards another, more than is usual "
        "between these two or while the other feels less safe. The numbers cannot say why.",
        "severe": "One member was seen to be hostile towards another, severely or while the other feels unsafe. "
        f"The numbers cannot say why. {HOLD_TEXT}",
    },
    next_steps=("circular-question", "validation", "check-in", "outside-support"),
    parameters=Parameters(),
    rising=(("mild", "clear", "severe"),),
    memory=Memory(),
    check=check,
    clear=clear,
    rests_on=frozenset({"indicators", "indicators_observed"}),
    unsettles=True,
)
