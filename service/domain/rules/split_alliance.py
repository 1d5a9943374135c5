"""Split alliance: one member's total stays low and far from the others', or the distance between two members grows.

Fires:    (a) gap ≥ the moderate limit for the number of raters, the lowest total ≤ low mark, the same member lowest at
          such a gap in two of the last three joint sessions (this one included), and that member not risen by the usual
          spread since their first total; from the second session on
          (b) two members, at least four joint sessions of theirs: mean signed gap of the last two less that of the
          first two ≥ 1 SD in size, the gap itself larger than at first, and the lower of them below the cut-off
Quiet:    one rater; a child's form or a rating given not alone, which is never a pole; a wide gap once; a low member
          who rises
Severity: warning; critical at the severe limit with the same member lowest in two of the last three joint sessions,
          when that member is two usual spreads below the median of their own first three totals
Clears:   the low member of the opening rates again, and the gap is below the mild limit, or that member is above the
          low mark or risen by the usual spread since, in two sessions; or three steady scores of that member
Source:   split and outcome, r = .316, mixed (Friedlander, Escudero, Welmers-van de Poll & Heatherington 2018); it is
          the change of the gap that tells, not one session's (Bartle-Haring et al. 2012)
Ours:     all limits (in SDs of the form's total), shaped on simulated clean families, where wide gaps are common; an
          earlier session counts by its gap and its lowest member, only today's lowest must be low; our free forms may
          be poles
Since:    0.1 (version 1)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import median

from service.domain.balance import missing_raters
from service.domain.concern import Clearing, Concern, Signal, Value, Values
from service.domain.model import Severity
from service.domain.moment import Figure, Moment
from service.domain.poles import (
    NO_FORM,
    Form,
    Limits,
    Poles,
    form_after,
    from_lowest,
    gap_of,
    limit_of,
    pairs_of,
    poles_by_form,
    sd_of,
)
from service.domain.rules import Rule
from service.domain.spread import mean_of
from service.domain.trajectory import above, at_least, at_most, below

CODE = "split-alliance"
FAMILY = ("family",)

Two = tuple[Figure, Figure]  # the smaller id first


@dataclass(frozen=True, slots=True)
class Parameters:
    mild: Limits = (1.0, 1.5, 1.8, 2.05)
    moderate: Limits = (1.5, 2.0, 2.3, 2.5)
    severe: Limits = (2.0, 2.45, 2.7, 2.9)
    needed: int = 2
    of: int = 3
    from_session: int = 2
    widening: float = 1.0
    widening_from: int = 4
    fall_spreads: float = 2.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Instrument and about → its last joint sessions and its pairs."""

    forms: Mapping[str, Form] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return the gravest split over both ways and all forms, the widest of equals."""
    forms = dict(memory.forms)
    found: list[Signal] = []
    for name, poles in poles_by_form(moment).items():
        if len(poles) >= 2:
            forms[name] = form_after(
                forms.get(name, NO_FORM), poles, parameters.moderate, parameters.severe, parameters.of
            )
            found += _found(moment, poles, forms[name], parameters)
    worst = max(found, key=_gravity, default=None)
    return Memory(forms), () if worst is None else (_as_opened(worst, moment.active(CODE, FAMILY)),)


def _found(moment: Moment, poles: Poles, form: Form, parameters: Parameters) -> Iterator[Signal]:
    if moment.number >= parameters.from_session and _stays_low(poles, form, parameters):
        yield _low_member(moment, poles, form, parameters)
    apart = [two for two in pairs_of(poles) if _grows(two, form, parameters)] if poles[0].is_below_cut else []
    if apart:
        worst = max(apart, key=lambda two: (_severity(_lower(two), form, parameters).rank, form.pair(*two).change))
        yield _widening(moment, poles, form, worst, parameters)


def _stays_low(poles: Poles, form: Form, parameters: Parameters) -> bool:
    low = poles[0]
    wide = form.joint[-1].moderate and form.times(low.rater, severe=False) >= parameters.needed
    return wide and at_most(low.value, low.low_mark) and below(low.value - _first(low), low.sp)


def _first(figure: Figure) -> float:
    return (*figure.series.first, figure.value)[0]


def _lower(two: Two) -> Figure:
    return min(two, key=from_lowest)


def _grows(two: Two, form: Form, parameters: Parameters) -> bool:
    pair = form.pair(*two)
    if pair.count < parameters.widening_from or not at_least(pair.change, parameters.widening * sd_of(two)):
        return False
    return _lower(two).is_below_cut and above(abs(mean_of(pair.last)), abs(mean_of(pair.first)))


def _severity(low: Figure, form: Form, parameters: Parameters) -> Severity:
    """Return critical for a severe gap that lasts while its low member fell from where they began."""
    today = form.joint[-1]
    lasts = today.severe and today.lowest == low.rater and form.times(low.rater, severe=True) >= parameters.needed
    first = (*low.series.first, low.value)[:3]
    fallen = len(first) == 3 and at_most(low.value, median(first) - parameters.fall_spreads * low.sp)
    return Severity.critical if lasts and fallen else Severity.warning


def _low_member(moment: Moment, poles: Poles, form: Form, parameters: Parameters) -> Signal:
    low = poles[0]
    return Signal(
        subject=FAMILY,
        severity=_severity(low, form, parameters),
        values={**_values(low, poles), "first_total": _first(low)},
        thresholds=_thresholds(low, poles, parameters),
        route="low-member",
        raters=tuple(sorted(figure.rater_reference for figure in poles)),
        missing=missing_raters(moment.session, moment.family, low.rating),
        not_evaluated=_no_poles(moment, poles),
        baseline=low.baseline,
    )


def _widening(moment: Moment, poles: Poles, form: Form, two: Two, parameters: Parameters) -> Signal:
    low, pair = _lower(two), form.pair(*two)
    first, last = mean_of(pair.first), mean_of(pair.last)
    gaps: Values = {"first_gap": first, "last_gap": last, "change": pair.change, "joint_sessions": pair.count}
    limits: Values = {"widening": parameters.widening * sd_of(two), "cut": low.cut}
    return Signal(
        subject=FAMILY,
        severity=_severity(low, form, parameters),
        values={**_values(low, poles), "of": two[0].rater_reference, "minus": two[1].rater_reference, **gaps},
        thresholds={**_thresholds(low, poles, parameters), **limits},
        route="widening",
        raters=tuple(figure.rater_reference for figure in two),
        missing=missing_raters(moment.session, moment.family, low.rating),
        not_evaluated=_no_poles(moment, poles),
        baseline=low.baseline,
    )


def _values(low: Figure, poles: Poles) -> dict[str, Value]:
    return {
        "series": low.name,
        "low_member": low.rater_reference,
        "opening_total": low.value,
        "low_today": low.rater_reference,
        "total": low.value,
        "gap": gap_of(poles),
        "gap_sd": gap_of(poles) / sd_of(poles),
        "n": len(poles),
    }


def _thresholds(low: Figure, poles: Poles, parameters: Parameters) -> dict[str, Value]:
    tiers = {"mild": parameters.mild, "moderate": parameters.moderate, "severe": parameters.severe}
    gaps = {name: limit_of(limits, poles) for name, limits in tiers.items()}
    return {**gaps, "low_mark": low.low_mark, "rise": low.sp, "fall": parameters.fall_spreads * low.sp}


def _no_poles(moment: Moment, poles: Poles) -> tuple[str, ...]:
    """Return who rated as well but stands on no side here: on another form, a child's form, or not alone."""
    everybody = {figure.rater_reference for figure in moment.figures("primary")}
    return tuple(sorted(everybody - {pole.rater_reference for pole in poles}))


