"""Acts of handling in their table: under the ids that their clients made, of their own alert and organization alone."""

from uuid import UUID, uuid4

import pytest

from service.db.engine import transaction
from service.db.handlings import handling_by_id, write_handling
from tests.factories import NOW, held_at, post, rating_facts, srs
from tests.writes import Desk

pytestmark = pytest.mark.anyio


async def test_an_act_by_the_id_that_its_client_made(desk: Desk) -> None:
    for number, mark in enumerate((9.0, 9.0, 9.0, 9.0, 3.0), 1):
        await desk.one(post(rating_facts("ana", srs(mark), session_id=f"s{number}", held_at=held_at(number))))
    first, second, *_ = [UUID(alert.alert_id) for alert in (await desk.stored()).alerts]
    async with transaction(desk.engine, desk.organization) as db:
        assert await handling_by_id(db, first, "h-1") is None
        await write_handling(db, first, "h-1", {"action": "dismiss"}, NOW)
        await write_handling(db, second, "h-1", {"action": "acknowledge"}, NOW)  # the same id is free beside another
        assert await handling_by_id(db, first, "h-1") == {"action": "dismiss"}
        assert await handling_by_id(db, second, "h-1") == {"action": "acknowledge"}
    async with transaction(desk.engine, uuid4()) as stranger:
        assert await handling_by_id(stranger, first, "h-1") is None
