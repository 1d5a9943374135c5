"""The words of the field, as frozen values: who is in treatment, what happened, who rated what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from itertools import combinations
from operator import attrgetter

from service.domain.noted import AgeBand, Noted, Reading


class Severity(StrEnum):
    """The indicator codes of CDS Hooks, in rising order."""

    info = "info"
    warning = "warning"
    critical = "critical"

    @property
    def rank(self) -> int:
        return RANKS[self]


RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class MemberRole(StrEnum):
    """A place in the family, not an age."""

    client = "client"
    youth = "youth"
    child = "child"
    parent = "parent"
    partner = "partner"
    sibling = "sibling"
    grandparent = "grandparent"
    extended = "extended"
    other = "other"


class RaterKind(StrEnum):
    member = "member"
    therapist = "therapist"
    observer = "observer"


class Phase(StrEnum):
    post = "post"
    pre = "pre"


class SessionStatus(StrEnum):
    scheduled = "scheduled"
    held = "held"
    no_show = "no-show"
    late_cancelled = "late-cancelled"
    cancelled = "cancelled"


class Attendance(StrEnum):
    attended = "attended"
    late = "late"
    excused = "excused"
    late_cancelled = "late-cancelled"
    no_show = "no-show"
    not_invited = "not-invited"


class TaskOutcome(StrEnum):
    done = "done"
    partial = "partial"
    not_done = "not-done"
    refused = "refused"
    not_reviewed = "not-reviewed"


@dataclass(slots=True)  # not frozen: a rating has several, and nobody else writes to them
class Score:
    """One computed dimension of one rating.

    `raw` is in the instrument's unit, `mean` the item mean after reversal, `percent` 0..100 of the range;
    `answered` of `items` answers stand behind it.
    """

    raw: float
    mean: float
    percent: float
    answered: int
    items: int
    prorated: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)  # without slots, so that its natural key and its series are named once
class Rating:
    """One rater's completed instrument for one therapy session.

    `rater_id` is a member, therapist or observer id; `about` a reference (`therapist`, `member/ana`, `family`, …).
    """

    rater_kind: RaterKind
    rater_id: str
    about: str
    phase: Phase
    instrument: str
    scores: Mapping[str, Score]
    role: MemberRole | None = None
    not_alone: bool = False
    locale: str | None = None

    @cached_property
    def natural_key(self) -> tuple[str, str, str, str, str]:
        """Return what names this rating within its session; also the order in which ratings are read."""
        return (self.rater_kind, self.rater_id, self.about, self.instrument, self.phase)

    @cached_property
    def line(self) -> str:
        """Return what all its series have in common: rater, instrument, phase and about."""
        kind, rater, about, instrument, phase = self.natural_key
        return f"{kind}/{rater}|{instrument}|{phase}|{about}"


@dataclass(frozen=True, slots=True)
class Indicator:
    """An observed behaviour: kind, from and toward (references), severity 1-3, source (a reference)."""

    kind: str
    from_: str
    toward: str | None
    severity: int
    source: str


@dataclass(frozen=True, slots=True)
class Task:
    """A task between sessions, as reviewed in this one."""

    task_id: str
    member: str
    outcome: TaskOutcome


@dataclass(frozen=True)  # without slots, so that who rated what is worked out once
class TherapySession:
    """One session of a course, `held` or `no-show`, with everything known about it.

    `ratings` are in the order of their natural keys, whatever the order in which they are given. `overdue_at` is
    when the session that was planned to follow became overdue; None while none was missed.
    """

    session_id: str
    held_at: datetime
    status: SessionStatus = SessionStatus.held
    therapists: tuple[str, ...] = ()
    attendance: Mapping[str, Attendance] = field(default_factory=dict)
    indicators_observed: bool = False
    indicators: tuple[Indicator, ...] = ()
    tasks: tuple[Task, ...] = ()
    goals: Mapping[str, frozenset[str]] = field(default_factory=dict)
    discussed: frozenset[tuple[str, tuple[str, ...]]] = frozenset()
    readiness: Mapping[str, Reading] = field(default_factory=dict)
    hope: Mapping[str, Reading] = field(default_factory=dict)
    overdue_at: datetime | None = None
    ratings: tuple[Rating, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratings", tuple(sorted(self.ratings, key=attrgetter("natural_key"))))

    @cached_property
    def held(self) -> bool:
        return self.status is SessionStatus.held

    @cached_property
    def post(self) -> Mapping[RaterKind, Sequence[Rating]]:
        """Return the post ratings by the kind of rater, in the order of their natural keys."""
        found: dict[RaterKind, list[Rating]] = {}
        after = Phase.post
        for rating in self.ratings:
            if rating.phase is after:
                found.setdefault(rating.rater_kind, []).append(rating)
        return found

    @cached_property
    def told(self) -> frozenset[str]:
        """Return the names of those fields in which anything is told but ratings: mostly few."""
        return frozenset(name for name in TOLD if getattr(self, name))

    @cached_property
    def raters(self) -> frozenset[str]:
        """Return the members with a live post rating."""
        return frozenset(rating.rater_id for rating in self.post.get(RaterKind.member, ()))

    @property
    def position(self) -> tuple[datetime, str]:
        """Return the place in the course: by `held_at`, then id."""
        return (self.held_at, self.session_id)


TOLD = ("indicators", "indicators_observed", "tasks")  # what alone moves some rules


@dataclass(frozen=True, slots=True)
class Member:
    """A person in the family; `expected` false belongs to the family but not to the room.

    A `supporter` helps from outside the room; `voice` is what was decided about one who does not speak in it.
    """

    role: MemberRole
    active: bool = True
    expected: bool = True
    index: bool = False
    supporter: bool = False
    age_band: AgeBand | None = None
    voice: Noted | None = None

    @property
    def awaited(self) -> bool:
        """Tell whether somebody waits for them in the room."""
        return self.active and self.expected and not self.supporter


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of treatment; `ended_as` says how it ended, if it did. Dates are ISO, `to` inclusive."""

    from_: str
    to: str | None
    ended_as: str | None


