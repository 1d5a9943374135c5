"""A broadcast: read and encoded once, for those who keep up; the others are told to read for themselves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.api.broadcast import KEPT, Broadcast, Broadcasts, Source
from service.db.bearers import Bearer
from service.db.changes import Place, raise_epoch
from service.db.engine import transaction
from service.db.identity import revoke_key
from service.db.reads import AlertFilter
from service.languages import ENGLISH, language
from service.settings import Settings
from service.waking import Waker
from tests.db.test_changes import low
from tests.factories import KEY, NOW
from tests.writes import Desk

pytestmark = pytest.mark.anyio

PATIENCE = 30.0
ME = Bearer(organization_id=UUID(int=0), key_id=KEY)


@pytest.fixture
async def source(settings: Settings, desk: Desk) -> AsyncIterator[Source]:
    waker = Waker(desk.engine, settings.listen_address, 3600, 3600)
    task = asyncio.create_task(waker.run())
    yield Source(
        engine=desk.engine,
        waker=waker,
        clock=lambda: NOW,
        organization_id=desk.organization,
        caseload=None,
        wanted=AlertFilter(),
        filters="f",
        language=ENGLISH,
    )
    task.cancel()
    await asyncio.wait([task])


async def until(broadcast: Broadcast, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await broadcast.bell.after(broadcast.bell.rung)


async def at(broadcast: Broadcast, number: int) -> Place:
    """Wait until all up to a change is there."""
    await until(broadcast, lambda: broadcast.place is not None and broadcast.place.number >= number)
    assert broadcast.place is not None
    return broadcast.place


async def test_all_get_the_same_bytes_from_one_reading(desk: Desk, source: Source) -> None:
    broadcasts = Broadcasts()
    with broadcasts.joined(source, ME) as one, broadcasts.joined(replace(source), ME) as other:
        assert one is other
        begun = await at(one, 0)
        await desk.one(low("a"))
        await desk.one(low("b"))
        await at(one, 2)
        assert one.covers(begun)
        chunk, place = one.after(begun)
        assert (chunk.count(b"event: alert"), chunk.count(b"\n\n"), place) == (2, 2, one.place)
        later, _ = one.after(Place(begun.epoch, 1, 1))
        assert chunk.endswith(later)
        assert one.after(place) == (b"", place)
        assert len(one.events) == 2


@pytest.mark.parametrize(
    "other", [{"filters": "g"}, {"language": language("nl")}, {"organization_id": uuid4()}, {"caseload": ("dr-7",)}]
)
async def test_what_differs_is_another_broadcast(source: Source, other: dict[str, Any]) -> None:
    broadcasts = Broadcasts()
    with broadcasts.joined(source, ME) as one, broadcasts.joined(source, ME) as same:
        assert one is same
        with broadcasts.joined(replace(source, **other), ME) as another:
            assert one is not another


async def test_without_listeners_nothing_is_read(source: Source) -> None:
    broadcasts = Broadcasts()
    with ExitStack() as first:
        joined = [first.enter_context(broadcasts.joined(source, ME)) for _ in range(2)]
        task = joined[0].task
        assert task is not None
        assert joined[0].listeners == {ME: 2}
    await asyncio.wait([task])
    assert task.cancelled()
    assert source.waker._watches == {}
    with broadcasts.joined(source, ME) as anew:
        assert anew is not joined[0]


async def test_who_is_too_slow_reads_for_itself(source: Source) -> None:
    broadcast = Broadcast(source)
    broadcast._begin(Place(0, 0, 0))
    numbered = [(number, f"{number};".encode()) for number in range(1, KEPT + 4)]
    broadcast._keep(numbered, Place(0, KEPT + 3, KEPT + 3))
    assert (broadcast.floor, len(broadcast.events)) == (3, KEPT)
    assert [broadcast.covers(Place(0, number, number)) for number in (0, 2, 3, KEPT + 9)] == [False, False, True, True]
    assert not broadcast.covers(Place(1, 50, 50))  # another epoch
    chunk, _ = broadcast.after(Place(0, KEPT, KEPT))
    assert chunk.decode() == f"{KEPT + 1};{KEPT + 2};{KEPT + 3};"


async def test_a_restore_lets_it_begin_anew(desk: Desk, source: Source) -> None:
    with Broadcasts().joined(source, ME) as broadcast:
        await desk.one(low("a"))
        before = await at(broadcast, 1)
        async with transaction(desk.engine, desk.organization) as db:
            await raise_epoch(db, NOW)
        source.waker._ring_all()
        await until(broadcast, lambda: broadcast.place is not None and broadcast.place.epoch != before.epoch)
        assert not broadcast.covers(before)
        assert len(broadcast.events) == 0


async def test_before_something_is_sent_it_asks_whether_keys_still_hold(desk: Desk, source: Source) -> None:
    with Broadcasts().joined(source, ME) as broadcast:
        await at(broadcast, 0)
        assert broadcast.ended == set()
        await revoke_key(desk.engine, desk.organization, KEY, NOW)
        source.waker._ring_all()
        await until(broadcast, lambda: broadcast.ended == {ME})


async def test_it_beats_where_nothing_happens(source: Source) -> None:
    broadcast = Broadcast(source, beat_seconds=0.02)
    broadcast.task = asyncio.create_task(broadcast.run())
    await at(broadcast, 0)
    for _ in range(3):
        await until(broadcast, lambda rung=broadcast.bell.rung: broadcast.bell.rung > rung)  # type: ignore[misc]
    assert not broadcast.over
    broadcast.task.cancel()
    await asyncio.wait([broadcast.task])


async def test_the_end_of_the_process_is_its_end(source: Source) -> None:
    with Broadcasts().joined(source, ME) as broadcast:
        await at(broadcast, 0)
        source.waker.end()
        assert broadcast.over
        assert broadcast.task is not None
        await asyncio.wait_for(broadcast.task, PATIENCE)


class Broken(Exception):
    """What nobody foresaw."""


async def test_an_error_that_nobody_foresaw_ends_it_for_all(source: Source) -> None:
    """They come back, and are answered by another one."""

    def clock() -> Any:
        raise Broken

    with Broadcasts().joined(replace(source, clock=clock), ME) as broadcast:
        await until(broadcast, lambda: broadcast.place is not None)
        source.waker._ring_all()
        await until(broadcast, lambda: broadcast.over)
