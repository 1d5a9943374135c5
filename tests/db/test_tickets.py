import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from service.db.engine import transaction
from service.db.tickets import store_ticket, take_ticket, tickets
from tests.factories import NOW
from tests.writes import Desk

pytestmark = pytest.mark.anyio

ENDS = NOW + timedelta(seconds=30)


async def _take(desk: Desk, digest: bytes = b"1", seconds: float = 0.0) -> bytes | None:
    async with transaction(desk.engine, desk.organization) as db:
        return await take_ticket(db, digest, NOW + timedelta(seconds=seconds))


async def _store(desk: Desk, digest: bytes = b"1", seconds: float = 0.0) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        moment = timedelta(seconds=seconds)
        await store_ticket(db, digest, b"kept", NOW + moment, ENDS + moment)


async def test_taken_once(desk: Desk) -> None:
    await _store(desk)
    assert await _take(desk, b"2") is None
    assert [await _take(desk), await _take(desk)] == [b"kept", None]


async def test_taken_once_by_many_at_the_same_time(desk: Desk) -> None:
    await _store(desk)
    found = await asyncio.gather(*(_take(desk) for _ in range(8)))
    assert sorted(found, key=bool) == [None] * 7 + [b"kept"]


@pytest.mark.parametrize(("seconds", "found"), [(29.9, b"kept"), (30, None)])
async def test_until_its_end(desk: Desk, seconds: float, found: bytes | None) -> None:
    await _store(desk)
    assert await _take(desk, seconds=seconds) == found
    assert await _take(desk) is None  # who came too late has used it up


async def test_those_that_nobody_came_with_are_forgotten(desk: Desk) -> None:
    for number, digest in enumerate((b"1", b"2", b"3")):
        await _store(desk, digest, number * 20)
    async with transaction(desk.engine, desk.organization) as db:
        mine = tickets.c.organization_id == desk.organization
        assert (await db.execute(select(func.count()).where(mine))).scalar_one() == 2