@dataclass(frozen=True)  # without slots, so that who is in which subsystem is worked out once
class Family:
    """The announced facts of a case that the fold depends on, plus the members that only their ratings name."""

    members: Mapping[str, Member] = field(default_factory=dict)
    subsystems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    therapists: tuple[str, ...] = ()
    modality: str = "family"
    program: str | None = None
    periods: tuple[Period, ...] = ()
    checklist: Mapping[str, Noted] = field(default_factory=dict)

    @cached_property
    def members_by_subsystem(self) -> Mapping[str, frozenset[str]]:
        """Return the members of each subsystem that has any, by code in order.

        The declared ones count, else those of some roles for the three default codes.
        """
        found = {code: frozenset(member_ids) for code, member_ids in self.subsystems.items()}
        for code, roles in DEFAULT_SUBSYSTEMS.items():
            if code not in found:
                found[code] = frozenset(each for each, member in self.members.items() if member.role in roles)
        return {code: member_ids for code, member_ids in sorted(found.items()) if member_ids}

    @cached_property
    def opposites(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs of subsystems that share no member, parents and youths first, then by code."""
        known = self.members_by_subsystem
        pairs = sorted(combinations(known, 2), key=lambda pair: pair != FIRST_PAIR)
        return tuple((one, other) for one, other in pairs if known[one].isdisjoint(known[other]))

    def subsystem(self, code: str) -> frozenset[str]:
        """Return the members of a subsystem; empty where there is none."""
        return self.members_by_subsystem.get(code, frozenset())

    def subsystem_codes(self) -> tuple[str, ...]:
        """Return declared and default codes that have at least one member, sorted."""
        return tuple(self.members_by_subsystem)

    def same_side(self, one: str, other: str) -> bool:
        """Tell whether two members share a subsystem; partners of a couple stand on two sides."""
        sides = (member_ids for code, member_ids in self.members_by_subsystem.items() if code != "couple")
        return any(one in side and other in side for side in sides)

    def treatment_ended(self, since: datetime, until: datetime | None) -> bool:
        """Tell whether a period of treatment ended on or after one session's day and before another's (None: ever)."""
        if not self.periods:
            return False
        first = since.astimezone(UTC).date()
        next_day = until.astimezone(UTC).date() if until else date.max
        ends = (date.fromisoformat(item.to) for item in self.periods if item.to and item.ended_as)
        return any(first <= end < next_day for end in ends)


FIRST_PAIR = ("parents", "youths")  # the pair with the best evidence for dropout comes first

DEFAULT_SUBSYSTEMS: dict[str, frozenset[MemberRole]] = {
    "parents": frozenset({MemberRole.parent}),
    "youths": frozenset({MemberRole.youth, MemberRole.child}),
    "couple": frozenset({MemberRole.partner}),
}


def member_reference(member_id: str) -> str:
    """Return the reference of a member, `member/<id>`."""
    return f"member/{member_id}"
