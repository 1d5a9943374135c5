"""Ratings as they are shown: with their history, by what is asked for, page by page."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from service.db.engine import transaction
from service.db.ratings import rating_by_id, rating_page
from tests.db.test_reads import _story as story
from tests.factories import CASE, NOW, put, rating_facts, retract, srs
from tests.writes import Desk

pytestmark = pytest.mark.anyio


async def test_a_rating_with_its_history(desk: Desk) -> None:
    ids = await story(desk)
    first = ids[f"{CASE}/s1/ana"]
    await desk.one(put(first, rating_facts(answers=srs(5.0)), 1))
    await desk.one(retract(first))
    async with transaction(desk.engine, desk.organization) as db:
        found = await rating_by_id(db, UUID(first))
        assert found is not None
        assert (found.revision, found.live, len(found.past)) == (3, False, 2)
        assert await rating_by_id(db, uuid4()) is None


@pytest.mark.parametrize(
    ("filters", "raters", "changed_after", "expected"),
    [
        ({}, [], None, 8),
        ({"case_id": [CASE]}, [], None, 7),
        ({"case_id": [CASE, "other"], "session_id": ["s1"]}, [], None, 4),
        ({}, ["ana"], None, 6),
        ({}, ["member/ana", "therapist/dr-7"], None, 7),
        ({}, ["therapist/ana"], None, 0),
        ({}, [], NOW, 1),
        ({"case_id": ["nobody"]}, [], None, 0),
    ],
)
async def test_ratings_that_are_asked_for(
    desk: Desk, filters: dict[str, Collection[str]], raters: list[str], changed_after: datetime | None, expected: int
) -> None:
    await story(desk)
    async with transaction(desk.engine, desk.organization) as db:
        assert len(await rating_page(db, filters, raters, changed_after, None, 50)) == expected


async def test_pages_of_ratings_miss_and_repeat_nothing(desk: Desk) -> None:
    await story(desk)
    async with transaction(desk.engine, desk.organization) as db:
        whole = await rating_page(db, {}, [], None, None, 50)
        assert [item.changed_at for item in whole] == sorted(item.changed_at for item in whole)
        pages, after = [], None
        while page := await rating_page(db, {}, [], None, after, 3):
            pages += page
            after = (page[-1].changed_at, UUID(page[-1].rating_id))
        assert pages == whole
