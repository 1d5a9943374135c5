"""What is known of some cases while commands are judged: cases, sessions and ratings, now and before."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from service.domain.carry import folded_with
from service.domain.commands import Document, RatingFacts, RetractionReason
from service.domain.facts import EMPTY_CASE, family_of, held_at_of, session_of
from service.domain.model import Family, RaterKind, TherapySession
from service.domain.rulebook import EMPTY, History, Rulebook


class RatingState(StrEnum):
    live = "live"
    retracted = "retracted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One state a rating was in."""

    revision: int
    facts: RatingFacts
    state: RatingState
    reason: RetractionReason | None
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingRecord:
    """One rating with its history; `past` holds the superseded revisions, oldest first."""

    rating_id: str
    facts: RatingFacts
    instrument_version: str
    state: RatingState
    reason: RetractionReason | None
    revision: int
    received_at: datetime
    changed_at: datetime
    past: tuple[Revision, ...] = ()

    @property
    def live(self) -> bool:
        return self.state is RatingState.live

    @property
    def current(self) -> Revision:
        return Revision(
            revision=self.revision,
            facts=self.facts,
            state=self.state,
            reason=self.reason,
            changed_at=self.changed_at,
        )

    def revised(
        self, facts: RatingFacts, state: RatingState, reason: RetractionReason | None, at: datetime
    ) -> "RatingRecord":
        """Return the rating one revision later, the present state moved into its history."""
        return replace(
            self,
            facts=facts,
            state=state,
            reason=reason,
            revision=self.revision + 1,
            changed_at=at,
            past=(*self.past, self.current),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """One session; `facts` None while only ratings speak of it, `inherited` the case's therapists once it took them.

    `overdue_at` is when the session that was planned to follow became overdue, as the watchdog noted it.
    """

    case_id: str
    session_id: str
    facts: Document | None
    inherited: tuple[str, ...] | None
    revision: int
    created_at: datetime
    changed_at: datetime
    overdue_at: datetime | None = None

    def as_folded(self, ratings: Iterable[RatingFacts]) -> TherapySession | None:
        """Return it as the fold sees it with its live ratings; None if it is no part of the course."""
        return session_of(self.session_id, self.facts, ratings, self.inherited or (), self.overdue_at)


@dataclass(frozen=True, kw_only=True)  # without slots, so that its family is read once
class CaseRecord:
    """One case; not `announced` while only ratings and sessions speak of it, revision 0 before anything does.

    No setting in its organization's `rulebook` that is older than number `rules_since` judges it.
    """

    case_id: str
    facts: Document = field(default_factory=lambda: EMPTY_CASE)
    announced: bool
    revision: int
    created_at: datetime
    changed_at: datetime
    rules_since: int = 0
    rulebook: Rulebook = field(default=EMPTY, compare=False, repr=False)

    @cached_property
    def family(self) -> Family:
        """Return the family that its facts announce."""
        return family_of(self.facts)

    @cached_property
    def history(self) -> History:
        """Return what its sessions are judged by."""
        return self.rulebook.history(self.family.program, self.rules_since)

    def folded_with(self, held_at: datetime) -> str:
        """Return what the carry after a session that was held then is folded with."""
        place = self.history.place_at(held_at)
        if place not in self._names:
            self._names[place] = folded_with(self.family, self.history, held_at)
        return self._names[place]

    @cached_property
    def _names(self) -> dict[int, str]:
        return {}


@dataclass(slots=True)
class Records:
    """The working set of one unit of writing; judging a command changes it, nothing else does.

    `ratings` by id, `sessions` by (case, session); `raters` counts each member's live ratings in the cases whose
    facts are to be replaced; `handed` is a case's first new list of therapists, which its sessions without any take
    over. `changed_*` name what must be written, `seen` are sessions as the fold sees them while nothing moves in them.
    """

    cases: dict[str, CaseRecord] = field(default_factory=dict)
    sessions: dict[tuple[str, str], SessionRecord] = field(default_factory=dict)
    ratings: dict[str, RatingRecord] = field(default_factory=dict)
    raters: dict[str, dict[str, int]] = field(default_factory=dict)
    handed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    changed_cases: set[str] = field(default_factory=set)
    changed_sessions: set[tuple[str, str]] = field(default_factory=set)
    changed_ratings: set[str] = field(default_factory=set)
    by_key: dict[tuple[str, ...], str] = field(default_factory=dict)
    by_session: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    by_record_id: dict[tuple[str, str, str, str], set[str]] = field(default_factory=dict)
    seen: dict[tuple[str, str], tuple[SessionRecord, TherapySession | None]] = field(default_factory=dict)

    def keep_rating(self, record: RatingRecord, changed: bool = True) -> None:
        """Take in a rating as it stands now."""
        facts, before = record.facts, self.ratings.get(record.rating_id)
        self.ratings[record.rating_id] = record
        self.by_key[facts.natural_key] = record.rating_id
        self.by_session.setdefault((facts.case_id, facts.session_id), set()).add(record.rating_id)
        self.seen.pop((facts.case_id, facts.session_id), None)
        if facts.record_id is not None:  # an id that a rating had once may be another's now: who asks looks again
            named = (facts.case_id, facts.rater_kind, facts.rater_id, facts.record_id)
            self.by_record_id.setdefault(named, set()).add(record.rating_id)
        if changed:
            self.changed_ratings.add(record.rating_id)
            if facts.rater_kind is RaterKind.member:
                counts = self.raters.setdefault(facts.case_id, {})
                more = record.live - (before is not None and before.live)
                counts[facts.rater_id] = counts.get(facts.rater_id, 0) + more

    def keep_session(self, record: SessionRecord) -> None:
        """Take in a session as it stands now, to be written."""
        self.sessions[record.case_id, record.session_id] = record
        self.changed_sessions.add((record.case_id, record.session_id))

    def keep_case(self, record: CaseRecord) -> None:
        """Take in a case as it stands now, to be written."""
        self.cases[record.case_id] = record
        self.changed_cases.add(record.case_id)

    def found_case(self, case_id: str, at: datetime) -> None:
        """Let a case exist that a rating or a session is the first to speak of."""
        if self.cases[case_id].revision == 0:
            self.keep_case(replace(self.cases[case_id], revision=1, created_at=at, changed_at=at))

    def inherit(self, key: tuple[str, str]) -> None:
        """Give a session that joined the course the therapists its case has now; later lists do not reach back."""
        session = self.sessions[key]
        if session.inherited is None and self.therapy_session(key) is not None:
            therapists = tuple(self.cases[key[0]].facts["therapists"])
            self.keep_session(replace(session, inherited=therapists))

    def hand_therapists(self, case_id: str) -> None:
        """Hand a case's therapists to those of its sessions that joined the course while it had none."""
        therapists = tuple(self.cases[case_id].facts["therapists"])
        if not therapists:
            return
        self.handed.setdefault(case_id, therapists)
        for key, record in self.sessions.items():
            if key[0] == case_id and record.inherited == ():
                self.sessions[key] = replace(record, inherited=therapists)

    def of_session(self, key: tuple[str, str]) -> list[RatingRecord]:
        """Return the ratings of a session, retracted ones too, in the order of their natural keys."""
        records = (self.ratings[rating_id] for rating_id in self.by_session.get(key, ()))
        return sorted(records, key=lambda record: record.facts.natural_key)

    def live_facts(self, key: tuple[str, str]) -> list[RatingFacts]:
        """Return the facts of a session's live ratings, in no order."""
        records = (self.ratings[rating_id] for rating_id in self.by_session.get(key, ()))
        return [record.facts for record in records if record.live]

    def held_at(self, key: tuple[str, str]) -> datetime | None:
        """Return when a session took place, as far as is known."""
        session = self.sessions.get(key)
        return held_at_of(session.facts if session else None, self.live_facts(key))

    def therapy_session(self, key: tuple[str, str]) -> TherapySession | None:
        """Return a session as the fold sees it; None if it is no part of the course."""
        record = self.sessions.get(key)
        if record is None:
            return None
        known = self.seen.get(key)
        if known is None or known[0] is not record:
            known = self.seen[key] = (record, record.as_folded(self.live_facts(key)))
        return known[1]

    def record_id_holder(self, facts: RatingFacts, but: str | None) -> str | None:
        """Return the other live rating of the same case and rater that has this record id."""
        if facts.record_id is None:
            return None
        wanted = (facts.case_id, facts.rater_kind, facts.rater_id, facts.record_id)
        for rating_id in self.by_record_id.get(wanted, ()):
            record = self.ratings[rating_id]
            if record.live and record.facts.record_id == facts.record_id and rating_id != but:
                return rating_id
        return None


def blank_session(key: tuple[str, str], at: datetime) -> SessionRecord:
    """Return a session of which nothing is known yet."""
    return SessionRecord(
        case_id=key[0], session_id=key[1], facts=None, inherited=None, revision=0, created_at=at, changed_at=at
    )
