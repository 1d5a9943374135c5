"""Ceiling ratings: full marks session after session from a member whose own outcome stays low.

Fires:    in four rated sessions in a row total ≥ 97 percent with lines within 5 of each other, and the member's own
          outcome form is below its cut-off today and has not risen by its usual spread since the first of these
Quiet:    a child's form; a rating given not alone; no outcome form, since full marks alone may well be honest; an
          outcome at the cut-off or above, or rising; a member who was spoken of once in this course
Severity: info
Clears:   a total below 97, or lines more than 5 apart
Source:   ceilings in alliance forms: 92 estimates of 37 studies with 6,439 people (Meier 2022)
Ours:     the limits; what a low outcome beside full marks may mean; a form without lines goes by its subscales
Since:    0.1 (version 1)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from service.domain.concern import Clearing, Concern, Signal
from service.domain.instruments import instruments
from service.domain.model import RaterKind, Severity, member_reference
from service.domain.moment import Figure, Moment
from service.domain.rules import Rule
from service.domain.trajectory import at_least, at_most, below


@dataclass(frozen=True, slots=True)
class Parameters:
    total: float = 97.0
    line_range: float = 5.0
    sessions: int = 4


@dataclass(frozen=True, slots=True)
class Run:
    """How many rated sessions in a row were full, and the first outcome of each outcome series since they began."""

    sessions: int = 0
    outcomes: Mapping[str, float] = field(default_factory=dict)


NO_RUN = Run()


@dataclass(frozen=True, slots=True)
class Memory:
    """Series → its run of full ratings; the members who were spoken of."""

    runs: Mapping[str, Run] = field(default_factory=dict)
    told: frozenset[str] = frozenset()


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal, once in a course, per member with full marks and a low outcome; of several forms the first."""
    runs, signals = dict(memory.runs), dict[str, Signal]()
    for figure in _totals(moment):
        before = runs.pop(figure.name, NO_RUN)
        if not _is_full(figure, parameters):
            continue
        today = {outcome.name: outcome for outcome in _outcomes(moment, figure.rater)}
        first = {**{name: outcome.value for name, outcome in today.items()}, **before.outcomes}
        run = Run(before.sessions + 1, first)
        runs[figure.name] = run
        stalled = next((each for each in today.values() if _stalls(each, before)), None)
        if run.sessions >= parameters.sessions and stalled is not None and figure.rater not in memory.told:
            signals.setdefault(figure.rater, _signal(figure, run, stalled, parameters))
    if not runs and not memory.runs:  # as mostly
        return memory, ()
    return Memory(runs, memory.told.union(signals)), tuple(signals.values())


def _totals(moment: Moment) -> Iterator[Figure]:
    """Yield the totals that may be courteous; a form for children and a rating given not alone are no sign."""
    figures = moment.figures("primary")
    return (item for item in figures if not item.instrument.child_form and not item.rating.not_alone)


def _is_full(figure: Figure, parameters: Parameters) -> bool:
    if not at_least(figure.value, parameters.total):
        return False
    lines = _lines(figure)
    return len(lines) > 1 and at_most(max(lines) - min(lines), parameters.line_range)


def _lines(figure: Figure) -> list[float]:
    return [score.percent for code, score in figure.rating.scores.items() if code != figure.instrument.primary]


def _outcomes(moment: Moment, member: str) -> Iterator[Figure]:
    """Yield what a member says today of their own outcome."""
    for rating in moment.session.ratings:
        instrument, own = instruments()[rating.instrument], ("therapist", member_reference(member))
        code = instrument.primary if instrument.context == "outcome" else None
        if code in rating.scores and code is not None and rating.rater_kind is RaterKind.member:
            if rating.rater_id == member and rating.about in own:
                yield moment.figure(rating, instrument, code)


def _stalls(outcome: Figure, before: Run) -> bool:
    """Tell whether an outcome is low and has not risen by its usual spread since the full ratings began."""
    first = before.outcomes.get(outcome.name)
    return first is not None and outcome.is_below_cut and below(outcome.value - first, outcome.sp)


def _signal(figure: Figure, run: Run, outcome: Figure, parameters: Parameters) -> Signal:
    reference = member_reference(figure.rater)
    return Signal(
        subject=(reference,),
        severity=Severity.info,
        values={
            "series": figure.name,
            "total": figure.value,
            "line_range": max(_lines(figure)) - min(_lines(figure)),
            "sessions": run.sessions,
            "outcome_series": outcome.name,
            "outcome": outcome.value,
            "first_outcome": run.outcomes[outcome.name],
        },
        thresholds={
            "total": parameters.total,
            "line_range": parameters.line_range,
            "sessions": parameters.sessions,
            "outcome_cut": outcome.cut,
            "outcome_rise": outcome.sp,
        },
        raters=(reference,),
    )


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the ratings of the series are no longer full and even."""
    figure = next((item for item in _totals(moment) if item.name == concern.signal.series), None)
    if figure is None:
        return Clearing.blind
    return Clearing.unmet if _is_full(figure, parameters) else Clearing.met


RULE = Rule(
    code="ceiling-ratings",
    version=1,
    title="Full marks every time",
    grade="A, D",
    texts={
        "default": "This member has marked everything nearly full for several sessions, while their own outcome form "
        "stays low. Full marks can be honest, and can be kind. The numbers cannot say why."
    },
    next_steps=("check-in", "transparency", "set-expectations"),
    parameters=Parameters(),
    memory=Memory(),
    check=check,
    clear=clear,
    clears_after=1,
    capped=True,
)
