import pytest
from sqlalchemy import select

from service.arranging import Wish, change
from service.db.engine import transaction
from service.db.tables import AuditRow, table_of
from service.domain.holding import USUAL, DeliverySettings
from tests.factories import KEY, NOW
from tests.writes import Desk

pytestmark = pytest.mark.anyio

QUIET = DeliverySettings(most_per_day=0)


async def test_set_once_and_noted(desk: Desk) -> None:
    made = await change(desk.engine, desk.bearer(), Wish("dr-7", QUIET, NOW))
    assert (made.created, made.stored.revision, made.in_force) == (True, 1, QUIET.over(USUAL))
    same = await change(desk.engine, desk.bearer(), Wish("dr-7", QUIET, NOW, if_match=0))
    assert (same.created, same.stored, same.refusal) == (False, made.stored, None)
    audit = table_of(AuditRow)
    mine = (audit.c.organization_id == desk.organization, audit.c.action == "delivery-settings.changed")
    async with transaction(desk.engine, desk.organization) as db:
        rows = (await db.execute(select(audit.c.key_id, audit.c.thing, audit.c.revision).where(*mine))).all()
    assert [tuple(row) for row in rows] == [(KEY, "person/dr-7", 1)]


async def test_who_may_not_come_in_any_more_sets_nothing(desk: Desk) -> None:
    refused = await change(desk.engine, desk.bearer("gone"), Wish("", QUIET, NOW))
    assert refused.refusal is not None
    assert refused.refusal.code == "key-revoked"
    assert (await change(desk.engine, desk.bearer(), Wish("", QUIET, NOW))).created
