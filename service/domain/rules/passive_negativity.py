"""Passive negativity: a member was seen to withdraw, to be negative, to resist without saying so, or only to please.

Fires:    two kinds of withdrawal, negativity, passive-aggression and appeasing of a member, mild (1) or more, in one
          session; or any of them now and in three of the last four observed sessions
Quiet:    one kind once or twice; two sources that name the same kind; a session in which nobody looked
Severity: info; warning when both hold in the same session
Clears:   two observed sessions without any; one from which the member was away says nothing
Source:   withdrawal before early dropout, a qualitative study of five cases and their controls
          (doi:10.1080/09515070.2021.1997916); withdrawal markers of the 3RS (Eubanks, Lubitz, Muran & Safran 2019)
Ours:     the limits; kinds pool over sources and over whom they were shown to; a mark counts even if nobody said that
          somebody looked
Since:    0.1 (version 1)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.clearing import unseen_since
from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Indicator, Severity
from service.domain.moment import Moment
from service.domain.rules import Rule
from service.domain.sightings import MEMBER, gravest, runs_after, times_at

KINDS = frozenset({"withdrawal", "negativity", "passive-aggression", "appeasing"})


@dataclass(frozen=True, slots=True)
class Parameters:
    mild: int = 1
    kinds: int = 2
    needed: int = 3
    of: int = 4


@dataclass(frozen=True, slots=True)
class Memory:
    """Member reference → levels in the last observed sessions; who showed none in them is left out."""

    runs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member in whom several kinds were seen, or some again and again."""
    seen = _seen(moment)
    runs = runs_after(memory.runs, seen, moment, parameters.of)
    found = (_signal(moment, mark, runs[member], parameters) for member, mark in seen.items())
    return Memory(runs), tuple(signal for signal in found if signal is not None)


def _seen(moment: Moment) -> dict[str, Indicator]:
    return gravest(moment, KINDS, lambda item: item.from_ if item.from_.startswith(MEMBER) else None)


def _signal(moment: Moment, mark: Indicator, run: tuple[int, ...], parameters: Parameters) -> Signal | None:
    marks = [item for item in moment.indicators(KINDS) if item.from_ == mark.from_ and item.severity >= parameters.mild]
    kinds = sorted({item.kind for item in marks})
    several = len(kinds) >= parameters.kinds
    again = bool(kinds) and times_at(run, parameters.mild) >= parameters.needed
    if not (several or again):
        return None
    return Signal(
        subject=(mark.from_,),
        severity=Severity.warning if several and again else Severity.info,
        values={
            "kinds": len(kinds),
            "seen": ", ".join(kinds),
            "level": mark.severity,
            "source": mark.source,
            "sessions_mild": times_at(run, parameters.mild),
        },
        thresholds={"kinds": parameters.kinds, "again": parameters.needed, "of": parameters.of},
        route="both" if several and again else "several" if several else "again",
    )


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether somebody looked and saw none of it in this member."""
    return unseen_since(moment, concern, _seen(moment))


RULE = Rule(
    code="passive-negativity",
    version=1,
    title="Quiet signs of distance",
    grade="B, C",
    texts={
        "several": "This member was seen to pull back in more than one way, such as going quiet, turning negative or "
        "only agreeing. The numbers cannot say why.",
        "again": "This member was seen to pull back a little in most of the last sessions. The numbers cannot say why.",
        "both": "This member was seen to pull back in more than one way, as in most of the last sessions. "
        "The numbers cannot say why.",
    },
    next_steps=("check-in", "validation", "client-pace", "talk-about-alliance"),
    parameters=Parameters(),
    rising=(("needed", "of"),),
    memory=Memory(),
    check=check,
    clear=clear,
    rests_on=frozenset({"indicators"}),
)
