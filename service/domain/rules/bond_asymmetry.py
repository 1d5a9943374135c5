"""One side's bond fell alone: a member's bond fell while nobody's on the other side did. Ratings alone.

Fires:    bond ≤ the median of the member's own last four − 2.24 usual spreads, and < 85, while no evaluable member of
          another subsystem (or the partner) is more than 5 below the median of their own last four
Quiet:    fewer than two earlier scores; nobody evaluable on the other side; the other side fell too; a child's form;
          a rating given not alone
Severity: info; warning when it fires again within three held sessions
Clears:   bond near the level before, or the asymmetry less than half, in two sessions
Ours:     the whole rule; in simulation it caught 79 % of side-taking and fired as info in 22 % of clean families
Since:    0.1 (version 1)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.concern import Clearing, Concern, Signal
from service.domain.groups import group_of
from service.domain.model import Severity, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import Rule
from service.domain.trajectory import at_least, at_most, below, is_recovered, own_median

LAST = 4


@dataclass(frozen=True, slots=True)
class Parameters:
    spreads: float = 2.24
    bond_below: float = 85.0
    other_fall: float = 5.0
    earlier_needed: int = 2
    again_within: int = 3


@dataclass(frozen=True, slots=True)
class Memory:
    """Member → held sessions when the rule last fired for them."""

    fired: Mapping[str, int] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member whose bond fell alone; over several forms the largest asymmetry."""
    low = any(below(figure.value, parameters.bond_below) for figure in moment.figures("bond"))
    if not low and not memory.fired:  # as mostly
        return memory, ()
    falls = _falls(moment, parameters) if low else []
    fired, signals = dict(memory.fired), dict[str, Signal]()
    for figure, own in falls:
        fell = below(figure.value, parameters.bond_below) and at_least(own, parameters.spreads * figure.sp)
        others = _others(figure, falls, moment) if fell else {}
        if others and at_most(max(others.values()), parameters.other_fall):
            asymmetry = own - max(others.values())
            known = signals.get(figure.rater)
            if known is None or asymmetry > _asymmetry(known):
                again = moment.number - memory.fired.get(figure.rater, -parameters.again_within - 1)
                signals[figure.rater] = _signal(figure, asymmetry, others, again, parameters)
                fired[figure.rater] = moment.number
    recent = {member: number for member, number in fired.items() if moment.number - number < parameters.again_within}
    return Memory(recent), tuple(signals.values())


def _falls(moment: Moment, parameters: Parameters) -> list[tuple[Figure, float]]:
    """Return each evaluable bond of today with its fall below the median of the member's own last four."""
    found = []
    for figure in moment.figures("bond"):
        middle = own_median(figure.series, LAST)
        enough = len(figure.series.recent) >= parameters.earlier_needed
        if middle is not None and enough and not figure.rating.not_alone and not figure.instrument.child_form:
            found.append((figure, middle - figure.value))
    return found


def _others(figure: Figure, falls: list[tuple[Figure, float]], moment: Moment) -> dict[str, float]:
    """Return the falls on the other side, on comparable forms: members who share no subsystem; a partner counts."""
    return {
        other.rater: fall
        for other, fall in falls
        if other.rater != figure.rater
        and group_of(other.rating) == group_of(figure.rating)
        and not moment.family.same_side(figure.rater, other.rater)
    }


def _signal(
    figure: Figure, asymmetry: float, others: Mapping[str, float], again: int, parameters: Parameters
) -> Signal:
    middle = own_median(figure.series, LAST)
    return Signal(
        subject=(member_reference(figure.rater),),
        severity=Severity.warning if again <= parameters.again_within else Severity.info,
        values={
            "series": figure.name,
            "bond": figure.value,
            "own_median": middle,
            "asymmetry": asymmetry,
            "largest_other_fall": max(others.values()),
        },
        thresholds={
            "fall": parameters.spreads * figure.sp,
            "bond": parameters.bond_below,
            "other_fall": parameters.other_fall,
        },
        raters=tuple(member_reference(member) for member in sorted({figure.rater, *others})),
        baseline=figure.baseline,
    )


def _asymmetry(signal: Signal) -> float:
    return signal.value("asymmetry") or 0.0


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the bond is back, or the asymmetry is less than half of what it was."""
    baseline, falls = concern.signal.baseline, _falls(moment, parameters)
    mine = next((figure for figure, _ in falls if figure.name == concern.signal.series), None)
    if baseline is None or mine is None:
        return Clearing.blind
    if is_recovered(mine.value, baseline):
        return Clearing.done if concern.discussed else Clearing.met
    others, middle = _others(mine, falls, moment), concern.signal.value("own_median")
    if not others or middle is None:
        return Clearing.unmet
    halved = below(middle - mine.value - max(others.values()), _asymmetry(concern.signal) / 2)
    return Clearing.met if halved else Clearing.unmet


RULE = Rule(
    code="bond-asymmetry",
    version=1,
    title="One side's bond fell alone",
    grade="D",
    texts={
        "default": "This member's bond fell while the other side's held. One side may feel less heard. "
        "The numbers cannot say why."
    },
    next_steps=("equidistance", "neutrality", "check-in", "own-part"),
    parameters=Parameters(),
    memory=Memory(),
    check=check,
    clear=clear,
    capped=True,
    silent_on_hold=True,
)
