"""Resistance to change: a member was seen to turn down or deny what was offered, or the way of working fits them less.

Fires:    tasks z ≤ −1.5 against the member's own earlier sessions (at least three), while they were seen to reject or
          to deny (mild, 1, or more) in the same session or have tasks left undone (noncompliance active); or rejects or
          denial at clear (2) or more
Quiet:    low tasks alone; mild alone; fewer than three earlier scores for z; a session in which nobody looked
Severity: info; warning when it fires again within three held sessions
Clears:   tasks back near the level before in two sessions (one, when it was talked about), and no rejects or denial: if
          they were seen at the opening, in two observed sessions from which the member was not known to be away
Source:   turning down an intervention and denial are markers in the 3RS (Eubanks, Lubitz, Muran & Safran 2019)
Ours:     the limits; both kinds and all sources pool by the highest, whomever they were shown to. A falling readiness
          to change is to count like an indicator; it does not yet, because no fact tells of readiness
Since:    0.1 (version 1)
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from service.domain.clearing import calm_since, recovered_since
from service.domain.concern import Clearing, Concern, Signal, Values
from service.domain.model import Indicator, Severity
from service.domain.moment import Figure, Moment
from service.domain.rules import Rule
from service.domain.sightings import MEMBER, gravest

KINDS = frozenset({"rejects", "denial"})
UNDONE = "noncompliance"


@dataclass(frozen=True, slots=True)
class Parameters:
    z: float = -1.5
    mild: int = 1
    clear: int = 2
    again_within: int = 3


@dataclass(frozen=True, slots=True)
class Memory:
    """Member reference → held sessions when the rule last fired for them; what is too old to matter is forgotten."""

    fired: Mapping[str, int] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member, and a graver one where it fires again soon."""
    seen = {member: mark for member, mark in _seen(moment).items() if mark.severity >= parameters.mild}
    undone = {concern.subject[0] for concern in moment.active_of(UNDONE)}
    low = _low_tasks(moment, {*seen, *undone}, parameters)
    clearly = {member for member, mark in seen.items() if mark.severity >= parameters.clear}
    signals = tuple(
        _signal(member, low.get(member), seen.get(member), _is_again(moment, memory, member, parameters), parameters)
        for member in sorted({*low, *clearly})
    )
    fired = {**memory.fired, **{signal.subject[0]: moment.number for signal in signals}}
    recent = {member: number for member, number in fired.items() if moment.number - number < parameters.again_within}
    return Memory(recent), signals


def _seen(moment: Moment) -> dict[str, Indicator]:
    return gravest(moment, KINDS, lambda item: item.from_ if item.from_.startswith(MEMBER) else None)


def _low_tasks(moment: Moment, members: Collection[str], parameters: Parameters) -> dict[str, Figure]:
    """Return the low tasks scores of today of some members; over several forms the furthest down."""
    lowest: dict[str, tuple[float, Figure]] = {}
    for figure in moment.figures("tasks") if members else ():
        member, z = figure.rater_reference, figure.fallen_to(parameters.z)
        if member in members and z is not None:
            if member not in lowest or z < lowest[member][0]:
                lowest[member] = (z, figure)
    return {member: figure for member, (_, figure) in lowest.items()}


def _is_again(moment: Moment, memory: Memory, member: str, parameters: Parameters) -> bool:
    last = memory.fired.get(member)
    return last is not None and moment.number - last <= parameters.again_within


def _signal(member: str, low: Figure | None, mark: Indicator | None, again: bool, parameters: Parameters) -> Signal:
    return Signal(
        subject=(member,),
        severity=Severity.warning if again else Severity.info,
        values=_values(low, mark, again),
        thresholds={"z": parameters.z, "with": parameters.mild, "once": parameters.clear},
        route="seen" if low is None else "tasks-undone" if mark is None else "tasks-and-seen",
        raters=(member,) if low is not None else (),
        baseline=low.baseline if low is not None else None,
    )


def _values(low: Figure | None, mark: Indicator | None, again: bool) -> Values:
    rated: Values = {} if low is None else {"series": low.name, "tasks": low.value, "z": low.z}
    seen: Values = {} if mark is None else {"level": mark.severity, "kind": mark.kind, "source": mark.source}
    return {**rated, **seen, "again": again}


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the tasks score that was low is back, and no rejects or denial was seen."""
    rated = concern.signal.baseline is not None
    return calm_since(moment, concern, _seen(moment), recovered_since(moment, concern) if rated else Clearing.met)


RULE = Rule(
    code="resistance-to-change",
    version=1,
    title="What is offered may not fit",
    grade="B",
    texts={
        "tasks-and-seen": "This member rates the way of working below their own usual level, and was seen to turn down "
        "or deny what was offered. It may be too much or too soon. The numbers cannot say why.",
        "tasks-undone": "This member rates the way of working below their own usual level, while tasks stay undone. "
        "It may be too much or too soon. The numbers cannot say why.",
        "seen": "This member was seen to turn down or deny what was offered. It may be too much or too soon. "
        "The numbers cannot say why.",
    },
    next_steps=("motivational", "client-pace", "own-part", "adjust-course"),
    parameters=Parameters(),
    memory=Memory(),
    check=check,
    clear=clear,
    inhibits=("sudden-drop", "out-of-limits"),
    after=(UNDONE,),
)
