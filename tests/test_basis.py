"""Grounds as they are read: from stored carries where they hold, else from the first session on."""

from uuid import UUID

import pytest

from service import basis
from service.basis import grounds_of_alert
from service.db import reads
from service.db.engine import transaction
from service.domain.grounds import Ground, found_again
from service.domain.reconcile import Alert
from tests.factories import CASE, held_at, post, put_case, rating_facts, retract, srs
from tests.writes import Desk

pytestmark = pytest.mark.anyio

FALLING = (9.0, 9.0, 9.0, 9.0, 6.0, 6.0, 3.0)


async def alerts_of(desk: Desk) -> list[Alert]:
    """Let Ana fall twice; return all alerts of her case."""
    for number, mark in enumerate(FALLING, 1):
        await desk.one(post(rating_facts("ana", srs(mark), session_id=f"s{number}", held_at=held_at(number))))
    return (await desk.stored()).alerts


async def grounds(desk: Desk, alert: Alert) -> tuple[Ground, ...]:
    async with transaction(desk.engine, desk.organization) as db:
        await reads.one_moment(db)
        stored = await reads.alert_by_id(db, UUID(alert.alert_id))
        assert stored is not None
        return await grounds_of_alert(db, stored)


async def test_every_alert_is_found_again_with_carries_and_without(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    alerts = await alerts_of(desk)
    assert len(alerts) >= 2
    before = {alert.alert_id: await grounds(desk, alert) for alert in alerts}
    for alert in alerts:
        concern = alert.concern
        found = found_again(before[alert.alert_id], concern.rule, concern.subject)
        assert found == concern.signal
    await desk.forget_carries("s4")  # the one before the fall
    monkeypatch.setattr(basis, "LONG", 0)  # in a thread, as for a long one
    assert {alert.alert_id: await grounds(desk, alert) for alert in alerts} == before


async def test_a_change_of_the_family_is_seen_at_once(desk: Desk) -> None:
    alerts = await alerts_of(desk)
    await desk.one(put_case())
    assert all([await grounds(desk, alert) for alert in alerts])


async def test_a_retracted_alert_has_none(desk: Desk) -> None:
    alerts = await alerts_of(desk)
    for rating in (await desk.stored()).ratings:
        await desk.one(retract(rating.rating_id))
    assert all(alert.retracted for alert in (await desk.stored()).alerts if alert.case_id == CASE)
    assert [await grounds(desk, alert) for alert in alerts] == [()] * len(alerts)
