"""Episodes in their table: by id, page by page, replaced or not, of their own case and organization alone."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from service.db.engine import transaction
from service.db.episodes import episode_by_id, episode_page, has_alerts, rules_of_alerts, write_episode
from service.domain.episode import Confirmed
from tests.domain.test_episode import TOLD
from tests.factories import CASE, NOW, held_at, post, put_case, rating_facts, srs
from tests.writes import Desk

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(hours=1)
FIRST = Confirmed(id="e-b", body=TOLD.stored(), received_at=NOW)
SECOND = Confirmed(id="e-a", body=replace(TOLD, replaces="e-b").stored(), received_at=LATER)
THIRD = Confirmed(id="e-c", body=TOLD.stored(), received_at=LATER)


@pytest.fixture
async def told(desk: Desk) -> Desk:
    """Return a desk with two cases and three episodes of the first."""
    await desk.write(put_case(), put_case(case_id="other"))
    async with transaction(desk.engine, desk.organization) as db:
        for confirmed in (FIRST, SECOND, THIRD):
            await write_episode(db, CASE, confirmed)
    return desk


async def test_by_the_id_that_its_client_made(told: Desk) -> None:
    async with transaction(told.engine, told.organization) as db:
        assert await episode_by_id(db, CASE, "e-a") == SECOND
        assert await episode_by_id(db, CASE, "e-b") == replace(FIRST, replaced_by="e-a")
        assert await episode_by_id(db, CASE, "e-z") is None
        assert await episode_by_id(db, "other", "e-a") is None
    async with transaction(told.engine, uuid4()) as stranger:
        assert await episode_by_id(stranger, CASE, "e-a") is None


@pytest.mark.parametrize(
    ("after", "limit", "expected"),
    [
        (None, 9, ["e-b", "e-a", "e-c"]),
        (None, 1, ["e-b"]),
        ((NOW, "e-b"), 9, ["e-a", "e-c"]),
        ((LATER, "e-c"), 9, []),
    ],
)
async def test_in_the_order_in_which_they_were_told(
    told: Desk, after: tuple[datetime, str] | None, limit: int, expected: list[str]
) -> None:
    async with transaction(told.engine, told.organization) as db:
        assert [item.id for item in await episode_page(db, CASE, after, limit)] == expected
        assert await episode_page(db, "other", None, 9) == []
    async with transaction(told.engine, uuid4()) as stranger:
        assert await episode_page(stranger, CASE, None, 9) == []


async def test_which_alerts_are_of_a_case(desk: Desk) -> None:
    for number, mark in enumerate((9.0, 9.0, 9.0, 9.0, 3.0), 1):
        await desk.one(post(rating_facts("ana", srs(mark), session_id=f"s{number}", held_at=held_at(number))))
    mine = [alert.alert_id for alert in (await desk.stored()).alerts]
    async with transaction(desk.engine, desk.organization) as db:
        assert len(await rules_of_alerts(db, CASE, [*mine, str(uuid4())])) == len(mine)
        assert await rules_of_alerts(db, "other", mine) == []
        assert (await has_alerts(db, CASE), await has_alerts(db, "other")) == (True, False)
    async with transaction(desk.engine, uuid4()) as stranger:
        assert await rules_of_alerts(stranger, CASE, mine) == []
        assert not await has_alerts(stranger, CASE)
