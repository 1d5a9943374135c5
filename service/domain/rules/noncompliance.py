"""Tasks left undone: less than half of a member's reviewed tasks, and the work itself fits them less or is refused.

Fires:    of the member's last four reviewed tasks (at least three) less than half done, and either their tasks score
          lies its usual spread below the median of their last three, or in the last three sessions they refused a task
Quiet:    fewer than three reviewed tasks; undone tasks alone; a session that adds nothing: no task reviewed, none
          refused, no low tasks score
Severity: info; warning when none of the last three was done, or at two refusals in the last three sessions
Clears:   two thirds of three tasks reviewed since the opening
Source:   turning down an intervention is a marker of confrontation in the 3RS (Eubanks, Lubitz, Muran & Safran 2019)
Ours:     the limits; a partly done task counts half; a task nobody reviewed counts nothing; an observed refusal counts
          once a session, and not beside a refused task of the same session, since it may be the same event; the three
          sessions are held ones
Since:    0.1 (version 1)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.concern import Clearing, Concern, Signal, Values
from service.domain.model import Severity, TaskOutcome, TherapySession, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import Rule
from service.domain.spread import mean_of
from service.domain.trajectory import at_least, below, own_median

WORTH = {TaskOutcome.done: 1.0, TaskOutcome.partial: 0.5, TaskOutcome.not_done: 0.0, TaskOutcome.refused: 0.0}
REFUSAL = frozenset({"task-refusal"})


@dataclass(frozen=True, slots=True)
class Parameters:
    last: int = 4
    at_least: int = 3
    share: float = 0.5
    undone: int = 3
    refusals: int = 2
    within: int = 3
    median_of: int = 3
    cleared_by: int = 3
    cleared_share: float = 2 / 3


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a reviewed task is worth, and in which held session it was reviewed."""

    number: int
    worth: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Member → the last reviewed tasks; member → the held sessions of their latest refusals, one entry for each."""

    reviewed: Mapping[str, tuple[Reviewed, ...]] = field(default_factory=dict)
    refused: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member whose tasks stay undone, in a session that adds to it."""
    if not moment.session.held:
        return memory, ()
    after = _after(moment, memory, parameters)
    if not after.reviewed:  # as in most families
        return after, ()
    low = _low_tasks(moment, parameters)
    today = {member for member, tasks in after.reviewed.items() if tasks[-1].number == moment.number}
    today |= {member for member, numbers in after.refused.items() if numbers[-1] == moment.number}
    found = (_signal(member, after, low.get(member), parameters) for member in sorted(today | set(low)))
    return after, tuple(signal for signal in found if signal is not None)


def _after(moment: Moment, memory: Memory, parameters: Parameters) -> Memory:
    """Return the memory one held session later, bounded to the last tasks and the last sessions."""
    reviewed, refused = dict(memory.reviewed), dict(memory.refused)
    for task in sorted(moment.session.tasks, key=lambda item: item.task_id):
        if task.outcome in WORTH:
            known = (*reviewed.get(task.member, ()), Reviewed(moment.number, WORTH[task.outcome]))
            reviewed[task.member] = known[-parameters.last :]
    for member, times in _refusals(moment).items():
        refused[member] = (*refused.get(member, ()), *(moment.number,) * times)[-parameters.refusals :]
    recent = {
        member: tuple(number for number in numbers if moment.number - number < parameters.within)
        for member, numbers in refused.items()
    }
    return Memory(reviewed, {member: numbers for member, numbers in recent.items() if numbers})


def _refusals(moment: Moment) -> dict[str, int]:
    """Return how often each member refused a task in this session."""
    seen = {item.from_ for item in moment.indicators(REFUSAL)}
    found = {name.removeprefix("member/"): 1 for name in seen if name.startswith("member/")}
    return {**found, **_refused_tasks(moment.session)}


def _refused_tasks(session: TherapySession) -> dict[str, int]:
    refused = [task.member for task in session.tasks if task.outcome is TaskOutcome.refused]
    return {member: refused.count(member) for member in refused}


def _low_tasks(moment: Moment, parameters: Parameters) -> dict[str, Figure]:
    """Return the tasks scores of today that lie their usual spread below the member's own; the furthest of each."""
    low: dict[str, Figure] = {}
    for figure in moment.figures("tasks"):
        known = low.get(figure.rater)
        if at_least(_fall(figure, parameters), figure.sp):
            if known is None or _fall(figure, parameters) > _fall(known, parameters):
                low[figure.rater] = figure
    return low


def _fall(figure: Figure, parameters: Parameters) -> float:
    middle = own_median(figure.series, parameters.median_of)
    return 0.0 if middle is None else middle - figure.value


def _signal(member: str, after: Memory, low: Figure | None, parameters: Parameters) -> Signal | None:
    worth = [task.worth for task in after.reviewed.get(member, ())]
    refusals = len(after.refused.get(member, ()))
    if len(worth) < parameters.at_least or not below(mean_of(worth), parameters.share):
        return None
    if low is None and not refusals:
        return None
    undone = len(worth) >= parameters.undone and not any(worth[-parameters.undone :])
    reference = member_reference(member)
    return Signal(
        subject=(reference,),
        severity=Severity.warning if undone or refusals >= parameters.refusals else Severity.info,
        values={
            "share": mean_of(worth),
            "reviewed": len(worth),
            "refusals": refusals,
            **_score_values(low, parameters),
        },
        thresholds={"share": parameters.share, "fall": low.sp if low is not None else None},
        route="refused" if refusals else "tasks-low",
        raters=(reference,) if low is not None else (),
    )


def _score_values(low: Figure | None, parameters: Parameters) -> Values:
    if low is None:
        return {}
    return {"series": low.name, "tasks": low.value, "fall": _fall(low, parameters)}


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether enough of the tasks reviewed since the opening were done; blind where none was reviewed today."""
    reviewed = memory.reviewed.get(concern.subject[0].removeprefix("member/"), ())
    since = [task for task in reviewed if task.number > concern.opened_number][-parameters.cleared_by :]
    if not since or since[-1].number < moment.number:
        return Clearing.blind
    share = mean_of([task.worth for task in since])
    done = len(since) >= parameters.cleared_by and at_least(share, parameters.cleared_share)
    return Clearing.met if done else Clearing.unmet


RULE = Rule(
    code="noncompliance",
    version=1,
    title="Tasks left undone",
    grade="B, C",
    texts={
        "tasks-low": "Less than half of this member's last reviewed tasks were done, and they rate the way of working "
        "lower than usual. The first question is whether the tasks fit. The numbers cannot say why.",
        "refused": "Less than half of this member's last reviewed tasks were done, and lately they said no to one. "
        "The first question is whether the tasks fit. The numbers cannot say why.",
    },
    next_steps=("adjust-course", "client-pace", "collaborative-goals", "motivational"),
    parameters=Parameters(),
    rising=(("at_least", "last"), ("undone", "last"), ("share", "cleared_share")),
    memory=Memory(),
    check=check,
    clear=clear,
    rests_on=frozenset({"indicators", "tasks"}),
    clears_after=1,
)
