from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from service.db.engine import transaction
from service.db.tickets import tickets
from service.ticketing import LASTS, TICKET, issue, redeem
from tests.factories import NOW
from tests.writes import Desk

pytestmark = pytest.mark.anyio

SENT = {"authorization": "Bearer ek_canary", "evenkeel-organization": "o"}


async def test_it_stands_for_what_was_sent_once(desk: Desk) -> None:
    ticket, ends = await issue(desk.engine, desk.organization, SENT, NOW)
    other, _ = await issue(desk.engine, desk.organization, SENT, NOW)
    assert (ends, ticket == other) == (NOW + LASTS, False)
    assert await redeem(desk.engine, ticket, NOW) == SENT
    assert await redeem(desk.engine, ticket, NOW) is None
    assert await redeem(desk.engine, other, NOW + LASTS - timedelta(seconds=1)) == SENT


async def test_what_is_kept_is_of_no_use(desk: Desk) -> None:
    ticket, _ = await issue(desk.engine, desk.organization, SENT, NOW)
    async with transaction(desk.engine, desk.organization) as db:
        (row,) = (await db.execute(select(tickets).where(tickets.c.organization_id == desk.organization))).all()
    found = TICKET.fullmatch(ticket)
    assert found is not None
    kept = row.digest + row.credentials
    assert b"canary" not in kept
    assert bytes.fromhex(found[2]) not in kept


async def test_what_is_none(desk: Desk) -> None:
    ticket, _ = await issue(desk.engine, desk.organization, SENT, NOW)
    changed = ticket[:-1] + ("0" if ticket[-1] != "0" else "1")
    foreign = ticket.replace(desk.organization.hex, uuid4().hex)
    for wrong in ("", "et_", ticket.upper(), f"{ticket}0", changed, foreign, "ek_test_1"):
        assert await redeem(desk.engine, wrong, NOW) is None, wrong
    assert await redeem(desk.engine, ticket, NOW) == SENT
