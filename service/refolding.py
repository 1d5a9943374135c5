"""Folding the touched part of some courses anew: load from the first touched session on, fold, reconcile alerts."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

from uuid_utils.compat import uuid7

from service.db import queries, stores
from service.db.deliveries import enqueue
from service.db.engine import Db
from service.db.queries import SessionKey
from service.db.sealing import seal, unseal_carry
from service.domain.assess import as_of_now, fold
from service.domain.carry import Carry
from service.domain.concern import Concern, Reason
from service.domain.delivery import Event
from service.domain.figures import Course
from service.domain.model import Family, TherapySession
from service.domain.reconcile import Alert, Origin, Reconciled, reconcile
from service.domain.records import CaseRecord, Records, SessionRecord

LONG = 50  # sessions; a longer fold runs in a thread so that other requests are not held up
TURN = 10  # sessions that are folded before others get a turn, first of all what is stored meanwhile

Position = tuple[datetime, str]
Therapists = Mapping[str, tuple[str, ...]]  # session id → who led it


@dataclass(slots=True)
class Part:
    """The part of one course that is folded anew: its sessions in order and the carry before them.

    `changed` are the sessions whose facts changed, those included that have left the course.
    """

    case: CaseRecord
    changed: frozenset[str]
    before: Carry = field(default_factory=Carry)
    sessions: list[TherapySession] = field(default_factory=list)
    carries: list[Carry] = field(default_factory=list)
    concerns: list[Concern] = field(default_factory=list)

    @property
    def case_id(self) -> str:
        return self.case.case_id

    @property
    def family(self) -> Family:
        return self.case.family

    @property
    def last(self) -> Carry:
        return self.carries[-1] if self.carries else self.before

    @property
    def course(self) -> Course:
        return Course(self.last.number, self.last.last_session_id)

    @property
    def folded(self) -> set[str]:
        """Return the sessions of which nothing said before still stands."""
        return {session.session_id for session in self.sessions} | self.changed

    def session_ids(self) -> set[str]:
        """Return all sessions by which stored alerts may belong to this part."""
        return self.folded.union(*(concern.sessions for concern in self.concerns))

    def therapists(self) -> Therapists:
        """Return who led each session that is folded anew, where that is known."""
        return {session.session_id: session.therapists for session in self.sessions if session.therapists}

    def owns(self, alert: Alert) -> bool:
        """Tell whether folding this part decides about a stored alert.

        It does about those that rest on a folded session, and about those that stand for a concern which is carried
        into it. One that ended earlier is settled, even where it rests on the same session as another.
        """
        stored = alert.concern
        if alert.case_id != self.case_id:
            return False
        return not self.folded.isdisjoint(stored.sessions) or any(
            concern.topic == stored.topic and not set(concern.sessions).isdisjoint(stored.sessions)
            for concern in self.concerns
        )


async def load_parts(db: Db, records: Records, starts: Mapping[str, Position | None]) -> dict[str, Part]:
    """Load each case from a position on (None: from its first session), ready to be folded.

    The records overrule what is stored, so they need not be stored yet. A carry that is missing, or was folded with
    other rules, parameters or family facts, is not trusted: that case is folded from its first session.
    """
    if not starts:
        return {}
    parts = _blank(records, starts)
    whole = {case_id for case_id, start in starts.items() if start is None}
    loaded = await _from_places(db, parts, {case_id: at for case_id, at in starts.items() if at is not None}, whole)
    if whole:
        loaded += await queries.whole_courses(db, whole)
    await _assemble(db, records, parts, starts, whole, loaded)
    return parts


async def fold_parts(parts: Iterable[Part]) -> None:
    """Fold the sessions of each part; other requests get their turn in between."""
    in_a_row = 0
    for part in parts:
        given = (part.before, part.sessions, part.family, part.case.history)
        in_a_row += len(part.sessions)
        if len(part.sessions) > LONG:
            steps, concerns = await asyncio.to_thread(fold, *given)
        else:
            steps, concerns = fold(*given)
        part.carries = [step.carry for step in steps]
        part.concerns = [as_of_now(item, part.family) for item in concerns.values()]
        if in_a_row >= TURN:
            await asyncio.sleep(0)
            in_a_row = 0


def sealed_carries(parts: Iterable[Part], latest: int = 0) -> Iterator[tuple[SessionKey, str, str]]:
    """Yield the carry after each folded session, or after the `latest` so many of each part, as it is stored."""
    for part in parts:
        for session, carry in list(zip(part.sessions, part.carries, strict=True))[-latest:]:
            yield (part.case_id, session.session_id), part.case.folded_with(session.held_at), seal(carry)


def _blank(records: Records, case_ids: Iterable[str]) -> dict[str, Part]:
    changed: dict[str, set[str]] = {case_id: set() for case_id in case_ids}
    for case_id, session_id in records.changed_sessions:
        if case_id in changed:
            changed[case_id].add(session_id)
    return {case_id: Part(records.cases[case_id], frozenset(sessions)) for case_id, sessions in changed.items()}


async def _from_places(
    db: Db, parts: Mapping[str, Part], places: Mapping[str, Position], whole: set[str]
) -> list[SessionRecord]:
    """Load later sessions and set the carry before them; cases whose carry cannot be used join `whole`."""
    if not places:
        return []
    later: list[SessionRecord] = []
    for record, held_at, digest, carry in await queries.course_from(db, [(c, *at) for c, at in places.items()]):
        part = parts[record.case_id]
        if (held_at, record.session_id) >= places[record.case_id]:
            later.append(record)
        elif digest == part.case.folded_with(held_at) and carry is not None and not _overtaken(record, places):
            part.before = unseal_carry(carry)
        else:
            whole.add(record.case_id)
    return [record for record in later if record.case_id not in whole]


def _overtaken(before: SessionRecord, places: Mapping[str, Position]) -> bool:
    """Tell whether what is folded may say that no session was overdue after the one before it, which says so."""
    return before.overdue_at is not None and places[before.case_id][0] <= before.overdue_at


async def take_back(db: Db, records: Records, parts: Iterable[Part]) -> None:
    """Take back what was noted as overdue before a session that, as is known now, was held in time."""
    void = []
    for part in parts:
        for place, (session, following) in enumerate(pairwise(part.sessions)):
            if session.overdue_at is not None and following.held_at <= session.overdue_at:
                part.sessions[place] = replace(session, overdue_at=None)
                void.append((part.case_id, session.session_id))
    for key in records.sessions.keys() & void:
        records.keep_session(replace(records.sessions[key], overdue_at=None))
    await stores.forget_overdue(db, void)


async def _assemble(
    db: Db,
    records: Records,
    parts: Mapping[str, Part],
    starts: Mapping[str, Position | None],
    whole: set[str],
    loaded: Iterable[SessionRecord],
) -> None:
    """Give each part its sessions in order: those of the records as they stand now, the others as stored."""
    stored = {(record.case_id, record.session_id): record for record in loaded}
    untouched = {key: record for key, record in stored.items() if key not in records.sessions}
    ratings: dict[SessionKey, list[Any]] = {key: [] for key in untouched}
    for rating in await queries.live_ratings(db, untouched):
        ratings[rating.facts.case_id, rating.facts.session_id].append(rating.facts)
    for key, record in untouched.items():
        session = record.as_folded(ratings[key])
        if session is not None:
            parts[key[0]].sessions.append(session)
    for key in records.sessions:
        session, start = records.therapy_session(key), starts.get(key[0])
        if key[0] in parts and session is not None:
            if key[0] in whole or start is None or session.position >= start:
                parts[key[0]].sessions.append(session)
    for part in parts.values():
        part.sessions.sort(key=lambda session: session.position)


async def reconcile_alerts(
    db: Db, parts: Mapping[str, Part], viewed: Iterable[SessionKey], backfilled: set[str], at: datetime
) -> dict[str, list[Alert]]:
    """Bring stored alerts in line with the recomputed concerns; return each case's alerts that rest on what was read.

    Changes that a reader sees take the organization's next numbers, last of all, and are told to its subscriptions,
    those of old stories aside.
    """
    read = {case_id: part.session_ids() for case_id, part in parts.items()}
    for case_id, session_id in viewed:
        read.setdefault(case_id, set()).add(session_id)
    found = await queries.alerts_resting_on(db, read)
    stored = _by_case(read, found)
    changed: list[Reconciled] = []
    for part in parts.values():
        origin = Origin.backfill if part.case_id in backfilled else Origin.live
        changed += reconciled(part, stored[part.case_id], origin, at)
    written = await write_reconciled(db, changed, told=parts.keys() - backfilled)
    current = {alert.alert_id: alert for alert in [*found, *written]}
    return _by_case(read, sorted(current.values(), key=lambda alert: (alert.opened_at, alert.alert_id)))


def reconciled(
    part: Part, stored: Iterable[Alert], origin: Origin, at: datetime, lost: Reason = Reason.facts_changed
) -> list[Reconciled]:
    """Return which of a case's alerts differ once a part of its course was folded anew; new ones have an origin."""
    mine, therapists = [alert for alert in stored if part.owns(alert)], part.therapists()
    make = partial(_new, part=part, therapists=therapists, origin=origin, at=at)
    return reconcile(part.concerns, mine, at, make, lost, therapists)


