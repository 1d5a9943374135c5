"""Sustained decline: a member's total has gone down over its last six scores.

Fires:    over the last six scores Mann-Kendall S ≤ −11, the last of them lies the reliable change or more below the
          first, and below the form's own cut-off (its low mark where it has none)
Quiet:    fewer than six scores; one deep fall among even scores; a decline that ends at or above the cut-off; while a
          split alliance stands whose low member this is, since that tells the same story
Severity: warning
Clears:   Theil-Sen slope ≥ 0 over the last three scores
Source:   S ≤ −11 of six scores comes about by chance in 2.8 of 100 (exact, one-sided; Mann 1945); declines over
          several sessions are one of the patterns found before crises (Gumz 2012)
Ours:     the window, the size of the fall, and that three scores tell that it has ended; one that stands already goes
          on beside a split
Since:    0.1 (version 1)
"""

from dataclasses import dataclass

from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Severity, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import NoMemory, Rule
from service.domain.trajectory import at_least
from service.domain.trends import mann_kendall, theil_sen

CODE = "sustained-decline"
SPLIT, FAMILY = "split-alliance", ("family",)


@dataclass(frozen=True, slots=True)
class Parameters:
    scores: int = 6  # at most nine: a series remembers eight, and today's comes on top
    s_at_most: int = -11
    cleared_by: int = 3


def check(moment: Moment, memory: NoMemory, parameters: Parameters) -> tuple[NoMemory, tuple[Signal, ...]]:
    """Return a signal per member whose total has gone down; over several forms the one that fell furthest."""
    declines: dict[str, Figure] = {}
    for figure in moment.figures("primary"):
        known = declines.get(figure.rater)
        if _declines(figure, parameters) and (known is None or _fall(figure, parameters) > _fall(known, parameters)):
            declines[figure.rater] = figure
    signals = (_signal(figure, parameters) for figure in declines.values())
    return memory, tuple(signal for signal in signals if not _is_told(moment, signal.subject))


def _window(figure: Figure, scores: int) -> tuple[float, ...]:
    return (*figure.series.recent[-(scores - 1) :], figure.value)


def _fall(figure: Figure, parameters: Parameters) -> float:
    return _window(figure, parameters.scores)[0] - figure.value


def _declines(figure: Figure, parameters: Parameters) -> bool:
    earlier, recent = parameters.scores - 1, figure.series.recent
    if len(recent) < earlier or not at_least(recent[-earlier] - figure.value, figure.reliable_change):
        return False  # what is cheap to ask comes first: most sessions end there
    return figure.is_below_cut and mann_kendall(_window(figure, parameters.scores)) <= parameters.s_at_most


def _signal(figure: Figure, parameters: Parameters) -> Signal:
    window = _window(figure, parameters.scores)
    reference = member_reference(figure.rater)
    return Signal(
        subject=(reference,),
        severity=Severity.warning,
        values={
            "series": figure.name,
            "total": figure.value,
            "first_total": window[0],
            "fall": _fall(figure, parameters),
            "mann_kendall": mann_kendall(window),
            "scores": len(window),
        },
        thresholds={"mann_kendall": parameters.s_at_most, "fall": figure.reliable_change, "cut": figure.cut},
        raters=(reference,),
    )


def _is_told(moment: Moment, subject: tuple[str, ...]) -> bool:
    """Tell whether a split that stands has this member as its low one, and no decline of theirs stands yet."""
    split = moment.active(SPLIT, FAMILY)
    return split is not None and subject == (split.signal.values["low_member"],) and not moment.active(CODE, subject)


def clear(moment: Moment, concern: Concern, memory: NoMemory, parameters: Parameters) -> Clearing:
    """Return whether the last scores of the series no longer go down."""
    series = concern.signal.series
    figure = next((item for item in moment.figures("primary") if item.name == series), None)
    if figure is None:
        return Clearing.blind
    return Clearing.met if at_least(theil_sen(_window(figure, parameters.cleared_by)), 0) else Clearing.unmet


RULE = Rule(
    code=CODE,
    version=1,
    title="Slowly going down",
    grade="B",
    texts={
        "default": "This member's rating has gone down over their last sessions, a little at a time. "
        "The numbers cannot say why."
    },
    next_steps=("check-in", "adjust-course", "client-pace", "talk-about-alliance"),
    parameters=Parameters(),
    bounds={"scores": (4, 9), "cleared_by": (2, 9)},
    memory=NoMemory(),
    check=check,
    clear=clear,
    clears_after=1,
    capped=True,
    after=(SPLIT,),
)
