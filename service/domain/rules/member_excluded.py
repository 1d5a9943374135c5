"""A member without a voice: somebody of the family was not heard in three sessions, and nobody decided that it be so.

Fires:    a member was neither present nor gave a form in three held sessions of which that is known; or a clear (2)
          disagreement-attendance of a member (the family)
Quiet:    a decision noted as the member's `voice`, from its session or day on; a supporter outside the room; a child
          under six; individual therapy; a case on safety hold. A session of which it is unknown whether they came
          counts neither way, nor does one to which they were invited and stayed away: attendance speaks of that
Severity: info
Clears:   the member is heard, or a decision is noted, once; the dispute is not seen in two observed sessions
Source:   who should attend is part of a family's shared purpose, and disputes about it are a mark against it
          (Friedlander, Escudero & Heatherington 2006)
Ours:     the three sessions. That nobody is `expected` to come is a place, not a decision: it says where they are, not
          that somebody weighed to go on without them. Of who is not expected and has no entry, it counts as known that
          they did not come; any form counts as heard, before the session or after it
Since:    0.1 (version 1)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from service.domain.clearing import unseen_since
from service.domain.concern import Clearing, Concern, Signal
from service.domain.model import Attendance, Indicator, Member, RaterKind, Severity, member_reference
from service.domain.moment import Moment
from service.domain.noted import AgeBand, day_of
from service.domain.rules import Rule
from service.domain.sightings import MEMBER, gravest

KINDS = frozenset({"disagreement-attendance"})
FAMILY = "family"


@dataclass(frozen=True, slots=True)
class Parameters:
    sessions: int = 3
    clear: int = 2


@dataclass(frozen=True, slots=True)
class Memory:
    """Member → sessions in a row without a voice, at most as many as matter; whose deciding session has come."""

    unheard: Mapping[str, int] = field(default_factory=dict)
    came: frozenset[str] = frozenset()


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member without a voice, and one for a family in which it is disputed who should come."""
    came = memory.came.union(_decided_here(moment))
    if not moment.session.held:
        return (memory if came == memory.came else Memory(memory.unheard, came)), ()
    unheard = dict(_unheard_after(moment, memory.unheard, parameters))
    after, found = Memory(unheard, came), list[Signal]()
    for member_id, sessions in unheard.items():
        if sessions >= parameters.sessions and not _is_decided(moment, member_id, after):
            if _is_heard(moment, member_id) is False:
                found.append(_without_voice(member_id, sessions, parameters))
    found += [_disputed(mark, parameters) for mark in _seen(moment).values() if mark.severity >= parameters.clear]
    return after, tuple(found)


def _decided_here(moment: Moment) -> Iterator[str]:
    for member_id, member in moment.family.members.items():
        if member.voice is not None and member.voice.decided_in == moment.session.session_id:
            yield member_id


def _is_decided(moment: Moment, member_id: str, memory: Memory) -> bool:
    voice = moment.family.members[member_id].voice
    return voice is not None and voice.is_decided(day_of(moment.session.held_at), member_id in memory.came)


def _unheard_after(moment: Moment, unheard: Mapping[str, int], parameters: Parameters) -> Iterator[tuple[str, int]]:
    """Yield the sessions without a voice of everybody who matters and has any; what is unknown changes nothing."""
    raters = moment.session.raters
    for member_id in moment.member_ids():
        if member_id not in raters and _matters(moment, moment.family.members[member_id]):
            heard, before = _is_heard(moment, member_id), unheard.get(member_id, 0)
            sessions = before if heard is None else 0 if heard else min(before + 1, parameters.sessions)
            if sessions:
                yield member_id, sessions


def _matters(moment: Moment, member: Member) -> bool:
    if moment.family.modality == "individual" or not member.active or member.supporter:
        return False
    return member.age_band is not AgeBand.under_6


def _is_heard(moment: Moment, member_id: str) -> bool | None:
    """Tell whether a member came or gave any form; None where nothing tells, or where they just stayed away."""
    session = moment.session
    if moment.present(member_id) or member_id in session.raters:
        return True
    if any(item.rater_id == member_id and item.rater_kind is RaterKind.member for item in session.ratings):
        return True
    entry = session.attendance.get(member_id)
    if entry is None:
        return None if moment.family.members[member_id].expected else False
    return None if entry is Attendance.no_show else False


def _without_voice(member_id: str, sessions: int, parameters: Parameters) -> Signal:
    return Signal(
        subject=(member_reference(member_id),),
        severity=Severity.info,
        values={"sessions": sessions},
        thresholds={"sessions": parameters.sessions},
    )


def _seen(moment: Moment) -> dict[str, Indicator]:
    return gravest(moment, KINDS, lambda item: FAMILY if item.from_.startswith(MEMBER) else None)


def _disputed(mark: Indicator, parameters: Parameters) -> Signal:
    return Signal(
        subject=(FAMILY,),
        severity=Severity.info,
        values={"level": mark.severity, "kind": mark.kind, "by": mark.from_, "source": mark.source},
        thresholds={"level": parameters.clear},
        route="disputed",
    )


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the member is heard, or somebody decided; for the family, whether nobody disputes who comes."""
    (reference,) = concern.subject
    if reference == FAMILY:
        return unseen_since(moment, concern, _seen(moment))
    member_id = reference.removeprefix(MEMBER)
    if _is_decided(moment, member_id, memory) or (moment.session.held and _is_heard(moment, member_id)):
        return Clearing.done
    return Clearing.blind


RULE = Rule(
    code="member-excluded",
    version=1,
    title="Somebody without a voice",
    titles={"disputed": "Who should come is not agreed"},
    grade="C",
    texts={
        "default": "This member was not in the room in several sessions, no form of theirs came, and nobody has noted "
        "that it should be so. Their view may be missing.",
        "disputed": "The family was seen to disagree about who should come to the sessions. "
        "The numbers cannot say why.",
    },
    next_steps=("outside-support", "culture-fit", "family-as-solution"),
    parameters=Parameters(),
    memory=Memory(),
    check=check,
    clear=clear,
    silent_on_hold=True,
)
