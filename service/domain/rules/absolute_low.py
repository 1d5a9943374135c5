"""Low at the start: a total below the instrument's cut-off in the first three sessions.

Fires:    sessions 1-3 of the case, total below the form's own cut-off (its low mark where it has none)
Quiet:    from session 4 on; at or above the cut-off; no rating
Severity: info
Clears:   one total at or above the cut-off; at session 4 its window has passed
Source:   cut-offs as published with the instruments; alone it is right about one time in twenty (simulation)
Ours:     the end after three sessions
Since:    0.1 (version 1)
"""

from dataclasses import dataclass

from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Severity, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import NoMemory, Rule


@dataclass(frozen=True, slots=True)
class Parameters:
    sessions: int = 3


def check(moment: Moment, memory: NoMemory, parameters: Parameters) -> tuple[NoMemory, tuple[Signal, ...]]:
    """Return a signal per member below the cut-off; over several forms the one furthest below."""
    lowest: dict[str, Figure] = {}
    for figure in moment.figures("primary") if moment.number <= parameters.sessions else ():
        known = lowest.get(figure.rater)
        if figure.is_below_cut and (known is None or figure.value - figure.cut < known.value - known.cut):
            lowest[figure.rater] = figure
    return memory, tuple(_signal(figure) for figure in lowest.values())


def _signal(figure: Figure) -> Signal:
    reference = member_reference(figure.rater)
    return Signal(
        subject=(reference,),
        severity=Severity.info,
        values={"series": figure.name, "total": figure.value},
        thresholds={"cut": figure.cut},
        raters=(reference,),
    )


def clear(moment: Moment, concern: Concern, memory: NoMemory, parameters: Parameters) -> Clearing:
    """Return whether a total reached the cut-off, or the first sessions are over."""
    series = concern.signal.series
    figure = next((item for item in moment.figures("primary") if item.name == series), None)
    if figure is not None and not figure.is_below_cut:
        return Clearing.met
    if moment.number > parameters.sessions:
        return Clearing.passed
    return Clearing.blind if figure is None else Clearing.unmet


RULE = Rule(
    code="absolute-low",
    version=1,
    title="A low start",
    grade="C",
    texts={
        "default": "This member's first ratings are below the form's cut-off. A low start that rises is common and "
        "no bad sign. The numbers cannot say why."
    },
    next_steps=("check-in", "set-expectations", "client-pace"),
    parameters=Parameters(),
    memory=NoMemory(),
    check=check,
    clear=clear,
    clears_after=1,
    capped=True,
)
