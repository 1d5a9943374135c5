"""The therapist may not have noticed: a member's own ratings speak of a change, and the therapist rates as usual.

Fires:    an alert from a member's own ratings stands open, nobody has talked about it yet, and in two sessions in which
          it spoke, with none in between in which the member rated and it did not, the therapist's total (about that
          member, else about the family) was at z > −0.5 against the therapist's own level; in the second the member's
          own figure, where the alert has one, is at z ≤ −1.75
Quiet:    a therapist who rates lower, or who reports any strain with the member or the family; an alert that is
          recovering; one about a level that is usual for the member; where the therapist has not rated, or fewer than
          three times before, it is unknown, and the count waits; so nothing is raised in the first three sessions
Severity: none of its own: it raises that alert from info to warning
Clears:   with the alert that it raised
Source:   a rupture that the therapist recognized no longer went with a worse next session (Chen et al. 2018, 84
          clients); both parties' reports tell of the next session (Rubel et al. 2018, 1,210 patients)
Ours:     the limits; two sessions, since one may be missed by anybody; of several therapists one who notices is enough;
          nothing is raised to critical: most therapists rate most sessions as usual, and in simulated clean families
          whose therapist rates, one in ten would have seen a critical alert
Since:    0.1 (version 1)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain.concern import Clearing, Concern, Signal, State
from service.domain.model import RaterKind, Severity
from service.domain.moment import Figure, Moment
from service.domain.rules import Rule
from service.domain.sightings import MEMBER
from service.domain.strains import FAMILY, reports_of
from service.domain.trajectory import above, at_most

OWN = ("goal-misalignment", "out-of-limits", "strain-report", "sudden-drop", "sustained-decline", "trust-bond-loss")
OF_A_LEVEL = ("low-mark", "no-shared-goal")  # routes that speak of no change which a therapist could have missed


@dataclass(frozen=True, slots=True)
class Parameters:
    z: float = -0.5
    sessions: int = 2
    own_z: float = -1.75


@dataclass(frozen=True, slots=True)
class Memory:
    """Member with an open alert of their own → in how many sessions it spoke while the therapist rated as usual."""

    unnoticed: Mapping[str, int] = field(default_factory=dict)


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member whose alert stands unnoticed; to raise it is the fold's to do."""
    if not moment.session.held:
        return memory, ()
    unnoticed: dict[str, int] = {}
    signals: list[Signal] = []
    for reference, spoke in _standing(moment).items():
        count, figure = memory.unnoticed.get(reference, 0), _most_aware(moment, reference)
        if not spoke:
            count = 0 if reference.removeprefix(MEMBER) in moment.session.raters else count
        elif figure is not None and figure.z is not None:
            usual = above(figure.z, parameters.z) and not _reports_strain(moment, reference)
            count = min(count + 1, parameters.sessions) if usual else 0
            if count >= parameters.sessions and any(_is_clear(concern, parameters) for concern in spoke):
                signals.append(_signal(reference, figure, parameters))
        if count:
            unnoticed[reference] = count
    return Memory(unnoticed), tuple(signals)


def may_be_missed(concern: Concern) -> bool:
    """Tell whether a concern stands open that a member's own ratings opened about a change, not talked about yet."""
    if concern.rule not in OWN or concern.state is not State.open or concern.discussed:
        return False
    return concern.subject != (FAMILY,) and concern.signal.route not in OF_A_LEVEL


def _standing(moment: Moment) -> dict[str, list[Concern]]:
    """Return the members about whom such concerns stand, and which of these spoke in this session."""
    spoke: dict[str, list[Concern]] = {}
    for concern in filter(may_be_missed, moment.concerns):
        mine = spoke.setdefault(concern.subject[0], [])
        if concern.number == moment.number:
            mine.append(concern)
    return dict(sorted(spoke.items()))


def _is_clear(concern: Concern, parameters: Parameters) -> bool:
    z = concern.signal.value("z")
    return z is None or at_most(z, parameters.own_z)


def _most_aware(moment: Moment, reference: str) -> Figure | None:
    """Return the lowest of the therapists' totals about a member, or about the family where there is none."""
    figures = moment.figures("primary", RaterKind.therapist, "")
    about = [item for item in figures if item.rating.about == reference]
    about = about or [item for item in figures if item.rating.about == FAMILY]
    return min((item for item in about if item.z is not None), key=lambda item: item.z or 0.0, default=None)


def _reports_strain(moment: Moment, reference: str) -> bool:
    therapists = (report for report in reports_of(moment) if report.reporter.startswith("therapist/"))
    return any(report.of in (reference, FAMILY) and not report.is_of_none for report in therapists)


def _signal(reference: str, figure: Figure, parameters: Parameters) -> Signal:
    return Signal(
        subject=(reference,),
        severity=Severity.info,
        values={"series": figure.name, "therapist_total": figure.value, "therapist_z": figure.z},
        thresholds={"therapist_z": parameters.z, "sessions": parameters.sessions, "own_z": parameters.own_z},
        raters=(figure.key.rater,),
        baseline=figure.baseline,
    )


RULE = Rule(
    code="therapist-unaware",
    version=1,
    title="The therapist may not have noticed",
    grade="B, D",
    texts={"default": "The therapist's own rating has stayed as usual meanwhile."},
    next_steps=("check-in", "active-listening", "talk-about-alliance"),
    parameters=Parameters(),
    memory=Memory(),
    check=check,
    clear=lambda moment, concern, memory, parameters: Clearing.blind,  # it has no concern that could clear
    after=OWN,
    raises=may_be_missed,
)
