"""Over-reliance: the therapist was seen to lean on a member's cooperation and to leave that member the lead.

Fires:    cedes-control or over-reliance of a therapist towards a member, told by an observer or a therapist, clear (2)
          now and in two of the last three observed sessions; both kinds and all sources pool by the highest
Quiet:    clear once; mild; told by a member alone; a session in which nobody looked
Severity: info
Clears:   two observed sessions without any; one from which the member was away says nothing
Source:   none with numbers; that a course may go smoothly and still miss the client is a view of supervisors
Ours:     the limits; it is about the member who is leaned on, so what the therapist says counts; where no member is
          named, it is about the family
Since:    0.1 (version 1)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.clearing import unseen_since
from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Indicator, Severity
from service.domain.moment import Moment
from service.domain.rules import Rule
from service.domain.sightings import MEMBER, OBSERVER, THERAPIST, gravest, runs_after, times_at

KINDS = frozenset({"cedes-control", "over-reliance"})
FAMILY = "family"


@dataclass(frozen=True, slots=True)
class Parameters:
    clear: int = 2
    needed: int = 2
    of: int = 3


@dataclass(frozen=True, slots=True)
class Memory:
    """Member reference or `family` → levels in the last observed sessions; who was not leaned on is left out."""

    runs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member, or for the family, on whom the therapist leans again."""
    seen = _seen(moment)
    runs = runs_after(memory.runs, seen, moment, parameters.of)
    found = (_signal(subject, mark, runs[subject], parameters) for subject, mark in seen.items())
    return Memory(runs), tuple(signal for signal in found if signal is not None)


def _seen(moment: Moment) -> dict[str, Indicator]:
    return gravest(moment, KINDS, _leaned_on)


def _leaned_on(item: Indicator) -> str | None:
    told = item.source.startswith((OBSERVER, THERAPIST)) and item.from_.startswith(THERAPIST)
    toward = item.toward or FAMILY
    if not told or toward.startswith((THERAPIST, OBSERVER)):
        return None
    return toward if toward.startswith(MEMBER) else FAMILY


def _signal(subject: str, mark: Indicator, run: tuple[int, ...], parameters: Parameters) -> Signal | None:
    times = times_at(run, parameters.clear)
    if mark.severity < parameters.clear or times < parameters.needed:
        return None
    return Signal(
        subject=(subject,),
        severity=Severity.info,
        values={
            "level": mark.severity,
            "kind": mark.kind,
            "by": mark.from_,
            "source": mark.source,
            "sessions_clear": times,
        },
        thresholds={"level": parameters.clear, "sessions": parameters.needed, "of": parameters.of},
        route="family" if subject == FAMILY else "default",
    )


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether somebody looked and saw the therapist lean on nobody here."""
    return unseen_since(moment, concern, _seen(moment))


RULE = Rule(
    code="over-reliance",
    version=1,
    title="Who leads",
    grade="C",
    texts={
        "default": "The therapist was seen to lean on this member's cooperation or to leave them the lead, and not for "
        "the first time lately. What goes smoothly may still pass somebody by. The numbers cannot say why.",
        "family": "The therapist was seen to leave the family the lead, and not for the first time lately. "
        "What goes smoothly may still pass somebody by. The numbers cannot say why.",
    },
    next_steps=("structure", "equidistance", "own-part", "collaborative-goals"),
    parameters=Parameters(),
    rising=(("needed", "of"),),
    memory=Memory(),
    check=check,
    clear=clear,
    rests_on=frozenset({"indicators"}),
)
