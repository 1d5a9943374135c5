"""Trust or bond lost: a member's bond is far below that member's own level.

Fires:    bond z ≤ −2.5 against the member's own earlier sessions (at least three), and bond < 85 percent
Quiet:    fewer than three earlier scores; a bond still at 85 or more; a form without a bond
Severity: warning; critical at z ≤ −3.5, or when that member stays away from the next session they are invited to
Clears:   two attended sessions near the level before (one, when it was talked about); settling does not end it
Source:   bond and outcome, meta-analyses of the alliance; single drops are weak evidence (Zlotnick 2020)
Ours:     the limits, shaped on simulated clean families
Since:    0.1 (version 1)
"""

from dataclasses import dataclass

from service.domain.clearing import recovered_since
from service.domain.concern import Signal
from service.domain.model import Severity, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import Rule
from service.domain.trajectory import at_most, below


@dataclass(frozen=True, slots=True)
class Parameters:
    z_warning: float = -2.5
    z_critical: float = -3.5
    bond_below: float = 85.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Members whose next invited session follows a firing."""

    awaited: frozenset[str] = frozenset()


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member whose bond fell, and a graver one for a member who then stayed away."""
    lowest: dict[str, tuple[float, Figure]] = {}
    for figure in moment.figures("bond"):
        z = figure.fallen_to(parameters.z_warning) if below(figure.value, parameters.bond_below) else None
        if z is not None:
            known = lowest.get(figure.rater)
            if known is None or z < known[0]:
                lowest[figure.rater] = (z, figure)
    if not lowest and not memory.awaited:  # as in most sessions
        return memory, ()
    signals = {member: _signal(figure, z, parameters) for member, (z, figure) in lowest.items()}
    signals.update((member, gone) for member in memory.awaited if (gone := _stayed_away(moment, member)) is not None)
    awaited = frozenset(member for member in memory.awaited if not moment.invited(member))
    return Memory(awaited | frozenset(lowest)), tuple(signals.values())


def _signal(figure: Figure, z: float, parameters: Parameters) -> Signal:
    critical = at_most(z, parameters.z_critical)
    reference = member_reference(figure.rater)
    return Signal(
        subject=(reference,),
        severity=Severity.critical if critical else Severity.warning,
        values={"series": figure.name, "bond": figure.value, "z": z},
        thresholds={"z": parameters.z_critical if critical else parameters.z_warning, "bond": parameters.bond_below},
        raters=(reference,),
        baseline=figure.baseline,
    )


def _stayed_away(moment: Moment, member: str) -> Signal | None:
    """Return the escalation of an active concern when its member stays away from the next session."""
    subject = (member_reference(member),)
    concern = moment.active("trust-bond-loss", subject)
    if concern is None or not moment.stayed_away(member):
        return None
    before = concern.signal
    return Signal(
        subject=subject,
        severity=Severity.critical,
        values={**before.values, "no_show_next": True},
        thresholds=before.thresholds,
        route="no-show-next",
        raters=before.raters,
        baseline=before.baseline,
    )


RULE = Rule(
    code="trust-bond-loss",
    version=1,
    title="The bond fell",
    grade="A, B",
    texts={
        "default": "This member's bond rating is far below their own usual level. The numbers cannot say why.",
        "no-show-next": "This member's bond rating fell, and they stayed away from the next session. "
        "The numbers cannot say why.",
    },
    next_steps=("check-in", "own-part", "validation", "talk-about-alliance"),
    parameters=Parameters(),
    rising=(("z_critical", "z_warning"),),
    memory=Memory(),
    check=check,
    clear=lambda moment, concern, memory, parameters: recovered_since(moment, concern),
    once_when_discussed=True,
    capped=True,
    unsettles=True,
    inhibits=("sudden-drop", "out-of-limits"),
)
