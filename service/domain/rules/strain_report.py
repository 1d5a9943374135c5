"""Strain report: somebody said after the session that there was strain, and not that it is settled.

Fires:    a member or a therapist reports strain of strength 3 or more (of 5), settled 2 or less (of 5) or not answered
Quiet:    no strain, a lighter one, or one that is settled halfway or more; a session without reports
Severity: info; warning at strength 4 or more, or when two people report such strain after the same session
Clears:   the one who reported it says twice that there is none or that it is settled (4 or more); once, when it was
          talked about
Source:   reports of ruptures as yes or no (Eames & Roth 2000); strength and resolution from 1 to 5 by both parties,
          where better resolution went with staying in treatment (Muran et al. 2009, 128 patients)
Ours:     all limits; a member's report is about that member, whomever it names, a therapist's about the member it names
          or else the family, never about the therapist; where a member speaks, the therapist's report about the family
          only adds to it
Since:    0.1 (version 1)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Severity
from service.domain.moment import Moment
from service.domain.rules import NoMemory, Rule
from service.domain.strains import FAMILY, Report, reports_of
from service.domain.trajectory import at_least, at_most

CODE = "strain-report"


@dataclass(frozen=True, slots=True)
class Parameters:
    strength: float = 3.0
    unsettled: float = 2.0
    strong: float = 4.0
    sources: int = 2
    settled: float = 4.0


def check(moment: Moment, memory: NoMemory, parameters: Parameters) -> tuple[NoMemory, tuple[Signal, ...]]:
    """Return a signal per member with unsettled strain; about the family only where no member's stands for it."""
    unsettled = [report for report in reports_of(moment) if _is_unsettled(report, parameters)]
    if not unsettled:
        return memory, ()
    sources = len({report.reporter for report in unsettled})
    return memory, tuple(_signal(report, sources, parameters) for report in _told(unsettled))


def _is_unsettled(report: Report, parameters: Parameters) -> bool:
    if report.strength is None or not at_least(report.strength, parameters.strength):
        return False
    return report.settled is None or at_most(report.settled, parameters.unsettled)


def _told(unsettled: Sequence[Report]) -> Iterator[Report]:
    """Yield the report that stands for each subject: the member's own before a therapist's, then the strongest."""
    members = sorted({report.of for report in unsettled} - {FAMILY})
    for subject in members or [FAMILY]:
        yield min((report for report in unsettled if report.of == subject), key=_place)


def _place(report: Report) -> tuple[bool, float, str]:
    return (report.reporter != report.of, -(report.strength or 0), report.reporter)


def _signal(report: Report, sources: int, parameters: Parameters) -> Signal:
    agreed = sources >= parameters.sources
    strong = report.strength is not None and at_least(report.strength, parameters.strong)
    own = report.reporter == report.of
    return Signal(
        subject=(report.of,),
        severity=Severity.warning if agreed or strong else Severity.info,
        values={"strength": report.strength, "settled": report.settled, "sources": sources},
        thresholds={
            "strength": parameters.strength,
            "settled": parameters.unsettled,
            "strong": parameters.strong,
            "sources": parameters.sources,
        },
        route="agreed" if agreed else "own" if own else "therapist",
        raters=(report.reporter,),
    )


def clear(moment: Moment, concern: Concern, memory: NoMemory, parameters: Parameters) -> Clearing:
    """Return whether the one who reported the strain says that there is none any more, or that it is settled."""
    mine = [item for item in reports_of(moment) if (item.of,) == concern.subject]
    reports = [item for item in mine if item.reporter in concern.signal.raters]
    if not reports:
        return Clearing.blind
    return Clearing.met if all(_is_over(report, parameters) for report in reports) else Clearing.unmet


def _is_over(report: Report, parameters: Parameters) -> bool:
    return report.is_of_none or (report.settled is not None and at_least(report.settled, parameters.settled))


RULE = Rule(
    code=CODE,
    version=1,
    title="Strain was reported",
    grade="B, D",
    texts={
        "own": "This member said after the session that there was strain, and not that it is settled. "
        "The numbers cannot say why.",
        "therapist": "The therapist noted strain after the session, and not that it is settled. "
        "The numbers cannot say why.",
        "agreed": "More than one person said after the session that there was strain, and not that it is settled. "
        "The numbers cannot say why.",
    },
    next_steps=("talk-about-alliance", "active-listening", "validation", "own-part"),
    parameters=Parameters(),
    rising=(("strength", "strong"), ("unsettled", "settled")),
    memory=NoMemory(),
    check=check,
    clear=clear,
    once_when_discussed=True,
    capped=True,
)
