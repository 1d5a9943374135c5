"""Engagement steps: sessions are held while points of the case's own checklist are open.

Fires:    in a held session at whose time a point of the announced checklist is open: nobody ticked it or noted that it
          is not needed, in an earlier session, in this one, or by its day
Quiet:    a case that announced no checklist; a point that it left out; a session that was not held
Severity: info
Clears:   every point decided, once
Source:   who joins treatment, and by whom and how each is asked, can be worked at before and while it starts (Stanton &
          Todd 1981, engaging "resistant" families)
Ours:     the five points, in their spirit: who is invited; the youth is not made the messenger; consent to contact
          others; the rationale given; nobody blamed. A decision that names a session and a day counts from the earlier
          one on, and a session that never becomes part of the course never comes
Since:    0.1 (version 1)
"""

from collections.abc import Iterator
from dataclasses import dataclass

from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Severity
from service.domain.moment import Moment
from service.domain.noted import day_of
from service.domain.rules import Rule


@dataclass(frozen=True, slots=True)
class Parameters:
    """How many open points are worth a word."""

    points: int = 1


@dataclass(frozen=True, slots=True)
class Memory:
    """The points whose session has come."""

    came: frozenset[str] = frozenset()


NOTHING = Memory()


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal about the family while points of its checklist are open."""
    if not moment.family.checklist:  # as in most cases
        return NOTHING, ()
    came = memory.came | set(_decided_here(moment))
    after = memory if came == memory.came else Memory(came)
    still_open = _open(moment, after)
    if not moment.session.held or len(still_open) < parameters.points:
        return after, ()
    return after, (_signal(still_open, len(moment.family.checklist), parameters),)


def _decided_here(moment: Moment) -> Iterator[str]:
    here = moment.session.session_id
    return (point for point, noted in moment.family.checklist.items() if noted.decided_in == here)


def _open(moment: Moment, memory: Memory) -> list[str]:
    day = day_of(moment.session.held_at)
    points = sorted(moment.family.checklist.items())
    return [point for point, noted in points if not noted.is_decided(day, point in memory.came)]


def _signal(still_open: list[str], of: int, parameters: Parameters) -> Signal:
    return Signal(
        subject=("family",),
        severity=Severity.info,
        values={"open": len(still_open), "of": of, **dict.fromkeys(still_open, "open")},
        thresholds={"points": parameters.points},
    )


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether every point is decided; a session that was not held says nothing."""
    return Clearing.done if moment.session.held else Clearing.blind


RULE = Rule(
    code="engagement-steps",
    version=1,
    title="Steps of engagement are open",
    grade="C",
    texts={
        "default": "Points of this family's own engagement checklist are still open. "
        "Each can be ticked, or noted as not needed."
    },
    next_steps=("transparency", "set-expectations", "check-in"),
    parameters=Parameters(),
    memory=NOTHING,
    check=check,
    clear=clear,
)
