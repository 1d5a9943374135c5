"""Goals differ: a member's goals rating is low, or none of their goals is in the agreed plan.

Fires:    goals z ≤ −1.5; or goals below the form's low mark (80 for a line, 50 for a Likert scale) in two of the last
          three scores, today among them, and not rising; or no goal shared with the plan in two sessions from the third
Quiet:    fewer than three earlier scores for z; goals rising by a line's usual spread; goals not declared
Severity: info; warning at z ≤ −2.5 with goals < 85, or when no goal is shared
Clears:   above the limit twice; or a goal shared again
Source:   goal consensus and outcome, meta-analyses; shared sense of purpose in SOFTA
Ours:     the limits; a first mark below full that is still at the cut-off or above is welcomed; goals at or above the
          form's own cut-off count as above the limit, so that a first mark below perfect does not stand for ever
Since:    0.1 (version 1)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Severity, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import Rule
from service.domain.trajectory import above, at_least, at_most, below, z_against

PLAN = "therapist"  # whose declared goals are the agreed plan


@dataclass(frozen=True, slots=True)
class Parameters:
    z_info: float = -1.5
    z_warning: float = -2.5
    goals_below: float = 85.0
    low_of: int = 3
    low_needed: int = 2
    unshared_needed: int = 2
    unshared_from: int = 3


@dataclass(frozen=True, slots=True)
class Memory:
    """Member → sessions in a row in which both declared goals and shared none."""

    unshared: Mapping[str, int] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return the gravest signal per member over the three ways."""
    unshared = _unshared(moment, memory, parameters)
    signals: dict[str, Signal] = {}
    for member, signal in _found(moment, unshared, parameters):
        known = signals.get(member)
        if known is None or signal.severity.rank > known.severity.rank:
            signals[member] = signal
    return Memory(unshared), tuple(signals.values())


def _found(moment: Moment, unshared: Mapping[str, int], parameters: Parameters) -> Iterator[tuple[str, Signal]]:
    for figure in moment.figures("goals"):
        for signal in (_by_z(figure, parameters), _by_level(figure, parameters)):
            if signal is not None:
                yield figure.rater, signal
    for member, sessions in unshared.items():
        if sessions >= parameters.unshared_needed and _shared(moment, member) is False:
            yield member, _by_plan(member, sessions, parameters)


def _by_z(figure: Figure, parameters: Parameters) -> Signal | None:
    z = figure.fallen_to(parameters.z_info)
    if z is None:
        return None
    grave = at_most(z, parameters.z_warning) and below(figure.value, parameters.goals_below)
    return Signal(
        subject=(member_reference(figure.rater),),
        severity=Severity.warning if grave else Severity.info,
        values={"series": figure.name, "goals": figure.value, "z": z},
        thresholds={"z": parameters.z_warning if grave else parameters.z_info, "goals": parameters.goals_below},
        route="below-full" if figure.is_first_below_full else "own-level",
        raters=(member_reference(figure.rater),),
        baseline=figure.baseline,
    )


def _by_level(figure: Figure, parameters: Parameters) -> Signal | None:
    if not below(figure.value, figure.low_mark):
        return None
    window = (*figure.series.recent[-(parameters.low_of - 1) :], figure.value)
    low = [score for score in window if below(score, figure.low_mark)]
    rising = at_least(window[-1] - window[0], figure.sp)
    if len(low) < parameters.low_needed or rising:
        return None
    return Signal(
        subject=(member_reference(figure.rater),),
        severity=Severity.info,
        values={"series": figure.name, "goals": figure.value, "low_sessions": len(low)},
        thresholds={"low_mark": figure.low_mark, "needed": parameters.low_needed, "of": parameters.low_of},
        route="low-mark",
        raters=(member_reference(figure.rater),),
        baseline=figure.baseline,
    )


def _by_plan(member: str, sessions: int, parameters: Parameters) -> Signal:
    return Signal(
        subject=(member_reference(member),),
        severity=Severity.warning,
        values={"sessions_without_shared_goal": sessions},
        thresholds={"sessions": parameters.unshared_needed, "from_session": parameters.unshared_from},
        route="no-shared-goal",
    )


def _shared(moment: Moment, member: str) -> bool | None:
    """Tell whether a member shares a declared goal with the plan; None while either has declared none."""
    goals = moment.session.goals
    if not moment.session.held or not goals.get(member) or not goals.get(PLAN):
        return None
    return not goals[member].isdisjoint(goals[PLAN])


def _unshared(moment: Moment, memory: Memory, parameters: Parameters) -> dict[str, int]:
    if not memory.unshared and not moment.session.goals:  # as mostly
        return {}
    counted = dict(memory.unshared)
    for member in moment.session.goals if moment.number >= parameters.unshared_from else ():
        shared = _shared(moment, member)
        if shared is not None and member != PLAN:
            counted[member] = 0 if shared else counted.get(member, 0) + 1
    return {member: sessions for member, sessions in counted.items() if sessions}


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the way that opened the concern is clear in this session."""
    if concern.signal.route == "no-shared-goal":
        shared = _shared(moment, concern.subject[0].removeprefix("member/"))
        return Clearing.blind if shared is None else Clearing.done if shared else Clearing.unmet
    series = concern.signal.series
    figure = next((item for item in moment.figures("goals") if item.name == series), None)
    if figure is None:
        return Clearing.blind
    if _is_good(figure):
        return Clearing.met
    z = z_against(figure.value, concern.signal.baseline, at_least_n=1)
    if concern.signal.route == "low-mark" or z is None:
        return Clearing.unmet if below(figure.value, figure.low_mark) else Clearing.met
    return Clearing.met if above(z, parameters.z_info) else Clearing.unmet


def _is_good(figure: Figure) -> bool:
    """Tell whether goals are at or above the form's own cut-off for them; false where the form has none."""
    return figure.instrument.cut(figure.dimension) is not None and not figure.is_below_cut


RULE = Rule(
    code="goal-misalignment",
    version=1,
    title="Goals may differ",
    titles={"below-full": "Goals a little below full marks"},
    grade="A, C",
    texts={
        "own-level": "This member's goals rating is below their own usual level. The numbers cannot say why.",
        "below-full": "After nothing but full marks this member has marked their goals a little lower. That can be a "
        "sign of trust: welcome it.",
        "low-mark": "This member's goals rating has stayed low. The numbers cannot say why.",
        "no-shared-goal": "None of this member's declared goals is in the agreed plan.",
    },
    next_steps=("collaborative-goals", "circular-question", "adjust-course"),
    parameters=Parameters(),
    rising=(("z_warning", "z_info"), ("low_needed", "low_of")),
    memory=Memory(),
    check=check,
    clear=clear,
    capped=True,
    inhibits=("sudden-drop", "out-of-limits"),
)
