"""Therapist's stance: the therapist was seen as judging, rushing, detached, rigid, blaming or uninterested.

Fires:    any of these of a therapist, told by a member or an observer: clear (2) once, or mild (1) now and in two of
          the last three observed sessions; several kinds and sources pool by the highest
Quiet:    told by a therapist alone; mild once; a session in which nobody looked
Severity: info; it is meant for the therapist first
Clears:   two observed sessions of that therapist without any
Source:   the therapist's contribution and dropout, d = .61 in 42 cases (Eubanks, Lubitz, Muran & Safran 2019, 3RS)
Ours:     the limits; whom it was shown to does not matter; a session that names other therapists alone does not clear
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

KINDS = frozenset({"judging", "rushing", "detached", "rigid", "blaming", "uninterested"})


@dataclass(frozen=True, slots=True)
class Parameters:
    mild: int = 1
    clear: int = 2
    needed: int = 2
    of: int = 3


@dataclass(frozen=True, slots=True)
class Memory:
    """Therapist reference → levels in the last observed sessions; of whom none was told in them is left out."""

    runs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per therapist who was seen so, clearly or again."""
    seen = _seen(moment)
    runs = runs_after(memory.runs, seen, moment, parameters.of)
    found = (_signal(mark, runs[therapist], parameters) for therapist, mark in seen.items())
    return Memory(runs), tuple(signal for signal in found if signal is not None)


def _seen(moment: Moment) -> dict[str, Indicator]:
    return gravest(moment, KINDS, _therapist)


def _therapist(item: Indicator) -> str | None:
    """Return of which therapist a member or an observer tells; what therapists say of therapists opens nothing."""
    told = item.source.startswith((MEMBER, OBSERVER))
    return item.from_ if told and item.from_.startswith(THERAPIST) else None


def _signal(mark: Indicator, run: tuple[int, ...], parameters: Parameters) -> Signal | None:
    once = mark.severity >= parameters.clear
    again = mark.severity >= parameters.mild and times_at(run, parameters.mild) >= parameters.needed
    if not (once or again):
        return None
    return Signal(
        subject=(mark.from_,),
        severity=Severity.info,
        values={
            "level": mark.severity,
            "kind": mark.kind,
            "source": mark.source,
            "sessions_mild": times_at(run, parameters.mild),
        },
        thresholds={"once": parameters.clear, "again": parameters.mild, "of": parameters.of},
        route="once" if once else "again",
    )


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether somebody looked at this therapist's session and told nothing of it."""
    return unseen_since(moment, concern, _seen(moment))


RULE = Rule(
    code="therapist-stance",
    version=1,
    title="How the therapist came across",
    grade="B, C",
    texts={
        "once": "To somebody the therapist came across as judging, rushing, detached, rigid, blaming or uninterested. "
        "It happens to everybody, and it is for the therapist to look at first. The numbers cannot say why.",
        "again": "To somebody the therapist came across as a little judging, rushing, detached, rigid, blaming or "
        "uninterested, and not for the first time lately. It happens to everybody, and it is for the therapist to "
        "look at first. The numbers cannot say why.",
    },
    next_steps=("own-part", "active-listening", "client-pace", "transparency"),
    parameters=Parameters(),
    rising=(("mild", "clear"), ("needed", "of")),
    memory=Memory(),
    check=check,
    clear=clear,
    rests_on=frozenset({"indicators"}),
)
