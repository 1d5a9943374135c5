"""What the database tells of changes: once per transaction that changed an alert, an id and nothing else."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from service.db import stores
from service.db.engine import transaction
from service.db.listening import NOTICE, Listening, listen
from service.settings import Settings
from tests.db.test_changes import low
from tests.factories import put_case
from tests.writes import Desk

pytestmark = pytest.mark.anyio

PATIENCE = 30.0


class Ear:
    """What was heard, and whether the connection was lost."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[UUID] = asyncio.Queue()
        self.lost = asyncio.Event()

    async def next(self) -> UUID:
        return await asyncio.wait_for(self.heard.get(), PATIENCE)


async def listening(settings: Settings, ear: Ear) -> Listening:
    assert settings.listen_address is not None
    found = await listen(settings.listen_address, ear.heard.put_nowait, ear.lost.set)
    assert found is not None
    return found


async def tell(settings: Settings, payload: str) -> None:
    """Notify as anybody may; what was committed before is heard before."""
    connection = await asyncpg.connect(settings.address)
    await connection.execute("SELECT pg_notify($1, $2)", NOTICE, payload)
    await connection.close()


async def test_one_notice_per_transaction_that_changed_alerts(settings: Settings, desk: Desk) -> None:
    ear, end = Ear(), uuid4()
    connection = await listening(settings, ear)
    await desk.write(put_case(case_id="quiet"))  # changes no alert
    await desk.write(low("a"), low("b"), low("c"))
    async with transaction(desk.engine, desk.organization, keep=False) as db:
        await stores.take_change_numbers(db, 1)  # and is taken back
    await desk.write(low("d"))
    await tell(settings, "no id")
    await tell(settings, str(end))
    heard: list[UUID] = []
    while not heard or heard[-1] != end:
        heard.append(await ear.next())
    assert [item for item in heard if item == desk.organization] == [desk.organization] * 2
    await connection.close()


async def test_a_lost_connection_is_noticed(settings: Settings) -> None:
    ear = Ear()
    connection = await listening(settings, ear)
    assert await connection.alive()
    connection._connection.terminate()
    await asyncio.wait_for(ear.lost.wait(), PATIENCE)
    assert not await connection.alive()
    await connection.close()


async def test_where_none_can_be_had() -> None:
    assert await listen("postgresql://nobody@127.0.0.1:1/nothing", lambda _: None, lambda: None) is None
