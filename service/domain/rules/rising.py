"""Good news, going up: a member's total has risen over the last three scores.

Fires:    over the last three scores the total went up by the reliable change or more, and never down in between
Quiet:    fewer than three scores; a smaller rise; a score that merely comes back from a low one in between; a session
          in which an alert about this member recovered, since that is the same news
Severity: info
Clears:   the next held session without such a rise
Source:   rising alliance in most treatments that went well is reported, its shape is not agreed on (Stiles et al. 2004)
Ours:     the limits, and that it is worth a line; of several forms the one that rose most
Since:    0.1 (version 1)
"""

from dataclasses import dataclass
from itertools import pairwise

from service.domain.concern import Clearing, Signal
from service.domain.model import Severity, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import NoMemory, Rule, Tone
from service.domain.trajectory import at_least


@dataclass(frozen=True, slots=True)
class Parameters:
    scores: int = 3  # at most nine: a series remembers eight, and today's comes on top


def check(moment: Moment, memory: NoMemory, parameters: Parameters) -> tuple[NoMemory, tuple[Signal, ...]]:
    """Return a signal per member whose total went up."""
    risen: dict[str, Figure] = {}
    for figure in moment.figures("primary"):
        known = risen.get(figure.rater)
        if _has_risen(figure, parameters) and (known is None or _rise(figure, parameters) > _rise(known, parameters)):
            risen[figure.rater] = figure
    return memory, tuple(_signal(figure, parameters) for figure in risen.values())


def _window(figure: Figure, parameters: Parameters) -> tuple[float, ...]:
    return (*figure.series.recent[-(parameters.scores - 1) :], figure.value)


def _rise(figure: Figure, parameters: Parameters) -> float:
    return figure.value - _window(figure, parameters)[0]


def _has_risen(figure: Figure, parameters: Parameters) -> bool:
    earlier, recent = parameters.scores - 1, figure.series.recent
    if len(recent) < earlier or not at_least(figure.value - recent[-earlier], figure.reliable_change):
        return False
    return all(at_least(later, earlier) for earlier, later in pairwise(_window(figure, parameters)))


def _signal(figure: Figure, parameters: Parameters) -> Signal:
    reference = member_reference(figure.rater)
    return Signal(
        subject=(reference,),
        severity=Severity.info,
        values={"series": figure.name, "total": figure.value, "rise": _rise(figure, parameters)},
        thresholds={"rise": figure.reliable_change, "scores": parameters.scores},
        raters=(reference,),
    )


RULE = Rule(
    code="rising",
    version=1,
    title="Good news: going up",
    grade="D",
    texts={
        "default": "This member's rating has gone up over their last sessions. Whatever helped is worth keeping. "
        "The numbers cannot say what it was."
    },
    next_steps=("hope", "family-as-solution"),
    parameters=Parameters(),
    bounds={"scores": (2, 9)},
    memory=NoMemory(),
    check=check,
    clear=lambda moment, concern, memory, parameters: Clearing.passed if moment.session.held else Clearing.blind,
    capped=True,
    silent_on_hold=True,
    tone=Tone.good_news,
)