def _gravity(signal: Signal) -> tuple[int, bool, float]:
    """Return the order of splits: by severity, a low member before a growing distance, then by their size."""
    low_member = signal.route == "low-member"
    size = signal.values["gap_sd" if low_member else "change"]
    return (signal.severity.rank, low_member, size if isinstance(size, float) else 0.0)


def _as_opened(signal: Signal, concern: Concern | None) -> Signal:
    """Return a signal with the low member and their total frozen as the active concern opened with them."""
    if concern is None:
        return signal
    frozen = {name: concern.signal.values[name] for name in ("series", "low_member", "opening_total")}
    return replace(signal, values={**signal.values, **frozen})


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the low member of the opening, present and heard, is no longer far from the others."""
    series, opening = concern.signal.values["series"], concern.signal.values["opening_total"]
    poles = next((poles for poles in poles_by_form(moment).values() if any(item.name == series for item in poles)), [])
    low = next((figure for figure in poles if figure.name == series), None)
    if low is None or not moment.present(low.rater) or not isinstance(opening, float):
        return Clearing.blind
    if above(low.value, low.low_mark) or at_least(low.value - opening, low.sp):
        return Clearing.met
    if len(poles) < 2:
        return Clearing.blind
    return Clearing.met if below(gap_of(poles), limit_of(parameters.mild, poles)) else Clearing.unmet


RULE = Rule(
    code=CODE,
    version=1,
    title="The alliance may be split",
    grade="A",
    texts={
        "low-member": "One member's rating has stayed low and far from the others'. The numbers cannot say why.",
        "widening": "The distance between two members' ratings has grown since their first joint sessions. "
        "The numbers cannot say why.",
    },
    next_steps=("equidistance", "strongest-alliance", "circular-question", "check-in"),
    parameters=Parameters(),
    rising=(("mild", "moderate", "severe"), ("needed", "of")),
    memory=Memory(),
    check=check,
    clear=clear,
    capped=True,
    settles=True,
    silent_on_hold=True,
)
