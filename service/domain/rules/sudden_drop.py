"""Sudden drop: a member's total fell by more than its usual noise since the last time.

Fires:    last score − this one ≥ the reliable change, and this one lies at least half of that below the median of
          the member's last three
Quiet:    no earlier score; a fall after a single high mark; a gradual fall
Severity: info; warning when a second source agrees in the same session: another member's own sudden drop, the
          therapist's total well below its own median, or a negative behaviour of that member
Clears:   two attended sessions near the level before (one, when it was talked about), or three steady scores
Source:   Jacobson & Truax 1991; drops from one session to the next are contested as signs (Zlotnick 2020)
Ours:     the second condition and the second sources
Since:    0.1 (version 1)
"""

from dataclasses import dataclass

from service.domain.clearing import recovered_since
from service.domain.concern import Signal
from service.domain.indicators import NEGATIVE_KINDS
from service.domain.model import RaterKind, Severity, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import NoMemory, Rule
from service.domain.trajectory import at_least, own_median


@dataclass(frozen=True, slots=True)
class Parameters:
    below_median_share: float = 0.5
    median_of: int = 3


def check(moment: Moment, memory: NoMemory, parameters: Parameters) -> tuple[NoMemory, tuple[Signal, ...]]:
    """Return a signal per member whose total dropped; over several forms the largest drop."""
    drops: dict[str, Figure] = {}
    for figure in moment.figures("primary"):
        known = drops.get(figure.rater)
        if _dropped(figure, parameters) and (known is None or _fall(figure) > _fall(known)):
            drops[figure.rater] = figure
    return memory, tuple(_signal(figure, moment, drops, parameters) for figure in drops.values())


def _fall(figure: Figure) -> float:
    return figure.series.recent[-1] - figure.value if figure.series.recent else 0.0


def _below_median(figure: Figure, parameters: Parameters) -> float:
    middle = own_median(figure.series, parameters.median_of)
    return 0.0 if middle is None else middle - figure.value


def _dropped(figure: Figure, parameters: Parameters) -> bool:
    limit = figure.reliable_change
    half = parameters.below_median_share * limit
    return at_least(_fall(figure), limit) and at_least(_below_median(figure, parameters), half)


def _signal(figure: Figure, moment: Moment, drops: dict[str, Figure], parameters: Parameters) -> Signal:
    second = _second_source(figure.rater, moment, drops, parameters)
    reference = member_reference(figure.rater)
    return Signal(
        subject=(reference,),
        severity=Severity.warning if second else Severity.info,
        values={
            "series": figure.name,
            "total": figure.value,
            "fall": _fall(figure),
            "below_median": _below_median(figure, parameters),
            "second_source": second,
        },
        thresholds={
            "fall": figure.reliable_change,
            "below_median": parameters.below_median_share * figure.reliable_change,
        },
        route="agreed" if second else "default",
        raters=(reference,),
        baseline=figure.baseline,
    )


def _second_source(member: str, moment: Moment, drops: dict[str, Figure], parameters: Parameters) -> str | None:
    """Return what else points the same way in this session; None if nothing does."""
    if any(other != member for other in drops):
        return "another-member"
    reference = member_reference(member)
    if moment.observed and any(item.from_ == reference for item in moment.indicators(NEGATIVE_KINDS)):
        return "indicator"
    for figure in moment.figures("primary", RaterKind.therapist, about=""):
        concerned = figure.rating.about in (reference, "family", "therapist")
        half = parameters.below_median_share * figure.reliable_change
        if concerned and figure.series.recent and at_least(_below_median(figure, parameters), half):
            return "therapist"
    return None


RULE = Rule(
    code="sudden-drop",
    version=1,
    title="A sudden drop",
    grade="B",
    texts={
        "default": "This member's rating dropped sharply since the last time. One low mark is a reason to ask, "
        "no more. The numbers cannot say why.",
        "agreed": "This member's rating dropped sharply since the last time, and a second source points the same "
        "way. The numbers cannot say why.",
    },
    next_steps=("check-in", "active-listening", "talk-about-alliance"),
    parameters=Parameters(),
    bounds={"median_of": (1, 8)},
    memory=NoMemory(),
    check=check,
    clear=lambda moment, concern, memory, parameters: recovered_since(moment, concern),
    once_when_discussed=True,
    capped=True,
    unsettles=True,
    settles=True,
)
