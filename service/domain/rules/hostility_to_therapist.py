"""Hostility to the therapist: a member was seen to be hostile or sarcastic towards the therapist.

Fires:    hostility or sarcasm of a member towards a therapist: clear (2) once, or mild (1) now and in two of the last
          three observed sessions; several kinds and sources pool by the highest
Quiet:    a complaint, which is confrontation but no hostility; mild once; a session in which nobody looked
Severity: warning; critical at severe (3), or at clear in two of the last three observed sessions
Clears:   two attended, observed sessions without any, and the member's bond z > −1 against their level before the
          opening where the session has one
Source:   confrontation and dropout, d = .74 in 42 cases (Eubanks, Lubitz, Muran & Safran 2019, 3RS)
Ours:     the limits; a mark counts even if nobody said that somebody looked; a session nobody says the member attended
          does not clear
Since:    0.1 (version 1)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.concern import Clearing, Concern, Signal, Values
from service.domain.model import Indicator, Severity
from service.domain.moment import Moment
from service.domain.rules import Rule
from service.domain.sightings import MEMBER, THERAPIST, gravest, runs_after, times_at
from service.domain.trajectory import above, z_against

KINDS = frozenset({"hostility", "sarcasm"})


@dataclass(frozen=True, slots=True)
class Parameters:
    mild: int = 1
    clear: int = 2
    severe: int = 3
    needed: int = 2
    of: int = 3
    bond_z: float = -1.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Member reference → levels in the last observed sessions; who was not hostile in them is left out."""

    runs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member who is hostile in this session, clearly or again."""
    seen = _seen(moment)
    runs = runs_after(memory.runs, seen, moment, parameters.of)
    found = (_signal(moment, mark, runs[member], parameters) for member, mark in seen.items())
    return Memory(runs), tuple(signal for signal in found if signal is not None)


def _seen(moment: Moment) -> dict[str, Indicator]:
    return gravest(moment, KINDS, _hostile_member)


def _hostile_member(item: Indicator) -> str | None:
    towards_therapist = item.toward is not None and item.toward.startswith(THERAPIST)
    return item.from_ if towards_therapist and item.from_.startswith(MEMBER) else None


def _signal(moment: Moment, mark: Indicator, run: tuple[int, ...], parameters: Parameters) -> Signal | None:
    once = mark.severity >= parameters.clear
    if mark.severity < parameters.mild or not (once or times_at(run, parameters.mild) >= parameters.needed):
        return None
    critical = mark.severity >= parameters.severe or times_at(run, parameters.clear) >= parameters.needed
    return Signal(
        subject=(mark.from_,),
        severity=Severity.critical if critical else Severity.warning,
        values=_values(mark, run, parameters),
        thresholds={
            "once": parameters.clear,
            "again": parameters.mild,
            "of": parameters.of,
            "bond_z": parameters.bond_z,
        },
        route="once" if once else "again",
        baseline=moment.baseline_before(mark.from_.removeprefix(MEMBER), "bond"),
    )


def _values(mark: Indicator, run: tuple[int, ...], parameters: Parameters) -> Values:
    return {
        "level": mark.severity,
        "kind": mark.kind,
        "source": mark.source,
        "sessions_mild": times_at(run, parameters.mild),
        "sessions_clear": times_at(run, parameters.clear),
    }


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the member came, somebody looked, no hostility was seen, and the bond is near its old level."""
    (member,) = concern.subject
    if member in _seen(moment):
        return Clearing.unmet
    if not moment.observed or not moment.present(member.removeprefix(MEMBER)):
        return Clearing.blind
    baseline = concern.signal.baseline
    score = moment.score_of(baseline.series) if baseline is not None else None
    z = z_against(score, baseline, at_least_n=1) if score is not None else None
    return Clearing.met if z is None or above(z, parameters.bond_z) else Clearing.unmet


RULE = Rule(
    code="hostility-to-therapist",
    version=1,
    title="Hostility to the therapist",
    grade="B",
    texts={
        "once": "This member was seen to be hostile or sarcastic towards the therapist. The numbers cannot say why.",
        "again": "This member was seen to be a little hostile or sarcastic towards the therapist, and not for the "
        "first time lately. The numbers cannot say why.",
    },
    next_steps=("active-listening", "own-part", "validation", "talk-about-alliance"),
    parameters=Parameters(),
    rising=(("mild", "clear", "severe"), ("needed", "of")),
    memory=Memory(),
    check=check,
    clear=clear,
    rests_on=frozenset({"indicators"}),
    unsettles=True,
)
