"""Staying away: a member did not come to a session they were invited to, the family came back late, or is overdue.

Fires:    a `no-show` in one of the member's first three invited sessions, or the second in their last four; or at the
          first session they are invited to after hostility, a lost bond or a drop that still stands; or, for the
          family, more than twice the case's usual interval since the last held session, or a session that was planned
          and of which nothing was recorded two days after its time
Quiet:    excused, late-cancelled, late, not invited, unknown; a session that the member came to; fewer than three
          earlier intervals; a pause between two periods of treatment
Severity: warning; critical right after such a concern, or at three in the last four invited sessions; info for what
          was not recorded, which may only not have been entered yet
Clears:   two attended sessions in a row (the family: two held ones at the usual interval); other absences say nothing
Source:   missed sessions stand between a family's troubles and its outcome (Limoncelli 2019, 117 families in FFT)
Ours:     the limits; a no-show speaks on its own day only; right after such a concern one is enough; hostility between
          members counts for both of them; intervals are whole days, the usual one is the median of the last eight,
          and two sessions on one day make none; a planned session is looked for by a clock, which notes it as overdue
          of the one before; a gap seen in that one is told instead
Since:    0.1 (version 2)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

from service.domain.concern import Clearing, Concern, Signal, Values
from service.domain.model import Severity, member_reference
from service.domain.moment import Moment
from service.domain.rules import Rule

FAMILY = "family"
DAY = timedelta(days=1)
HURTFUL = ("hostility-to-member", "hostility-to-therapist", "out-of-limits", "sudden-drop", "trust-bond-loss")


@dataclass(frozen=True, slots=True)
class Parameters:
    first: int = 3
    repeated: int = 2
    often: int = 3
    of: int = 4
    intervals_needed: int = 3
    intervals_kept: int = 8
    longer_than: float = 2.0
    grace_hours: int = 48


@dataclass(frozen=True, slots=True)
class Invited:
    """In how many sessions a member was invited, and whether they stayed away from each of the last ones."""

    count: int = 0
    away: tuple[bool, ...] = ()


NEVER_INVITED = Invited()


@dataclass(frozen=True, slots=True)
class Memory:
    """Member → their invitations; who has had such a concern at their last one; the case's last intervals in days."""

    invited: Mapping[str, Invited] = field(default_factory=dict)
    hurt: frozenset[str] = frozenset()
    last_held_at: datetime | None = None
    intervals: tuple[int, ...] = ()


def check(moment: Moment, memory: Memory, parameters: Parameters) -> tuple[Memory, tuple[Signal, ...]]:
    """Return a signal per member who stayed away, and one for a family that came back late, or is overdue."""
    invited, signals = dict(memory.invited), list[Signal]()
    for member in sorted({*moment.family.members, *moment.session.attendance}):
        if moment.invited(member):
            away = moment.stayed_away(member)
            invited[member] = _after(invited.get(member, NEVER_INVITED), away, parameters)
            if away:
                signals += _stayed_away(moment, member, invited[member], memory, parameters)
    hurt = _hurt_today(moment).union([member for member in memory.hurt if not moment.invited(member)])
    gap = _gap(moment, memory)
    signals += tuple(_came_late(gap, memory.intervals, parameters)) or _overdue(moment, parameters)
    held_at = moment.session.held_at if moment.session.held else memory.last_held_at
    intervals = (*memory.intervals, gap)[-parameters.intervals_kept :] if gap else memory.intervals
    return Memory(invited, hurt, held_at, intervals), tuple(signals)


def _after(known: Invited, away: bool, parameters: Parameters) -> Invited:
    return Invited(known.count + 1, (*known.away, away)[-parameters.of :])


