"""Possible concealment: a member marks nearly full and was seen to withdraw in the same session.

Fires:    a member's total ≥ 95 percent and that member's withdrawal at clear (2) or more
Quiet:    94.9; mild withdrawal; a full mark alone; withdrawal that only the member told; a rating given not alone
Severity: info
Clears:   two sessions in which either is gone: the total that opened it below 95, or somebody looked and saw no clear
          withdrawal while the member was not known to be away
Source:   what clients keep from their therapists is often about therapy itself (Blanchard & Farber 2016, n = 547);
          appeasing and withdrawal as markers in the 3RS (Eubanks, Lubitz, Muran & Safran 2019)
Ours:     the limits; who tells of their own withdrawal conceals nothing; a mark given in company is no sign
Since:    0.1 (version 1)
"""

from collections.abc import Iterator
from dataclasses import dataclass

from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Indicator, Severity
from service.domain.moment import Figure, Moment
from service.domain.rules import NoMemory, Rule
from service.domain.sightings import MEMBER, gravest, looked_at
from service.domain.trajectory import at_least

KINDS = frozenset({"withdrawal"})


@dataclass(frozen=True, slots=True)
class Parameters:
    total: float = 95.0
    level: int = 2


def check(moment: Moment, memory: NoMemory, parameters: Parameters) -> tuple[NoMemory, tuple[Signal, ...]]:
    """Return a signal per member who was seen to withdraw and marked nearly full; over several forms the fullest."""
    seen = _withdrawn(moment, parameters)
    fullest: dict[str, Figure] = {}
    for figure in _totals(moment) if seen else ():
        member = figure.rater_reference
        if member in seen and at_least(figure.value, parameters.total):
            known = fullest.get(member)
            if known is None or figure.value > known.value:
                fullest[member] = figure
    return memory, tuple(_signal(figure, seen[member], parameters) for member, figure in fullest.items())


def _withdrawn(moment: Moment, parameters: Parameters) -> dict[str, Indicator]:
    found = gravest(moment, KINDS, _seen_by_another)
    return {member: mark for member, mark in found.items() if mark.severity >= parameters.level}


def _seen_by_another(item: Indicator) -> str | None:
    return item.from_ if item.from_.startswith(MEMBER) and item.source != item.from_ else None


def _totals(moment: Moment) -> Iterator[Figure]:
    return (figure for figure in moment.figures("primary") if not figure.rating.not_alone)


def _signal(figure: Figure, mark: Indicator, parameters: Parameters) -> Signal:
    return Signal(
        subject=(mark.from_,),
        severity=Severity.info,
        values={
            "series": figure.name,
            "total": figure.value,
            "level": mark.severity,
            "source": mark.source,
        },
        thresholds={"total": parameters.total, "level": parameters.level},
        raters=(mark.from_,),
    )


def clear(moment: Moment, concern: Concern, memory: NoMemory, parameters: Parameters) -> Clearing:
    """Return whether the total is below full or the withdrawal gone; blind where neither can be told."""
    (member,) = concern.subject
    series = concern.signal.series
    total = next((figure.value for figure in _totals(moment) if figure.name == series), None)
    if total is not None and not at_least(total, parameters.total):
        return Clearing.met
    gone = looked_at(moment, member) and member not in _withdrawn(moment, parameters)
    return Clearing.met if gone else Clearing.blind


RULE = Rule(
    code="possible-concealment",
    version=1,
    title="Full marks and a step back",
    grade="C",
    texts={
        "default": "This member's rating is nearly full, and in the same session they were seen to withdraw. "
        "Both can be true. The numbers cannot say why."
    },
    next_steps=("check-in", "transparency", "client-pace", "validation"),
    parameters=Parameters(),
    memory=NoMemory(),
    check=check,
    clear=clear,
    rests_on=frozenset({"indicators"}),
)
