import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from service.db.engine import transaction
from service.db.tables import AuditRow, HandlingRow, table_of
from service.domain.handling import Act, Action
from service.domain.reconcile import Alert, Handling
from service.domain.repair import Repair
from service.handling import Handled, handle, repair
from tests.factories import CASE, KEY, NOW, held_at, post, put_case, rating_facts, srs
from tests.writes import Desk, keys

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(hours=1)
SEEN = Act(id="h-1", action=Action.acknowledge, by="dr-7")


async def _alert(desk: Desk) -> Alert:
    """Let Ana fall in the fifth session; return the first alert that opens."""
    for number, mark in enumerate((9.0, 9.0, 9.0, 9.0, 3.0), 1):
        await desk.one(post(rating_facts("ana", srs(mark), session_id=f"s{number}", held_at=held_at(number))))
    return (await desk.stored()).live_alerts(CASE)[0]


async def _act(desk: Desk, alert: Alert | str, act: Act = SEEN, key_id: str = KEY) -> Handled:
    alert_id = UUID(alert if isinstance(alert, str) else alert.alert_id)
    return await handle(desk.engine, desk.bearer(key_id), alert_id, act, LATER)


async def _now(desk: Desk, alert: Alert) -> Alert:
    return next(item for item in (await desk.stored()).alerts if item.alert_id == alert.alert_id)


async def test_an_act_is_stored_numbered_and_in_the_audit(desk: Desk) -> None:
    alert = await _alert(desk)
    newest = max(item.change_number for item in (await desk.stored()).alerts)
    done = await _act(desk, alert)
    assert done.refusal is None
    stored = await _now(desk, alert)
    assert done.alert is not None
    assert done.alert.alert == stored
    assert (stored.handling, stored.changed_at, stored.change_number) == (Handling.acknowledged, LATER, newest + 1)
    assert stored.concern == alert.concern
    assert await _noted(desk, alert) == [(KEY, "alert.acknowledge", stored.revision)]


async def _noted(desk: Desk, alert: Alert) -> list[tuple[str, str, int]]:
    """Return what the audit says of an alert."""
    audit = table_of(AuditRow)
    mine = (audit.c.organization_id == desk.organization, audit.c.thing == f"alert/{alert.alert_id}")
    async with transaction(desk.engine, desk.organization) as db:
        noted = (await db.execute(select(audit.c.key_id, audit.c.action, audit.c.revision).where(*mine))).all()
    return [(row.key_id, row.action, row.revision) for row in noted]


async def test_the_same_act_at_once_and_again_is_one(desk: Desk) -> None:
    alert = await _alert(desk)
    done = await asyncio.gather(*(_act(desk, alert) for _ in range(4)))
    assert {item.refusal for item in done} == {None}
    stored = await _now(desk, alert)
    assert (stored.revision, stored.handling_revision) == (alert.revision + 1, alert.handling_revision + 1)
    assert [item.alert.alert for item in done if item.alert is not None] == [stored] * 4
    handlings = table_of(HandlingRow)
    async with transaction(desk.engine, desk.organization) as db:
        count = select(func.count()).where(handlings.c.organization_id == db.organization_id)
        assert (await db.execute(count)).scalar_one() == 1


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (Act(id="h-1", action=Action.dismiss, by="dr-7"), "handling-differs"),
        (Act(id="h-1", action=Action.acknowledge, by="dr-8"), "handling-differs"),
        (Act(id="h-2", action=Action.dismiss, by="dr-7", handling_revision=0), "precondition-failed"),
        (Act(id="h-1", action=Action.acknowledge, by="dr-7", handling_revision=0), None),  # a repeat is no conflict
        (Act(id="h-2", action=Action.dismiss, by="dr-7", handling_revision=1), None),
    ],
)
async def test_a_second_act(desk: Desk, act: Act, code: str | None) -> None:
    alert = await _alert(desk)
    await _act(desk, alert)
    before = await _now(desk, alert)
    done = await _act(desk, alert, act)
    assert (done.refusal.code if done.refusal else None) == code
    assert ((await _now(desk, alert)) == before) == (code is not None or act.id == "h-1")