def _stayed_away(
    moment: Moment, member: str, invited: Invited, memory: Memory, parameters: Parameters
) -> Iterator[Signal]:
    times, cause = sum(invited.away), _cause(moment, member) if member in memory.hurt else None
    early = invited.count <= parameters.first
    if cause is None and not early and times < parameters.repeated:
        return
    yield Signal(
        subject=(member_reference(member),),
        severity=Severity.critical if cause is not None or times >= parameters.often else Severity.warning,
        values={
            "no_shows": times,
            "of_last_invited": len(invited.away),
            "invited_sessions": invited.count,
            "after": cause,
        },
        thresholds={
            "first": parameters.first,
            "repeated": parameters.repeated,
            "often": parameters.often,
            "of": parameters.of,
        },
        route="after-concern" if cause is not None else "repeated" if times >= parameters.repeated else "early",
    )


def _cause(moment: Moment, member: str) -> str | None:
    """Return the first rule with a concern about this member that still stands."""
    reference = member_reference(member)
    return next((code for code in HURTFUL for item in moment.active_of(code) if reference in item.subject), None)


def _hurt_today(moment: Moment) -> frozenset[str]:
    """Return the members about whom such a concern opened or fired again in this session."""
    fired = [signal.subject for code in HURTFUL for signal in moment.signals.get(code, ())]
    return frozenset([reference.removeprefix("member/") for subject in fired for reference in subject])


def _gap(moment: Moment, memory: Memory) -> int:
    """Return the whole days since the last held session; 0 where there is no interval."""
    since, until = memory.last_held_at, moment.session.held_at
    if not moment.session.held or since is None or moment.family.treatment_ended(since, until):
        return 0
    return round((until - since) / DAY)


def _came_late(gap: int, intervals: tuple[int, ...], parameters: Parameters) -> Iterator[Signal]:
    if len(intervals) < parameters.intervals_needed or gap <= parameters.longer_than * median(intervals):
        return
    values: Values = {"gap_days": gap, "usual_days": float(median(intervals)), "intervals": len(intervals)}
    yield Signal(
        subject=(FAMILY,),
        severity=Severity.warning,
        values=values,
        thresholds={"longer_than": parameters.longer_than, "intervals": parameters.intervals_needed},
        route="gap",
    )


def _overdue(moment: Moment, parameters: Parameters) -> tuple[Signal, ...]:
    """Return a signal where the session that was planned to follow this one was noted as overdue."""
    overdue_at = moment.session.overdue_at
    if overdue_at is None:
        return ()
    signal = Signal(
        subject=(FAMILY,),
        severity=Severity.info,
        values={"overdue_after_days": round((overdue_at - moment.session.held_at) / DAY)},
        thresholds={"grace_hours": parameters.grace_hours},
        route="overdue",
    )
    return (signal,)


def clear(moment: Moment, concern: Concern, memory: Memory, parameters: Parameters) -> Clearing:
    """Return whether the member came to this session; for the family, whether it was held."""
    (reference,) = concern.subject
    if reference == FAMILY:
        return Clearing.met if moment.session.held else Clearing.unmet
    member = reference.removeprefix("member/")
    if moment.stayed_away(member):
        return Clearing.unmet
    return Clearing.met if moment.present(member) else Clearing.blind


RULE = Rule(
    code="attendance",
    version=2,
    title="Staying away",
    titles={"gap": "A longer gap than usual", "overdue": "A planned session is not recorded"},
    grade="B",
    texts={
        "early": "This member did not come to one of their first sessions. Early sessions matter most for staying in "
        "therapy. The numbers cannot say why.",
        "repeated": "This member stayed away from several of their last sessions. The numbers cannot say why.",
        "after-concern": "This member stayed away from the first session after one that may have been hard for them. "
        "A kind word soon may matter. The numbers cannot say why.",
        "gap": "The family came back after more than twice their usual interval. The numbers cannot say why.",
        "overdue": "A session was planned and none was recorded. It may only not have been entered yet.",
    },
    next_steps=("check-in", "client-pace", "outside-support", "adjust-course"),
    parameters=Parameters(),
    rising=(("repeated", "often", "of"),),
    bounds={"grace_hours": (1, 672)},
    memory=Memory(),
    check=check,
    clear=clear,
    after=HURTFUL,
)
