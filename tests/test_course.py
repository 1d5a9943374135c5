"""A course as it is read: the latest sessions before a place, from stored carries where they hold, else folded anew."""

from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from service.course import CourseSession, course_sessions
from service.db import reads
from service.db.engine import transaction
from service.domain.model import SessionStatus
from tests.factories import CASE, FactOptions, held_at, post, put_session, rating_facts, retract, session_facts, srs
from tests.writes import Desk, carries, let_in

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(engine: AsyncEngine, organization: UUID) -> Desk:
    """Return a desk that has written six weekly sessions of two raters; in the fourth nobody came."""
    await let_in(engine, organization)
    desk = Desk(engine, organization)
    for number in (1, 2, 3, 5, 6):
        when: FactOptions = {"session_id": f"s{number}", "held_at": held_at(number)}
        await desk.write(
            post(rating_facts("eva", srs(9.0 - number / 10), **when)), post(rating_facts("ana", srs(8.0), **when))
        )
    nobody = session_facts(held_at=held_at(4).isoformat(), status=SessionStatus.no_show.value)
    await desk.write(put_session(nobody, "s4"))
    return desk


async def read(desk: Desk, before: tuple[datetime, str] | None = None, limit: int = 50) -> list[CourseSession]:
    async with transaction(desk.engine, desk.organization) as db:
        case = await reads.case_by_id(db, CASE)
        assert case is not None
        return await course_sessions(db, case, before, limit)


async def test_sessions_come_oldest_first_with_their_numbers(desk: Desk) -> None:
    found = await read(desk)
    assert [(item.session.session_id, item.number) for item in found] == [
        ("s1", 1),
        ("s2", 2),
        ("s3", 3),
        ("s4", None),  # nobody came, so it is not counted
        ("s5", 4),
        ("s6", 5),
    ]
    assert [[rating.facts.rater_id for rating in item.ratings] for item in found[2:4]] == [["ana", "eva"], []]
    assert [item.figures.balances[0].coverage.joint_sessions for item in found if item.number] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("before", "limit", "expected"),
    [
        (None, 2, ["s5", "s6"]),
        ((held_at(5), "s5"), 2, ["s3", "s4"]),
        ((held_at(5), "s6"), 2, ["s4", "s5"]),  # at the same time, a smaller id comes before
        ((held_at(1), "s1"), 2, []),
        ((held_at(9), "s9"), 1, ["s6"]),
    ],
)
async def test_the_latest_before_a_place(
    desk: Desk, before: tuple[datetime, str] | None, limit: int, expected: list[str]
) -> None:
    assert [item.session.session_id for item in await read(desk, before, limit)] == expected


@pytest.mark.parametrize("gone", [["s6"], ["s1"], []])
async def test_without_carries_the_course_is_folded_anew(desk: Desk, gone: list[str]) -> None:
    before = await read(desk)
    await desk.forget_carries(*gone)
    assert await read(desk) == before
    assert await read(desk, limit=2) == before[-2:]


async def test_carries_of_other_rules_are_not_believed(desk: Desk) -> None:
    before = await read(desk)
    async with transaction(desk.engine, desk.organization) as db:
        mine = carries.c.organization_id == db.organization_id
        await db.execute(update(carries).where(mine).values(folded_with="other", carry="[]"))
    assert await read(desk) == before


async def test_reading_stores_nothing(desk: Desk) -> None:
    await desk.forget_carries()
    await read(desk)
    assert (await desk.stored()).carries == {}


async def test_what_was_retracted_is_no_part_of_it(desk: Desk) -> None:
    ratings = {(item.facts.session_id, item.facts.rater_id): item for item in (await desk.stored()).ratings}
    await desk.write(*(retract(ratings["s6", who].rating_id) for who in ("eva", "ana")))
    assert [item.session.session_id for item in await read(desk)][-1] == "s5"
