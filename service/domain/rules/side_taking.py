"""Side-taking: the therapist was seen, by a member or an observer, to take somebody's side.

Fires:    side-taking of a therapist towards a favoured member, told by a member or an observer: clear (2) once, or
          mild (1) now and in two of the last three observed sessions
Quiet:    told by the therapist alone; mild once; a session in which nobody looked
Severity: warning; critical at clear in two of the last three, or when the bond of a member on the other side falls
          alone (bond-asymmetry) within three held sessions, before or after
Clears:   two observed sessions without any, and the bond that was down on the other side at the opening recovered
          (once is enough when it was talked about)
Source:   balance of alliances within the family (Friedlander, Escudero & Heatherington 2006, SOFTA)
Ours:     the limits; the other side are all who share no subsystem with the favoured member; of several fallen bonds
          the one furthest down must recover; ratings given not alone are left out
Since:    0.1 (version 1)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from service.domain.concern import Baseline, Clearing, Concern, Signal
from service.domain.model import Indicator, Severity
from service.domain.moment import Figure, Moment
from service.domain.rules import Rule
from service.domain.sightings import MEMBER, OBSERVER, THERAPIST, gravest, runs_after, times_at
from service.domain.trajectory import is_recovered

CODE = "side-taking"
KINDS = frozenset({CODE})
FALL = "bond-asymmetry"


@dataclass(frozen=True, slots=True)
class Parameters:
    mild: int = 1
    clear: int = 2
    needed: int = 2
    of: int = 3
    within: int = 3


@dataclass(frozen=True, slots=True)
class Memory:
    """References of members → levels in the last observed sessions; held sessions when it last fired for the favoured.

    `falls` are held sessions when a member's bond last fell alone. Older than `within` is forgotten.
    """

    runs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    fired: Mapping[str, int] = field(default_factory=dict)
    falls: Mapping[str, int] = field(default_factory=dict)


NOTHING = Memory()


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per favoured member, and a graver one where the other side's bond falls soon after."""
    seen = _seen(moment)
    runs = runs_after(memory.runs, seen, moment, parameters.of)
    fallen = {signal.subject[0]: moment.number for signal in moment.signals.get(FALL, ())}
    if not (seen or fallen) and memory == NOTHING:  # as in most sessions
        return memory, ()
    falls = _recent({**memory.falls, **fallen}, moment, parameters)
    signals = {}
    for favoured, mark in seen.items():
        if _fires(mark, runs[favoured], parameters):
            signals[favoured] = _signal(
                moment, mark, runs[favoured], _on_other_side(moment, favoured, falls), parameters
            )
    fired = _recent({**memory.fired, **dict.fromkeys(signals, moment.number)}, moment, parameters)
    for concern in moment.active_of(CODE):
        after = _on_other_side(moment, concern.subject[0], fallen)
        if after and concern.subject[0] in fired and concern.subject[0] not in signals:
            signals[concern.subject[0]] = _graver(moment, concern, after)
    return Memory(runs, fired, falls), tuple(signals.values())


def _seen(moment: Moment) -> dict[str, Indicator]:
    return gravest(moment, KINDS, _favoured)


def _favoured(item: Indicator) -> str | None:
    """Return whom a therapist is seen to favour; what therapists say of themselves opens nothing."""
    told = item.source.startswith((MEMBER, OBSERVER)) and item.from_.startswith(THERAPIST)
    return item.toward if told and item.toward is not None and item.toward.startswith(MEMBER) else None


def _recent(numbers: Mapping[str, int], moment: Moment, parameters: Parameters) -> dict[str, int]:
    return {who: number for who, number in sorted(numbers.items()) if moment.number - number <= parameters.within}


def _on_other_side(moment: Moment, favoured: str, members: Mapping[str, int]) -> list[str]:
    return [member for member in sorted(members) if _is_opposite(moment, favoured, member)]


