"""Repairs in their table: by id, page by page, and of their own alert and organization alone."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from service.db.engine import transaction
from service.db.repairs import repair_by_id, repair_page, write_repair
from tests.factories import NOW, held_at, post, rating_facts, srs
from tests.writes import Desk

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(hours=1)
TOLD = [("r-b", NOW), ("r-a", LATER), ("r-c", LATER)]


async def _alerts(desk: Desk) -> list[UUID]:
    """Store a course with two alerts, and three repairs of the first."""
    for number, mark in enumerate((9.0, 9.0, 9.0, 9.0, 3.0), 1):
        await desk.one(post(rating_facts("ana", srs(mark), session_id=f"s{number}", held_at=held_at(number))))
    found = [UUID(alert.alert_id) for alert in (await desk.stored()).alerts]
    async with transaction(desk.engine, desk.organization) as db:
        for repair_id, at in TOLD:
            await write_repair(db, found[0], repair_id, {"by": repair_id}, at)
    return found


async def test_by_the_id_that_its_client_made(desk: Desk) -> None:
    first, second, *_ = await _alerts(desk)
    async with transaction(desk.engine, desk.organization) as db:
        assert await repair_by_id(db, first, "r-a") == ({"by": "r-a"}, LATER)
        assert await repair_by_id(db, first, "r-z") is None
        assert await repair_by_id(db, second, "r-a") is None  # the same id is free beside another alert
        await write_repair(db, second, "r-a", {"by": "x"}, NOW)
        assert await repair_by_id(db, second, "r-a") == ({"by": "x"}, NOW)
    async with transaction(desk.engine, uuid4()) as stranger:
        assert await repair_by_id(stranger, first, "r-a") is None


@pytest.mark.parametrize(
    ("after", "limit", "expected"),
    [
        (None, 9, ["r-b", "r-a", "r-c"]),
        (None, 2, ["r-b", "r-a"]),
        ((NOW, "r-b"), 9, ["r-a", "r-c"]),
        ((LATER, "r-a"), 9, ["r-c"]),
        ((LATER, "r-c"), 9, []),
    ],
)
async def test_in_the_order_in_which_they_were_told(
    desk: Desk, after: tuple[datetime, str] | None, limit: int, expected: list[str]
) -> None:
    first, second, *_ = await _alerts(desk)
    async with transaction(desk.engine, desk.organization) as db:
        found = await repair_page(db, first, after, limit)
        assert [repair_id for repair_id, _, _ in found] == expected
        assert [(body, at) for _, body, at in found] == [({"by": name}, dict(TOLD)[name]) for name in expected]
        assert await repair_page(db, second, None, 9) == []
    async with transaction(desk.engine, uuid4()) as stranger:
        assert await repair_page(stranger, first, None, 9) == []