async def write_reconciled(db: Db, changed: Sequence[Reconciled], told: Collection[str] = ()) -> list[Alert]:
    """Store changed alerts and return them; those that a reader sees take the organization's next numbers.

    Of `told` cases subscriptions hear, in the same transaction; it is asked nothing more where there is none.
    """
    seen = [item.alert for item in changed if item.seen]
    quiet = [item.alert for item in changed if not item.seen]
    taken = await stores.take_change_numbers(db, len(seen)) if seen else stores.NONE_TAKEN
    seen = [replace(alert, change_number=taken.first + place) for place, alert in enumerate(seen)]
    await stores.write_alerts(db, [*quiet, *seen])
    if taken.subscribed:
        await enqueue(db, {alert.change_number: _event(alert) for alert in seen if alert.case_id in told})
    return [*quiet, *seen]


def _event(alert: Alert) -> Event:
    return Event.opened if alert.revision == 1 else Event.changed


def _by_case(case_ids: Iterable[str], alerts: Iterable[Alert]) -> dict[str, list[Alert]]:
    by_case: dict[str, list[Alert]] = {case_id: [] for case_id in case_ids}
    for alert in alerts:
        by_case[alert.case_id].append(alert)
    return by_case


def _new(concern: Concern, part: Part, therapists: Therapists, origin: Origin, at: datetime) -> Alert:
    return Alert(
        alert_id=str(uuid7()),
        case_id=part.case_id,
        concern=concern,
        therapists=therapists.get(concern.opened_session_id, part.family.therapists),
        origin=origin,
        opened_at=at,
        changed_at=at,
    )
