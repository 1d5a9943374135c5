"""Low and not rising early on: two of a member's first three totals are clearly low.

Fires:    at the member's second or third total: this one and another of the first three ≤ low mark − the usual
          spread, and this one less than that spread above the first
Quiet:    a first total alone; a rise by the usual spread; from the fourth total on
Severity: warning; info in programs where a low start is expected (parameter `trauma_programs`)
Clears:   above low mark − spread, or risen by the usual spread above the first, twice
Source:   early alliance and dropout (Sharf 2010, d = .55); most dropout is early
Ours:     the limits; a rise that would have kept it quiet also ends it, else it would say that nothing has risen
Since:    0.1 (version 1)
"""

from dataclasses import dataclass

from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Severity, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import NoMemory, Rule
from service.domain.trajectory import above, at_least, at_most, below


@dataclass(frozen=True, slots=True)
class Parameters:
    first: int = 3
    needed: int = 2
    trauma_programs: tuple[str, ...] = ("trauma",)


def check(moment: Moment, memory: NoMemory, parameters: Parameters) -> tuple[NoMemory, tuple[Signal, ...]]:
    """Return a signal per member whose early totals are low; over several forms the lowest."""
    lowest: dict[str, Figure] = {}
    for figure in moment.figures("primary"):
        known = lowest.get(figure.rater)
        if _stays_low(figure, parameters) and (known is None or figure.value < known.value):
            lowest[figure.rater] = figure
    mild = moment.family.program in parameters.trauma_programs
    return memory, tuple(_signal(figure, mild) for figure in lowest.values())


def _limit(figure: Figure) -> float:
    return figure.low_mark - figure.sp


def _stays_low(figure: Figure, parameters: Parameters) -> bool:
    if figure.series.count >= parameters.first or not at_most(figure.value, _limit(figure)):
        return False
    first = (*figure.series.first, figure.value)
    low = sum(at_most(score, _limit(figure)) for score in first)
    return low >= parameters.needed and below(figure.value - first[0], figure.sp)


def _signal(figure: Figure, mild: bool) -> Signal:
    reference = member_reference(figure.rater)
    first, *_ = (*figure.series.first, figure.value)
    return Signal(
        subject=(reference,),
        severity=Severity.info if mild else Severity.warning,
        values={"series": figure.name, "total": figure.value, "first": first},
        thresholds={"limit": _limit(figure), "rise": figure.sp},
        raters=(reference,),
    )


def clear(moment: Moment, concern: Concern, memory: NoMemory, parameters: Parameters) -> Clearing:
    """Return whether the member's total is above the limit, or has risen since the first."""
    figure = moment.figure_of(concern.signal.series) if concern.signal.series is not None else None
    if figure is None:
        return Clearing.blind
    risen = at_least(figure.value - figure.series.first[0], figure.sp)
    return Clearing.met if risen or above(figure.value, _limit(figure)) else Clearing.unmet


RULE = Rule(
    code="early-low",
    version=1,
    title="Low and not rising yet",
    grade="D",
    texts={
        "default": "This member's early ratings are low and have not risen yet. Early sessions matter most for "
        "staying in therapy. The numbers cannot say why."
    },
    next_steps=("check-in", "set-expectations", "hope", "client-pace"),
    parameters=Parameters(),
    rising=(("needed", "first"),),
    memory=NoMemory(),
    check=check,
    clear=clear,
)
