"""Good news, a recovery: an alert about a member that had been a warning is over, and none like it stands.

Fires:    in the held session in which a concern about a member, at warning or above, has recovered
Quiet:    a note that came and went, which needs no second one; one that settled, or whose time has passed; a concern
          about the family or about a favoured member; two members who are as hostile as is usual for them; while
          another alert about this member stands at warning or above
Severity: info
Clears:   the next held session
Source:   resolution of a rupture went with staying in treatment (Eubanks, Lubitz, Muran & Safran 2019, d = .67; Muran
          et al. 2009); these numbers say that something is back, and nothing of how
Ours:     that it is worth a line; of two members it is about the one to whom it was done
Since:    0.1 (version 1)
"""

from collections.abc import Iterator

from service.domain.concern import Clearing, Concern, Signal, State
from service.domain.model import Severity
from service.domain.moment import Moment
from service.domain.rules import NoMemory, Rule, Tone
from service.domain.sightings import MEMBER

WATCHED = (
    "attendance",
    "bond-asymmetry",
    "dropout-risk",
    "early-low",
    "goal-misalignment",
    "hostility-to-member",
    "hostility-to-therapist",
    "noncompliance",
    "out-of-limits",
    "passive-negativity",
    "resistance-to-change",
    "safety-loss",
    "strain-report",
    "sudden-drop",
    "sustained-decline",
    "trust-bond-loss",
)


def check(moment: Moment, memory: NoMemory, parameters: NoMemory) -> tuple[NoMemory, tuple[Signal, ...]]:
    """Return a signal per member about whom a concern recovered in this session; of several the first by code."""
    if not moment.session.held:
        return memory, ()
    over: dict[str, Concern] = {}
    for concern in _grave(moment):
        if concern.state is State.recovered and concern.ended == moment.number and not _is_seen(concern, moment):
            known = over.get(concern.subject[-1])
            over[concern.subject[-1]] = concern if known is None else min(known, concern, key=lambda item: item.rule)
    if not over:
        return memory, ()
    standing = {reference for concern in _grave(moment) if concern.active for reference in concern.subject}
    return memory, tuple(_signal(who, concern, moment) for who, concern in over.items() if who not in standing)


def _is_seen(concern: Concern, moment: Moment) -> bool:
    """Tell whether something was seen between those two again: at what is usual for them it is over, but not gone."""
    return any(item.from_ in concern.subject and item.toward in concern.subject for item in moment.session.indicators)


def _grave(moment: Moment) -> Iterator[Concern]:
    """Yield the watched concerns about members that were a warning."""
    watched = (item for item in moment.concerns if item.rule in WATCHED and item.subject[-1].startswith(MEMBER))
    return (item for item in watched if item.severity is not Severity.info)


def _signal(reference: str, concern: Concern, moment: Moment) -> Signal:
    by_rating = concern.signal.series is not None and concern.signal.value("level") is None
    return Signal(
        subject=(reference,),
        severity=Severity.info,
        values={"recovered": concern.rule, "sessions": moment.number - concern.opened_number},
        route="rating" if by_rating else "default",
    )


RULE = Rule(
    code="recovery",
    version=1,
    title="Good news: an alert is over",
    grade="B, D",
    texts={
        "rating": "What an alert had noticed about this member is over: the rating that it went by has come back. "
        "Whatever helped is worth keeping. The numbers cannot say what it was.",
        "default": "What an alert had noticed about this member has not been seen again. Whatever helped is worth "
        "keeping. The numbers cannot say what it was.",
    },
    next_steps=("hope", "family-as-solution", "talk-about-alliance"),
    parameters=NoMemory(),
    memory=NoMemory(),
    check=check,
    clear=lambda moment, concern, memory, parameters: Clearing.passed if moment.session.held else Clearing.blind,
    silent_on_hold=True,
    inhibits=("rising",),
    after=WATCHED,
    tone=Tone.good_news,
)
