"""Unrecovered: an alert has stood for three attended sessions, and its figure is still low.

Fires:    hostility, a lost bond, a sudden drop or a total out of limits has reached warning, everybody it is about came
          to three sessions since, and today the score that it froze is still below its cut-off (its low mark where it
          has none) and at z ≤ −1 against the frozen level
Quiet:    that alert is recovering or over, or never passed info; one that froze no score of at least three before it;
          a session without that score
Severity: warning; critical only when one of them stayed away since, or showed a negative behaviour at clear (2) or more
Clears:   with the alert it follows; where that one settled, in the session after
Source:   ruptures that were not repaired and a worse outcome, β = .45 (McLaughlin 2014)
Ours:     the limits, and which alerts it follows; of several about the same people the one followed already, else the
          most specific
Since:    0.1 (version 1)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.concern import Clearing, Concern, Signal, State
from service.domain.indicators import NEGATIVE_KINDS
from service.domain.model import Severity
from service.domain.moment import Moment
from service.domain.rules import Rule
from service.domain.sightings import MEMBER
from service.domain.trajectory import at_most, z_against

CODE = "unrecovered"
FOLLOWED = ("hostility-to-member", "hostility-to-therapist", "trust-bond-loss", "sudden-drop", "out-of-limits")


@dataclass(frozen=True, slots=True)
class Parameters:
    sessions: int = 3
    z: float = -1.0
    level: int = 2


@dataclass(frozen=True, slots=True)
class Since:
    """What followed since an alert reached warning: sessions that everybody came to, a no-show, a clear behaviour."""

    attended: int = 0
    stayed_away: bool = False
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Memory:
    """Rule and subject of each followed concern that stands at warning or above → what followed since."""

    since: Mapping[str, Since] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per subject whose concern stands, though they came, at a figure that is still low."""
    since: dict[str, Since] = {}
    signals: dict[tuple[str, ...], Signal] = {}
    for concern in _followed(moment):
        name = "|".join((concern.rule, *concern.subject))
        known = memory.since.get(name)
        since[name] = Since() if known is None else _after(known, concern, moment, parameters)
        signal = _signal(concern, since[name], moment, parameters)
        if signal is not None and (concern.subject not in signals or _is_followed(moment, concern)):
            signals[concern.subject] = signal
    return Memory(since), tuple(signals.values())


def _followed(moment: Moment) -> list[Concern]:
    """Return the concerns at warning or above that are followed, the most specific first."""
    standing = (item for item in moment.concerns if item.rule in FOLLOWED and item.active)
    grave = (item for item in standing if item.severity is not Severity.info)
    return sorted(grave, key=lambda item: FOLLOWED.index(item.rule))


def _is_followed(moment: Moment, concern: Concern) -> bool:
    """Tell whether a concern is the one that stands unrecovered already."""
    known = moment.active(CODE, concern.subject)
    return known is not None and known.signal.values["follows"] == concern.rule


def _after(known: Since, concern: Concern, moment: Moment, parameters: Parameters) -> Since:
    members = [reference.removeprefix(MEMBER) for reference in concern.subject]
    attended = moment.session.held and all(moment.present(member) for member in members)
    clear = (item for item in moment.indicators(NEGATIVE_KINDS) if item.severity >= parameters.level)
    return Since(
        attended=min(known.attended + attended, parameters.sessions),
        stayed_away=known.stayed_away or any(moment.stayed_away(member) for member in members),
        seen=known.seen or any(item.from_ in concern.subject for item in clear),
    )


def _signal(concern: Concern, since: Since, moment: Moment, parameters: Parameters) -> Signal | None:
    if since.attended < parameters.sessions or concern.state is not State.open:
        return None
    baseline = concern.signal.baseline
    figure = moment.figure_of(baseline.series) if baseline is not None else None
    z = z_against(figure.value, baseline) if figure is not None else None
    if figure is None or z is None or not figure.is_below_cut or not at_most(z, parameters.z):
        return None
    grave = since.stayed_away or since.seen
    return Signal(
        subject=concern.subject,
        severity=Severity.critical if grave else Severity.warning,
        values={
            "series": figure.name,
            "follows": concern.rule,
            "score": figure.value,
            "z": z,
            "attended": since.attended,
            "stayed_away": since.stayed_away,
            "negative_behaviour": since.seen,
        },
        thresholds={
            "sessions": parameters.sessions,
            "cut": figure.cut,
            "z": parameters.z,
            "level": parameters.level,
        },
        route="grave" if grave else "default",
        raters=(figure.key.rater,),
        baseline=baseline,
    )


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the alert that this one follows has ended."""
    followed = str(concern.signal.values["follows"])
    return Clearing.done if moment.active(followed, concern.subject) is None else Clearing.unmet


RULE = Rule(
    code=CODE,
    version=1,
    title="Not recovered yet",
    grade="B",
    texts={
        "default": "What was noticed some sessions ago still stands: there were sessions to talk about it, and the "
        "rating is still low. The numbers cannot say why.",
        "grave": "What was noticed some sessions ago still stands, the rating is still low, and there has been a "
        "missed session or a hard moment since. The numbers cannot say why.",
    },
    next_steps=("talk-about-alliance", "own-part", "adjust-course", "outside-support"),
    parameters=Parameters(),
    memory=Memory(),
    check=check,
    clear=clear,
    clears_after=1,
    capped=True,
    after=FOLLOWED,
)
