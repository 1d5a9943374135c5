"""Safety lost: a member's safety fell far below its own level, an observer marked it low, or they guarded themselves.

Fires:    safety z ≤ −2 against the same series before (at least three scores), from the member's own rating or from an
          observer's or the therapist's of that member; or an observer's SOFTA-o mark of −1 or lower; or guardedness of
          that member at clear (2) or more
Quiet:    fewer than three earlier scores for z; a form without safety; mild guardedness; nobody looked
Severity: warning; info in the case's first three held sessions while only a rating says it
Clears:   two sessions back near the level before (one, when it was talked about), or above −1 where an observer's first
          mark opened it; and no guardedness: if it was seen at the opening, in two observed sessions from which the
          member was not known to be away
Source:   safety within the therapeutic system (Friedlander, Escudero & Heatherington 2006, SOFTA)
Ours:     the limits; in couples and families the text says not to raise a low rating in front of the others
Since:    0.1 (version 1)
"""

from collections.abc import Iterator
from dataclasses import dataclass

from service.domain.clearing import calm_since, recovered_since
from service.domain.concern import Clearing, Concern, Signal, Values
from service.domain.model import Indicator, RaterKind, Severity
from service.domain.moment import Figure, Moment
from service.domain.next_steps import HOLD_TEXT
from service.domain.rules import NoMemory, Rule
from service.domain.sightings import MEMBER, gravest
from service.domain.trajectory import above, at_most

KINDS = frozenset({"guardedness"})
OBSERVED = "softa_o"  # the family of forms whose low mark counts by itself


@dataclass(frozen=True, slots=True)
class Parameters:
    z: float = -2.0
    clear: int = 2
    info_until: int = 3


def check(moment: Moment, memory: NoMemory, parameters: Parameters) -> tuple[NoMemory, tuple[Signal, ...]]:
    """Return a signal per member whose safety is low or who was seen to guard themselves."""
    seen, low = _seen(moment), _lowest(moment, parameters)
    if not seen and not low:  # as in most sessions
        return memory, ()
    guarded = {member for member, mark in seen.items() if mark.severity >= parameters.clear}
    found = (
        _signal(moment, member, low.get(member), seen.get(member), parameters) for member in sorted({*low, *guarded})
    )
    return memory, tuple(found)


def _seen(moment: Moment) -> dict[str, Indicator]:
    return gravest(moment, KINDS, lambda item: item.from_ if item.from_.startswith(MEMBER) else None)


def _lowest(moment: Moment, parameters: Parameters) -> dict[str, Figure]:
    """Return the low safety figures of today by the member whose safety it is; over several the furthest down."""
    lowest: dict[str, Figure] = {}
    for member, figure in _safety(moment):
        if _fell(figure, parameters) or _is_marked_low(figure):
            known = lowest.get(member)
            if known is None or _order(figure) < _order(known):
                lowest[member] = figure
    return lowest


def _safety(moment: Moment) -> Iterator[tuple[str, Figure]]:
    """Yield what members rated of their own safety, and others of theirs."""
    yield from ((figure.key.rater, figure) for figure in moment.figures("safety", about=""))
    for kind in (RaterKind.observer, RaterKind.therapist):
        yield from ((figure.rating.about, figure) for figure in moment.figures("safety", kind, about="member"))


def _fell(figure: Figure, parameters: Parameters) -> bool:
    return figure.fallen_to(parameters.z) is not None


def _is_marked_low(figure: Figure) -> bool:
    return figure.instrument.family == OBSERVED and at_most(figure.value, figure.low_mark)


def _order(figure: Figure) -> tuple[float, float, str]:
    return (float("inf") if figure.z is None else figure.z, figure.value, figure.name)


def _signal(
    moment: Moment, member: str, figure: Figure | None, mark: Indicator | None, parameters: Parameters
) -> Signal:
    guarded = mark is not None and mark.severity >= parameters.clear
    early = moment.number <= parameters.info_until
    return Signal(
        subject=(member,),
        severity=Severity.info if early and not guarded else Severity.warning,
        values=_values(figure, mark),
        thresholds={
            "z": parameters.z,
            "low_mark": figure.low_mark if figure is not None and _is_marked_low(figure) else None,
            "level": parameters.clear,
        },
        route=_route(moment, figure, parameters),
        raters=(figure.key.rater,) if figure is not None else (),
        baseline=figure.baseline if figure is not None else None,
    )


def _values(figure: Figure | None, mark: Indicator | None) -> Values:
    rated: Values = {} if figure is None else {"series": figure.name, "safety": figure.value, "z": figure.z}
    return rated if mark is None else {**rated, "level": mark.severity, "source": mark.source}


def _route(moment: Moment, figure: Figure | None, parameters: Parameters) -> str:
    if figure is None:
        return "guarded"
    if moment.family.modality == "individual":
        return "alone"
    return "own-level" if _fell(figure, parameters) else "observed"


def clear(moment: Moment, concern: Concern, memory: NoMemory, parameters: Parameters) -> Clearing:
    """Return whether safety is back and nobody was seen to guard themselves."""
    return calm_since(moment, concern, _seen(moment), _back(moment, concern))


def _back(moment: Moment, concern: Concern) -> Clearing:
    """Return whether the score that opened it is back; where an observer's first mark did, whether it is above low."""
    if concern.signal.baseline is not None:
        return recovered_since(moment, concern)
    series, low_mark = concern.signal.series, concern.signal.threshold("low_mark")
    if series is None or low_mark is None:
        return Clearing.met
    score = moment.score_of(series)
    if score is None:
        return Clearing.blind
    return Clearing.met if above(score, low_mark) else Clearing.unmet


RULE = Rule(
    code="safety-loss",
    version=1,
    title="Safety may be lower",
    grade="C",
    texts={
        "own-level": "This member's safety in the sessions is rated far below their own usual level. "
        f"The numbers cannot say why. {HOLD_TEXT}",
        "observed": "An observer marked this member's safety in the session as low. "
        f"The numbers cannot say why. {HOLD_TEXT}",
        "alone": "Safety in the sessions is rated low, or far below this member's own usual level. "
        "The numbers cannot say why.",
        "guarded": "This member was seen to guard themselves in the session. The numbers cannot say why.",
    },
    next_steps=("check-in", "validation", "structure", "client-pace"),
    parameters=Parameters(),
    memory=NoMemory(),
    check=check,
    clear=clear,
)
