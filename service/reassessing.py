"""Judging some cases anew by the rules as they are now: their whole courses, then their alerts.

The courses are folded before the cases are locked, so that nobody who writes has to wait for that; what was written
meanwhile is folded once more under the lock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from service.db import stores
from service.db.engine import Db
from service.db.jobs import Result
from service.db.ranges import (
    Range,
    Seen,
    alerts_among,
    cases_among,
    courses_among,
    latest_carries_among,
)
from service.db.rulebooks import judge_by, rulebook
from service.domain.concern import Reason
from service.domain.difference import added_up, counts, differences, member_sessions
from service.domain.reconcile import Alert, Origin, Reconciled
from service.refolding import Part, fold_parts, reconciled, sealed_carries, write_reconciled

KEPT = 2  # carries of a course: the next session needs the last, a form that still comes for that one the one before

Stored = Mapping[str, Sequence[Alert]]  # case id → its alerts


async def reassess(db: Db, among: Range, at: datetime, keep: bool) -> Result:
    """Judge a range of cases anew; without `keep` only tell what would change.

    All in the transaction of `db`: a case is never half done.
    """
    seen = await cases_among(db, among)
    parts = await _judged(db, seen, among)
    locked = await cases_among(db, among, lock=True)
    moved = {case_id: now for case_id, now in locked.items() if _moved(seen.get(case_id), now)}
    if moved:
        parts |= await _judged(db, moved, among)
    stored = await _alerts(db, among, parts)
    changed = [item for part in parts.values() for item in _changes(part, stored[part.case_id], at)]
    if keep:
        await _store(db, parts.values(), locked, among)
        await write_reconciled(db, changed)
    return _result(parts.values(), stored, changed, keep)


async def _judged(db: Db, seen: Mapping[str, Seen], among: Range) -> dict[str, Part]:
    """Return the whole courses of some cases, judged by nothing older than what the rules are set to now."""
    book = await rulebook(db)
    parts = {
        case_id: Part(replace(item.record, rulebook=book, rules_since=book.number), frozenset())
        for case_id, item in seen.items()
    }
    for case_id, sessions in (await courses_among(db, among)).items():
        if case_id in parts:
            parts[case_id].sessions = sessions
    await fold_parts(parts.values())
    return parts


def _moved(seen: Seen | None, now: Seen) -> bool:
    """Tell whether somebody wrote to a course since it was seen."""
    return seen is None or seen.version != now.version


async def _alerts(db: Db, among: Range, case_ids: Iterable[str]) -> dict[str, list[Alert]]:
    stored: dict[str, list[Alert]] = {case_id: [] for case_id in case_ids}
    for alert in await alerts_among(db, among):
        stored[alert.case_id].append(alert)
    return stored


def _changes(part: Part, stored: Iterable[Alert], at: datetime) -> list[Reconciled]:
    return reconciled(part, stored, Origin.reassessment, at, Reason.reassessed)


async def _store(db: Db, parts: Iterable[Part], cases: Mapping[str, Seen], among: Range) -> None:
    """Write what differs: a carry of the same name is the same, and most cases have come as far as they had."""
    latest = await latest_carries_among(db, among)
    renewed = [part for part in parts if latest.get(part.case_id) != _name(part)]
    further = [(cases[part.case_id].record, part.course) for part in parts if part.course != cases[part.case_id].course]
    await stores.write_courses(db, sealed_carries(renewed, KEPT), further)
    behind = {
        part.case_id: part.case.rules_since
        for part in parts
        if part.case.rules_since != cases[part.case_id].record.rules_since
    }
    if behind:
        await judge_by(db, behind, max(behind.values()))


def _name(part: Part) -> str | None:
    """Return what the last carry of a course is folded with; None of a course without sessions."""
    return part.case.folded_with(part.sessions[-1].held_at) if part.sessions else None


def _result(parts: Iterable[Part], stored: Stored, changed: Iterable[Reconciled], keep: bool) -> Result:
    """Return what came of it as readers see it, who see nothing in shadow.

    What was stored can be seen on the alerts, so nothing but counts is kept of it.
    """
    counted, told, rated = [], [], 0
    for part in parts:
        alerts = [alert for alert in stored[part.case_id] if not (alert.retracted or alert.concern.shadow)]
        before = [alert.concern for alert in alerts]
        after = [concern for concern in part.concerns if not concern.shadow]
        found = differences(before, after)
        counted.append(counts(before, after, found))
        rated += member_sessions(part.sessions)
        if not keep:
            alert_ids = {alert.concern.identity: alert.alert_id for alert in alerts}
            told += [item.told(part.case_id, alert_ids) for item in found]
    seen = sum(item.seen for item in changed)
    return Result(alerts_changed=seen, member_sessions=rated, counts=added_up(counted), differences=told)
