"""Resistance to change: a member turns down or denies what is offered, is less ready for it, or it fits them less.

Fires:    tasks z ≤ −1.5 against the member's own earlier sessions (at least three), while they were seen to reject or
          to deny (mild, 1, or more) in the same session or have tasks left undone (noncompliance active); or rejects or
          denial at clear (2) or more. Readiness two or more of ten below what was told the time before counts as clear
Quiet:    low tasks alone; mild alone; fewer than three earlier scores for z; a session in which nobody looked;
          readiness told by somebody else than the time before
Severity: info; warning when it fires again within three held sessions
Clears:   tasks back near the level before in two sessions (one, when it was talked about), and no rejects or denial: if
          they were seen at the opening, in two observed sessions from which the member was not known to be away; if
          readiness fell, told twice without another fall
Source:   turning down an intervention and denial are markers in the 3RS (Eubanks, Lubitz, Muran & Safran 2019)
Ours:     the limits; both kinds and all sources pool by the highest, whomever they were shown to. Readiness is
          held against the last time that the same person told of it, as two people mean two things by a number
Since:    0.1 (version 1)
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from service.domain.clearing import calm_since, recovered_since
from service.domain.concern import Clearing, Concern, Signal, Values
from service.domain.model import Indicator, Severity, member_reference
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
    readiness_fall: int = 2


@dataclass(frozen=True, slots=True)
class Told:
    """A member's readiness as it was last told: by whom, at how many held sessions, and how far it fell then."""

    value: int
    source: str
    number: int
    fell: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """Member reference → held sessions when the rule last fired for them (what is too old to matter is forgotten), and
    their readiness.
    """

    fired: Mapping[str, int] = field(default_factory=dict)
    readiness: Mapping[str, Told] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member, and a graver one where it fires again soon."""
    readiness = _readiness_after(moment, memory.readiness)
    fell = {member: told for member, told in readiness.items() if _has_fallen(told, moment, parameters)}
    seen = {member: mark for member, mark in _seen(moment).items() if mark.severity >= parameters.mild}
    undone = {concern.subject[0] for concern in moment.active_of(UNDONE)}
    if not (fell or seen or undone or memory.fired):  # as in most sessions
        return (memory if readiness is memory.readiness else Memory({}, readiness)), ()
    low = _low_tasks(moment, {*seen, *undone, *fell}, parameters)
    clearly = {member for member, mark in seen.items() if mark.severity >= parameters.clear}
    signals = tuple(
        _signal(
            member,
            Evidence(low.get(member), seen.get(member), fell.get(member)),
            _is_again(moment, memory, member, parameters),
            parameters,
        )
        for member in sorted({*low, *clearly, *fell})
    )
    fired = {**memory.fired, **{signal.subject[0]: moment.number for signal in signals}}
    recent = {member: number for member, number in fired.items() if moment.number - number < parameters.again_within}
    return Memory(recent, readiness), signals


def _readiness_after(moment: Moment, before: Mapping[str, Told]) -> Mapping[str, Told]:
    """Return what was last told of everybody's readiness, one session later."""
    if not moment.session.readiness or not moment.session.held:  # as in most sessions
        return before
    after = dict(before)
    for member_id, reading in moment.session.readiness.items():
        member = member_reference(member_id)
        known = before.get(member)
        fell = known.value - reading.value if known is not None and known.source == reading.source else 0
        after[member] = Told(reading.value, reading.source, moment.number, max(0, fell))
    return after


def _has_fallen(told: Told, moment: Moment, parameters: Parameters) -> bool:
    return moment.session.held and told.number == moment.number and told.fell >= parameters.readiness_fall


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


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one member's signal."""

    low: Figure | None
    mark: Indicator | None
    fell: Told | None

    def route(self, parameters: Parameters) -> str:
        if self.low is None:
            return "seen" if self.mark is not None and self.mark.severity >= parameters.clear else "readiness"
        if self.mark is not None:
            return "tasks-and-seen"
        return "tasks-undone" if self.fell is None else "tasks-and-readiness"

    def values(self) -> Values:
        low, mark, fell = self.low, self.mark, self.fell
        rated: Values = {} if low is None else {"series": low.name, "tasks": low.value, "z": low.z}
        seen: Values = {} if mark is None else {"level": mark.severity, "kind": mark.kind, "source": mark.source}
        told: Values = {} if fell is None else {"readiness": fell.value, "fell_by": fell.fell, "told_by": fell.source}
        return {**rated, **seen, **told}


def _signal(member: str, evidence: Evidence, again: bool, parameters: Parameters) -> Signal:
    low = evidence.low
    return Signal(
        subject=(member,),
        severity=Severity.warning if again else Severity.info,
        values={**evidence.values(), "again": again},
        thresholds={
            "z": parameters.z,
            "with": parameters.mild,
            "once": parameters.clear,
            "readiness_fall": parameters.readiness_fall,
        },
        route=evidence.route(parameters),
        raters=(member,) if low is not None else (),
        baseline=low.baseline if low is not None else None,
    )


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the tasks score that was low is back, no rejects or denial was seen, and readiness did not fall.

    A fall is a signal of its own, so what did not fire did not fall.
    """
    back = recovered_since(moment, concern) if concern.signal.baseline is not None else Clearing.met
    (member,) = concern.subject
    told = memory.readiness.get(member)
    told_today = told is not None and told.number == moment.number and moment.session.held
    if concern.signal.value("readiness") is not None and not told_today and back is Clearing.met:
        back = Clearing.blind
    return calm_since(moment, concern, _seen(moment), back)


RULE = Rule(
    code="resistance-to-change",
    version=1,
    title="What is offered may not fit",
    grade="B",
    texts={
        "tasks-and-readiness": "This member rates the way of working below their own usual level, and their readiness "
        "for a change has fallen. It may be too much or too soon. The numbers cannot say why.",
        "readiness": "This member's readiness for a change has fallen since the time before. "
        "It may be too much or too soon. The numbers cannot say why.",
        "tasks-and-seen": "This member rates the way of working below their own usual level, and was seen to turn down "
        "or deny what was offered. It may be too much or too soon. The numbers cannot say why.",
        "tasks-undone": "This member rates the way of working below their own usual level, while tasks stay undone. "
        "It may be too much or too soon. The numbers cannot say why.",
        "seen": "This member was seen to turn down or deny what was offered. It may be too much or too soon. "
        "The numbers cannot say why.",
    },
    next_steps=("motivational", "client-pace", "own-part", "adjust-course"),
    parameters=Parameters(),
    rising=(("mild", "clear"),),
    memory=Memory(),
    check=check,
    clear=clear,
    inhibits=("sudden-drop", "out-of-limits"),
    after=(UNDONE,),
)
