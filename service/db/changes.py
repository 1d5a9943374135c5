"""Changes of alerts in the order of their commits: what a reader has not seen yet of the alerts as they stand now.

A number is taken under the lock of the organization's row, which is held until the commit. So whoever sees a change
sees all before it, and a reader who goes on from the last number seen misses none, however many write.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    and_,
    any_,
    bindparam,
    not_,
    or_,
    select,
    update,
)

from service.db import stores
from service.db.caseload import OF_CASELOAD
from service.db.deliveries import enqueue
from service.db.engine import Db
from service.db.handing_over import HANDED_OVER, handing, newest_of_caseload, number_here
from service.db.queries import alerts
from service.db.reads import ALERTS_WITH_CASE, AlertFilter, StoredAlert, alert_filters, asked_for, stored_alert
from service.db.statements import ORGANIZATION, Statement, listed
from service.db.stores import organizations
from service.domain.circumstances import circumstances_of
from service.domain.commands import Document
from service.domain.delivery import Event

FIXED = ("rules", "tones", "case_ids", "therapist_ids")  # what an alert keeps as long as it lives
PASSING = ("states", "severities")  # what it may lose, and then leaves this reader's sight
HIDING = ("silent_on_hold",)  # what takes it out of everybody's


@dataclass(frozen=True, slots=True)
class Place:
    """How far a reader has come: the number of the last change seen, in an epoch.

    Of changes up to `since` only what is there is told, not what went: the reader began after them, with nothing, or
    had then read all.
    """

    epoch: int
    number: int
    since: int


@dataclass(frozen=True, slots=True)
class Change:
    """One alert that changed: as it stands now, or None where it left what the reader asks for."""

    number: int
    alert_id: UUID
    stored: StoredAlert | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Some changes in order, and where the reader then is; `more` follow at once."""

    items: tuple[Change, ...]
    place: Place
    more: bool


COUNTER = Statement(
    select(organizations.c.epoch, organizations.c.change_number).where(organizations.c.organization_id == ORGANIZATION)
)


async def newest_place(db: Db) -> Place:
    """Return the place of a reader who has seen all; to be asked for before what is then shown as all.

    With a caseload it is that of the last change there: how many others there were is nothing to such a reader.
    """
    (row,) = await db.fetch(COUNTER)
    number = row["change_number"] if db.caseload is None else await newest_of_caseload(db)
    return Place(row["epoch"], number, number)


async def changes_after(db: Db, wanted: AlertFilter, place: Place | None, limit: int) -> Changes | None:
    """Return the next changes after a place, or from the first alert on.

    None if the place is of another epoch, or ahead of all changes, as after a restore that nobody has announced.
    """
    (row,) = await db.fetch(COUNTER)
    newest = row["change_number"]
    at = place or replace(await newest_place(db), number=0)
    if at.epoch != row["epoch"] or at.number > newest:
        return None
    if at.number == newest:
        return Changes((), at, more=False)
    asked = asked_for(db, wanted)
    statement = _changes(frozenset(asked))
    rows = await db.fetch(statement, **asked, after=at.number, since=at.since, limit=limit + 1)
    items = tuple(map(_change, rows[:limit]))
    more = len(rows) > limit
    last = max([item.number for item in items], default=at.number)
    number = last if more or db.caseload is not None else max(last, newest)
    since = at.since if more else max(number, at.since)  # what goes between two pages is still to be told
    return Changes(items, Place(at.epoch, number, since), more)


@cache
def _changes(names: frozenset[str]) -> Statement:
    """Return the statement of the next changes for those filters that a reader uses."""
    filters = alert_filters()
    fixed, passing, hiding = ([filters[name] for name in kind if name in names] for kind in (FIXED, PASSING, HIDING))
    after, since = bindparam("after", type_=BigInteger()), bindparam("since", type_=BigInteger())
    shown = and_(not_(alerts.c.shadow), *hiding)
    fits = and_(shown, *passing)
    number: ColumnElement[Any] = alerts.c.change_number
    # what is hidden from everybody went with one change; of what it did meanwhile, or before, nobody is told
    gone = or_(shown, alerts.c.hidden_number > since)
    if "caseload" in names:
        fits = and_(OF_CASELOAD, fits)
        number = number_here(shown)
        gone = number.is_not(None)
    went = and_(number > since, gone)
    return Statement(
        ALERTS_WITH_CASE.add_columns(fits.label("fits"), number.label("number"))
        .where(*fixed, alerts.c.change_number > after, number > after, or_(fits, went))
        .order_by(number)
        .limit(bindparam("limit", type_=Integer()))
    )


def _change(row: Mapping[str, Any]) -> Change:
    return Change(row["number"], row["alert_id"], stored_alert(row) if row["fits"] else None)


# --- what changes alerts from outside them

ALERTS_OF_CASES = Statement(
    select(alerts.c.alert_id, alerts.c.case_id, alerts.c.hidden_number)
    .where(
        alerts.c.organization_id == ORGANIZATION,
        alerts.c.case_id == any_(listed("case_ids")),
        not_(alerts.c.shadow),
    )
    .order_by(alerts.c.change_number)
)
RENUMBER = Statement(
    update(alerts)
    .where(
        alerts.c.organization_id == ORGANIZATION, alerts.c.alert_id == bindparam("this", type_=alerts.c.alert_id.type)
    )
    .values(
        handed_over=HANDED_OVER,
        **{name: bindparam(name, type_=BigInteger()) for name in ("change_number", "hidden_number")},
    )
)


async def tell_anew(db: Db, turned: Mapping[str, tuple[Document, Document]], backfilled: Collection[str] = ()) -> None:
    """Count the alerts of cases whose circumstances or therapists changed, from facts to others, as changed.

    They are told anew, or as removed to whom the case was taken from; their revisions stay. A case that comes on hold
    hides some of them; which, its rules know. Of one that was nobody's until now, its therapists hear what waits, but
    for those that are `backfilled`.
    """
    rows = await db.fetch(ALERTS_OF_CASES, case_ids=sorted(turned)) if turned else []
    if not rows:
        return
    renumbered, waited = [], dict[int, Event]()
    taken = await stores.take_change_numbers(db, len(rows))
    for number, row in enumerate(rows, taken.first):
        facts = turned[row["case_id"]]
        before, now = map(circumstances_of, facts)
        hidden = row["hidden_number"] if before.on_hold else number
        numbers = {"change_number": number, "hidden_number": hidden if now.on_hold else None}
        renumbered.append({"this": row["alert_id"], **numbers, **handing(*facts, number)})
        if row["case_id"] not in backfilled and not facts[0]["therapists"]:
            waited[number] = Event.opened
    await db.run(RENUMBER, renumbered)
    if taken.subscribed:
        await enqueue(db, waited, late=True)


RAISE = Statement(
    update(organizations)
    .where(organizations.c.organization_id == ORGANIZATION)
    .values(epoch=bindparam("epoch", type_=BigInteger()))
)


async def raise_epoch(db: Db, at: datetime) -> None:
    """Begin an epoch in which no place of an earlier one holds, not even of one that a backup knows nothing of."""
    place = await newest_place(db)
    await db.run(RAISE, [{"epoch": max(place.epoch + 1, int(at.timestamp() * 1000))}])
