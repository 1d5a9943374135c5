"""Several signs of leaving: what often comes before leaving therapy comes together for one member.

Fires:    three points or more: staying away as `attendance` sees it 2, and 3 more where it followed on hostility, a
          lost bond or a drop that stood; such a concern at warning or above open for more than two held sessions 2;
          total at or below the low mark in one of the case's first three sessions and ever since 1; the low member of a
          split 1, of one that widens or of a sustained decline 1 more; confrontation of the therapist at clear (2) or
          more in the last three observed sessions 1; came twice in a row without giving a form, where others gave one,
          1 (not beside staying away)
Quiet:    fewer points; a session that the member neither came to nor stayed away from; the family's late return, which
          is nobody's alone; a member who never gave a form gives no point by its lack
Severity: warning; critical at five points or more; info in the first three sessions where ratings alone give the points
Clears:   fewer than two points in two attended sessions; absence says nothing
Source:   a weak alliance and dropout, d = .55 in 11 studies (Sharf 2010); an unbalanced one in families (Robbins 2003,
          2008); confrontation and dropout, d = .74 (Eubanks 2019); missed sessions (Limoncelli 2019)
Ours:     every weight, until they are fitted on real courses, and that a mere note gives no point, however long it
          stands. One absence is one story: where these points fire, an alert about the same absence that `attendance`
          would open beside them at warning is left out; one that stands already goes on, and a critical one, right
          after what may have been hard or the third of four, always opens. Its points count in either case, until two
          attended sessions in a row
Since:    0.1 (version 1)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from service.domain.concern import Clearing, Concern, Signal, Value
from service.domain.model import Indicator, Severity, member_reference
from service.domain.moment import Moment
from service.domain.rules import Rule
from service.domain.sightings import MEMBER, THERAPIST, Runs, gravest, runs_after, times_at
from service.domain.trajectory import at_most

ATTENDANCE, DECLINE, SPLIT = "attendance", "sustained-decline", "split-alliance"
HURTFUL = ("hostility-to-member", "hostility-to-therapist", "out-of-limits", "sudden-drop", "trust-bond-loss")
CONFRONTATION = frozenset({"complaint", "hostility", "rejects", "sarcasm"})
RETURNED = 2  # attended sessions in a row, after which staying away counts no more, as in `attendance`

Points = Mapping[str, int]  # what gave points → how many


# parameters that are points: none for a sign that is to count for nothing
SIGNS = "attendance no_show_after long_open early_low split falling confrontation missing_ratings".split()


@dataclass(frozen=True, slots=True)
class Parameters:
    warning: int = 3
    critical: int = 5
    cleared_below: int = 2
    attendance: int = 2
    no_show_after: int = 3
    long_open: int = 2
    open_sessions: int = 2
    early_low: int = 1
    early: int = 3
    split: int = 1
    falling: int = 1
    confrontation: int = 1
    level: int = 2
    of: int = 3
    missing_ratings: int = 1
    missing: int = 2


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a member.

    `away`: attended sessions to come until staying away counts no more, `hurt` whether it followed on what may have
    been hard; `low`: low in the first sessions and ever since; `silent`: attended sessions in a row without a form,
    None where they never gave one.
    """

    away: int = 0
    hurt: bool = False
    low: bool = False
    silent: int | None = None


NOTHING = Known()