def _is_opposite(moment: Moment, favoured: str, member: str) -> bool:
    one, other = favoured.removeprefix(MEMBER), member.removeprefix(MEMBER)
    return one != other and not moment.family.same_side(one, other)


def _fires(mark: Indicator, run: tuple[int, ...], parameters: Parameters) -> bool:
    again = mark.severity >= parameters.mild and times_at(run, parameters.mild) >= parameters.needed
    return mark.severity >= parameters.clear or again


def _signal(moment: Moment, mark: Indicator, run: tuple[int, ...], fallen: list[str], parameters: Parameters) -> Signal:
    critical = bool(fallen) or times_at(run, parameters.clear) >= parameters.needed
    favoured = mark.toward or ""
    return Signal(
        subject=(favoured,),
        severity=Severity.critical if critical else Severity.warning,
        values={
            "level": mark.severity,
            "by": mark.from_,
            "source": mark.source,
            "sessions_mild": times_at(run, parameters.mild),
            "sessions_clear": times_at(run, parameters.clear),
            "bond_fell": fallen[0] if fallen else None,
        },
        thresholds={
            "once": parameters.clear,
            "again": parameters.mild,
            "of": parameters.of,
            "within": parameters.within,
        },
        route="with-fall" if fallen else "default",
        raters=tuple(fallen),
        baseline=_bond_to_return(moment, favoured),
    )


def _graver(moment: Moment, concern: Concern, fallen: list[str]) -> Signal:
    """Return the escalation of an active concern: the other side's bond fell within a few sessions of the report."""
    before = concern.signal
    return replace(
        before,
        severity=Severity.critical,
        values={**before.values, "bond_fell": fallen[0]},
        route="with-fall",
        raters=tuple(sorted({*before.raters, *fallen})),
        baseline=_bond_to_return(moment, concern.subject[0]),
    )


def _bonds(moment: Moment) -> Iterator[Figure]:
    return (figure for figure in moment.figures("bond") if not figure.rating.not_alone)


def _bond_to_return(moment: Moment, favoured: str) -> Baseline | None:
    """Return the level before of a bond on the other side: one that fell alone, else the one furthest down today."""
    for concern in moment.active_of(FALL):
        if concern.signal.baseline is not None and _is_opposite(moment, favoured, concern.subject[0]):
            return concern.signal.baseline
    down = [
        ((figure.value - baseline.mu) / baseline.sigma, baseline)
        for figure in _bonds(moment)
        if (baseline := figure.baseline) is not None
        and _is_opposite(moment, favoured, figure.rater_reference)
        and not is_recovered(figure.value, baseline)
    ]
    return min(down, key=lambda item: (item[0], item[1].series))[1] if down else None


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether somebody looked, saw no side taken, and the other side's bond is back."""
    (favoured,) = concern.subject
    if favoured in _seen(moment):
        return Clearing.unmet
    if not moment.observed or moment.present(favoured.removeprefix(MEMBER)) is False:
        return Clearing.blind
    baseline = concern.signal.baseline
    if baseline is None or (concern.discussed and concern.streak):
        return Clearing.met
    score = next((figure.value for figure in _bonds(moment) if figure.name == baseline.series), None)
    if score is None:
        return Clearing.blind
    return Clearing.met if is_recovered(score, baseline) else Clearing.unmet


RULE = Rule(
    code=CODE,
    version=1,
    title="A side may have been taken",
    grade="C",
    texts={
        "default": "The therapist was seen to take this member's side. The numbers cannot say why.",
        "with-fall": "The therapist was seen to take this member's side, and within a few sessions the bond of "
        "somebody on the other side fell. The numbers cannot say why.",
    },
    next_steps=("neutrality", "equidistance", "own-part", "transparency"),
    parameters=Parameters(),
    rising=(("mild", "clear"), ("needed", "of")),
    memory=NOTHING,
    check=check,
    clear=clear,
    silent_on_hold=True,
    after=(FALL,),
)
