"""Therapist and family may not fit yet: half of the members find the way of working low from the start.

Fires:    in both of the case's first two held sessions at least half of the members who rated the tasks (two or more)
          are below their form's low mark for them
Quiet:    one rater alone; less than half in either session; a form without tasks; from the third session on
Severity: info
Clears:   less than half below the low mark in two sessions (with two or more raters)
Source:   how client and therapist agree on tasks is part of the alliance (Bordin 1979); early alliance and dropout
          (Sharf 2010, d = .55)
Ours:     the share and the two sessions; over several forms a member counts as low when one of them is low
Since:    0.1 (version 1)
"""

from dataclasses import dataclass

from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Severity, member_reference
from service.domain.moment import Moment
from service.domain.rules import Rule
from service.domain.trajectory import at_least, below


@dataclass(frozen=True, slots=True)
class Parameters:
    share: float = 0.5
    raters: int = 2


@dataclass(frozen=True, slots=True)
class Memory:
    """Whether many were low in the case's first held session."""

    low_first: bool = False


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal about the family in the second session, when it is as low as the first."""
    if not moment.session.held or moment.number > 2:
        return memory, ()
    low = _low_by_member(moment)
    if moment.number == 1:
        return Memory(_are_many(low, parameters)), ()
    return Memory(), (_signal(low, parameters),) if memory.low_first and _are_many(low, parameters) else ()


def _low_by_member(moment: Moment) -> dict[str, bool]:
    """Return who rated the tasks today, and whether they are low."""
    low: dict[str, bool] = {}
    for figure in moment.figures("tasks"):
        low[figure.rater] = low.get(figure.rater, False) or below(figure.value, figure.low_mark)
    return low


def _are_many(low: dict[str, bool], parameters: Parameters) -> bool:
    return len(low) >= parameters.raters and at_least(sum(low.values()) / len(low), parameters.share)


def _signal(low: dict[str, bool], parameters: Parameters) -> Signal:
    return Signal(
        subject=("family",),
        severity=Severity.info,
        values={"low": sum(low.values()), "of": len(low), "sessions": 2},
        thresholds={"share": parameters.share, "raters": parameters.raters},
        raters=tuple(member_reference(member) for member in sorted(low)),
    )


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether less than half are below the low mark; blind where too few rated the tasks."""
    low = _low_by_member(moment)
    if len(low) < parameters.raters:
        return Clearing.blind
    return Clearing.unmet if _are_many(low, parameters) else Clearing.met


RULE = Rule(
    code="therapist-family-mismatch",
    version=1,
    title="The way of working may not fit yet",
    grade="C",
    texts={
        "default": "Half of the members or more marked the way of working low in both first sessions. That is early "
        "enough to change it. The numbers cannot say why."
    },
    next_steps=("set-expectations", "adjust-course", "collaborative-goals", "culture-fit"),
    parameters=Parameters(),
    memory=Memory(),
    check=check,
    clear=clear,
    capped=True,
)
