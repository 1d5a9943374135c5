"""Waking: by the database's word, by asking where it cannot speak, and again after its connection was lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.identity import create_organization
from service.settings import Settings
from service.waking import MOST_WAITING, Bell, TooManyWait, Waker
from tests.db.test_changes import low
from tests.worlds import LONG_AGO
from tests.writes import Desk

pytestmark = pytest.mark.anyio

NEVER, OFTEN = 3600.0, 0.02
PATIENCE = 30.0


@asynccontextmanager
async def running(waker: Waker) -> AsyncIterator[Waker]:
    task = asyncio.create_task(waker.run())
    try:
        yield waker
    finally:
        task.cancel()
        await asyncio.wait([task])


async def rings(bell: Bell, rung: int) -> None:
    async with asyncio.timeout(PATIENCE):
        await bell.after(rung)


async def settled(waker: Waker, bell: Bell) -> int:
    """Return how often a bell has rung once the first round of looking is over."""
    while not any(watch.place for watch in waker._watches.values()):
        await rings(bell, bell.rung)
    return bell.rung


async def test_a_bell_wakes_all_who_wait_and_nobody_misses_what_rang_before() -> None:
    bell = Bell()
    waiting = [asyncio.create_task(rings(bell, 0)) for _ in range(3)]
    await asyncio.sleep(0)
    bell.ring()
    await asyncio.gather(*waiting)
    await rings(bell, 0)  # it has rung since
    assert (bell.rung, bell.waiting) == (1, set())


async def test_a_bell_that_does_not_ring_in_time() -> None:
    bell = Bell()
    await bell.after(0, asyncio.get_running_loop().time() + 0.01)
    assert (bell.rung, bell.waiting) == (0, set())


async def test_who_gives_up_waits_no_more() -> None:
    bell = Bell()
    task = asyncio.create_task(bell.after(0))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert bell.waiting == set()
    bell.ring()


async def test_the_database_wakes(settings: Settings, desk: Desk) -> None:
    async with running(Waker(desk.engine, settings.listen_address, NEVER, NEVER)) as waker:
        with waker.bell(desk.organization) as bell:
            rung = await settled(waker, bell)
            await desk.one(low())
            await rings(bell, rung)


async def test_without_a_way_to_listen_it_is_asked(desk: Desk) -> None:
    async with running(Waker(desk.engine, None, OFTEN, NEVER)) as waker:
        with waker.bell(desk.organization) as bell:
            rung = await settled(waker, bell)
            await desk.one(low())
            await rings(bell, rung)


async def test_without_either_nobody_is_woken(desk: Desk) -> None:
    """The control of both tests above."""
    async with running(Waker(desk.engine, None, NEVER, NEVER)) as waker:
        with waker.bell(desk.organization) as bell:
            rung = await settled(waker, bell)
            await desk.one(low())
            await bell.after(rung, asyncio.get_running_loop().time() + 0.5)
            assert bell.rung == rung


async def test_a_notice_that_was_lost_is_made_up_for(settings: Settings, desk: Desk) -> None:
    """Nothing is heard here, as over a connection that is dead and does not know it: it is asked all the same."""
    waker = Waker(desk.engine, settings.listen_address, NEVER, OFTEN)
    waker._heard = lambda organization_id: None  # type: ignore[method-assign]
    async with running(waker):
        with waker.bell(desk.organization) as bell:
            rung = await settled(waker, bell)
            await desk.one(low())
            await rings(bell, rung)


async def test_another_organization_is_not_woken(settings: Settings, desk: Desk, organization_aside: UUID) -> None:
    async with running(Waker(desk.engine, settings.listen_address, NEVER, NEVER)) as waker:
        with waker.bell(organization_aside) as aside, waker.bell(desk.organization) as bell:
            await settled(waker, bell)
            while not all(watch.place for watch in waker._watches.values()):
                await rings(aside, aside.rung)
            rung, quiet = bell.rung, aside.rung
            await desk.one(low())
            await rings(bell, rung)
            assert aside.rung == quiet


@pytest.fixture
async def organization_aside(engine: AsyncEngine) -> UUID:
    return (await create_organization(engine, f"aside {uuid4()}", True, LONG_AGO)).organization_id


async def test_a_killed_connection_is_replaced(settings: Settings, desk: Desk) -> None:
    async with running(Waker(desk.engine, settings.listen_address, NEVER, NEVER)) as waker:
        with waker.bell(desk.organization) as bell:
            rung = await settled(waker, bell)
            first = waker._listening
            assert first is not None
            async with desk.engine.connect() as connection:
                process = first._connection.get_server_pid()
                await connection.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
            await rings(bell, rung)  # all look anew once there is another
            assert waker._listening is not first
            rung = bell.rung
            await desk.one(low())
            await rings(bell, rung)


async def test_at_the_end_nobody_waits(desk: Desk) -> None:
    waker = Waker(desk.engine, None)
    with waker.bell(desk.organization) as bell:
        waiting = asyncio.create_task(rings(bell, bell.rung))
        await asyncio.sleep(0)
        waker.end()
        await waiting
    assert waker.ended
    assert waker._watches == {}


async def test_no_more_than_one_process_takes(desk: Desk) -> None:
    waker = Waker(desk.engine, None)
    waker._waiting = MOST_WAITING - 1
    with waker.bell(desk.organization):
        with pytest.raises(TooManyWait), waker.bell(desk.organization):
            pass
    with waker.bell(desk.organization):  # somebody left
        pass