@dataclass(frozen=True, slots=True)
class Memory:
    """Member → what is known of them; member reference → confrontation in the last observed sessions."""

    known: Mapping[str, Known] = field(default_factory=dict)
    runs: Runs = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member for whom enough comes together."""
    seen = gravest(moment, CONFRONTATION, _confronting)
    after = Memory(_known_after(moment, memory, parameters), runs_after(memory.runs, seen, moment, parameters.of))
    points = _points(moment, after, parameters)
    enough = {reference: given for reference, given in points.items() if sum(given.values()) >= parameters.warning}
    known = ((reference, given) for reference, given in enough.items() if _is_known_of(moment, reference))
    return after, tuple(_signal(reference, given, moment, parameters) for reference, given in known)


def _is_known_of(moment: Moment, reference: str) -> bool:
    """Tell whether a member came to this session or stayed away from it; of whom nothing is known it says nothing."""
    member = reference.removeprefix(MEMBER)
    return bool(moment.present(member)) or moment.stayed_away(member)


def _confronting(item: Indicator) -> str | None:
    towards = item.toward is None or item.toward.startswith(THERAPIST)
    return item.from_ if towards and item.from_.startswith(MEMBER) else None


def _known_after(moment: Moment, memory: Memory, parameters: Parameters) -> dict[str, Known]:
    """Return what is known of each member after this session."""
    missed = {signal.subject[0]: signal for signal in moment.signals.get(ATTENDANCE, ())}
    low = _low_after(moment, memory, parameters)
    raters = moment.session.raters if moment.session.held else frozenset[str]()
    known = {}
    for member in moment.family.members:
        before = memory.known.get(member, NOTHING)
        after = before
        if before.away or missed:
            after = _attended_after(before, missed.get(member_reference(member)), moment, member)
        silent = 0 if member in raters else _silent_after(before, raters, moment, member, parameters)
        if silent != after.silent or (member in low) != after.low:
            after = replace(after, silent=silent, low=member in low)
        if after is not NOTHING:
            known[member] = after
    return known


def _low_after(moment: Moment, memory: Memory, parameters: Parameters) -> set[str]:
    """Return the members who were low in the first sessions and ever since; of two forms the lower counts."""
    low = {member for member, known in memory.known.items() if known.low}
    if not low and moment.number > parameters.early:
        return low
    today: dict[str, bool] = {}
    for figure in moment.figures("primary"):
        today[figure.rater] = today.get(figure.rater, False) or at_most(figure.value, figure.low_mark)
    early = {member for member in today if today[member] and moment.number <= parameters.early}
    return {member for member in low if today.get(member, True)} | early


def _attended_after(before: Known, missed: Signal | None, moment: Moment, member: str) -> Known:
    """Return what is known after a member stayed away, as the rule about attendance saw it, or came."""
    if missed is not None:
        return replace(before, away=RETURNED, hurt=before.hurt or missed.route == "after-concern")
    if before.away and moment.stayed_away(member):
        return replace(before, away=RETURNED)
    if before.away and moment.present(member):
        left = before.away - 1
        return replace(before, away=left, hurt=before.hurt and left > 0)
    return before


def _silent_after(
    before: Known, raters: frozenset[str], moment: Moment, member: str, parameters: Parameters
) -> int | None:
    """Return for how many attended sessions a member has given no form, where others gave theirs."""
    if before.silent is None or not raters or not moment.present(member):
        return before.silent
    return min(before.silent + 1, parameters.missing)


def _points(moment: Moment, memory: Memory, parameters: Parameters) -> dict[str, dict[str, int]]:
    """Return member reference → what gives points; whom nothing speaks of is left out."""
    points: dict[str, dict[str, int]] = {}
    for reference, name, given in _given(moment, memory, parameters):
        points.setdefault(reference, {})[name] = given
    return dict(sorted(points.items()))


def _given(moment: Moment, memory: Memory, parameters: Parameters) -> Iterator[tuple[str, str, int]]:
    for member, known in memory.known.items():
        reference = member_reference(member)
        if known.away:
            yield reference, "attendance", parameters.attendance
        elif known.silent is not None and known.silent >= parameters.missing:
            yield reference, "missing_ratings", parameters.missing_ratings
        if known.hurt:
            yield reference, "no_show_after", parameters.no_show_after
        if known.low:
            yield reference, "early_low", parameters.early_low
    for reference, run in memory.runs.items():
        if times_at(run, parameters.level):
            yield reference, "confrontation", parameters.confrontation
    for concern in moment.concerns:
        if concern.active:
            yield from _of_concern(concern, moment, parameters)


def _of_concern(concern: Concern, moment: Moment, parameters: Parameters) -> Iterator[tuple[str, str, int]]:
    low = concern.signal.values.get("low_member")
    if concern.rule == SPLIT and isinstance(low, str):
        yield low, "split", parameters.split
        if concern.signal.route == "widening":
            yield low, "falling", parameters.falling
    elif concern.rule == DECLINE:
        yield concern.subject[0], "falling", parameters.falling
    elif concern.rule in HURTFUL and concern.severity is not Severity.info:
        if moment.number - concern.opened_number >= parameters.open_sessions:
            yield from ((reference, "long_open", parameters.long_open) for reference in concern.subject)


def _signal(reference: str, points: Points, moment: Moment, parameters: Parameters) -> Signal:
    total = sum(points.values())
    values: dict[str, Value] = {"points": total, **points}
    return Signal(
        subject=(reference,),
        severity=_severity(total, points, moment, parameters),
        values=values,
        thresholds={"warning": parameters.warning, "critical": parameters.critical},
        route="away" if "attendance" in points else "default",
    )


def _severity(total: int, points: Points, moment: Moment, parameters: Parameters) -> Severity:
    from_ratings = points.keys().isdisjoint({"attendance", "confrontation"})
    if from_ratings and moment.number <= parameters.early:
        return Severity.info
    return Severity.critical if total >= parameters.critical else Severity.warning


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether hardly any points are left for a member who came."""
    (reference,) = concern.subject
    member = reference.removeprefix(MEMBER)
    if moment.stayed_away(member):
        return Clearing.unmet
    if not moment.session.held or not moment.present(member):
        return Clearing.blind
    points = _points(moment, memory, parameters).get(reference, {})
    return Clearing.met if sum(points.values()) < parameters.cleared_below else Clearing.unmet


RULE = Rule(
    code="dropout-risk",
    version=1,
    title="Several signs of leaving",
    grade="A, D",
    texts={
        "default": "Several things that often come before leaving therapy are there for this member at the same time. "
        "A kind word soon may matter. The numbers cannot say why.",
        "away": "This member stayed away, and other things that often come before leaving therapy are there as well. "
        "A kind word soon may matter. The numbers cannot say why.",
    },
    next_steps=("check-in", "talk-about-alliance", "outside-support", "set-expectations"),
    parameters=Parameters(),
    rising=(("cleared_below", "warning", "critical"),),
    bounds=dict.fromkeys(SIGNS, (0, 10)),
    memory=Memory(),
    check=check,
    clear=clear,
    after=(ATTENDANCE, DECLINE, SPLIT, *HURTFUL),
    absorbs=(ATTENDANCE,),
)