async def test_who_may_not_and_what_is_not_there(desk: Desk) -> None:
    alert = await _alert(desk)
    for done in (await _act(desk, str(uuid4())), await _act(Desk(desk.engine, uuid4()), alert)):
        assert done.refusal is not None
        assert (done.alert, done.refusal.code) == (None, "not-found")
    async with transaction(desk.engine, desk.organization) as db:
        await db.execute(update(keys).where(keys.c.organization_id == db.organization_id).values(revoked_at=NOW))
    done = await _act(desk, alert)
    assert done.refusal is not None
    assert (done.alert, done.refusal.code) == (None, "key-revoked")
    assert await _now(desk, alert) == alert


@pytest.mark.parametrize("turn", range(3))
async def test_an_act_and_a_refold_at_once_lose_nothing(desk: Desk, turn: int) -> None:
    """Both write the alert's whole row; only the lock on its case keeps one from undoing the other."""
    alert = await _alert(desk)
    for number in range(6, 12):
        act = Act(id=f"h-{number}", action=Action.acknowledge if number % 2 else Action.dismiss, by="dr-7")
        mark = 3.0 if (number + turn) % 2 else 2.5
        low = post(rating_facts("ana", srs(mark), session_id=f"s{number}", held_at=held_at(number)))
        before = await _now(desk, alert)
        await asyncio.gather(_act(desk, alert, act), desk.one(low))
        after = await _now(desk, alert)
        assert after.handling_revision == before.handling_revision + 1
        (await desk.stored()).check()


async def test_handling_outlives_a_fold_of_the_whole_course(desk: Desk) -> None:
    alert = await _alert(desk)
    await _act(desk, alert)
    await desk.one(put_case())
    await desk.forget_carries()
    await desk.one(post(rating_facts("ana", srs(3.0), session_id="s6", held_at=held_at(6))))
    assert (await _now(desk, alert)).handling is Handling.acknowledged


TRIED = Repair(id="r-1", next_step="check-in", went=4, with_=("member/ana",), by="dr-7")


async def test_a_repair_is_stored_numbered_and_in_the_audit(desk: Desk) -> None:
    alert = await _alert(desk)
    newest = max(item.change_number for item in (await desk.stored()).alerts)
    done = await repair(desk.engine, desk.bearer(), UUID(alert.alert_id), TRIED, LATER)
    stored = await _now(desk, alert)
    assert done.alert is not None
    assert (done.alert.alert, done.repair) == (stored, stored.last_repair)
    assert (stored.changed_at, stored.change_number, stored.handling) == (LATER, newest + 1, Handling.new)
    assert await _noted(desk, alert) == [(KEY, "alert.repair", stored.revision)]


@pytest.mark.parametrize("turn", range(3))
async def test_a_repair_and_a_refold_at_once_lose_nothing(desk: Desk, turn: int) -> None:
    alert = await _alert(desk)
    for number in range(6, 12):
        tried = replace(TRIED, id=f"r-{number}")
        mark = 3.0 if (number + turn) % 2 else 2.5
        low = post(rating_facts("ana", srs(mark), session_id=f"s{number}", held_at=held_at(number)))
        telling = repair(desk.engine, desk.bearer(), UUID(alert.alert_id), tried, LATER)
        await asyncio.gather(telling, desk.one(low))
        after = await _now(desk, alert)
        assert after.last_repair is not None
        assert after.last_repair["id"] == tried.id
        (await desk.stored()).check()


async def test_who_may_not_repair(desk: Desk) -> None:
    alert = await _alert(desk)
    for key_id, alert_id, code in (("gone", alert.alert_id, "key-revoked"), (KEY, str(uuid4()), "not-found")):
        done = await repair(desk.engine, desk.bearer(key_id), UUID(alert_id), TRIED, LATER)
        assert done.refusal is not None
        assert (done.refusal.code, done.alert, done.repair) == (code, None, None)
    assert await _now(desk, alert) == alert
