import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from service.db import queries, stores
from service.db.engine import Db, transaction
from service.db.identity import create_organization
from service.db.sealing import seal
from service.db.tables import AuditRow, table_of
from service.domain.facts import EMPTY_CASE
from tests.factories import CASE, NOW, START, post, put_case, rating_facts
from tests.writes import Desk, cases, let_in

pytestmark = pytest.mark.anyio


async def _cases(db: Db) -> dict[str, int]:
    rows = await db.execute(
        select(cases.c.case_id, cases.c.revision).where(cases.c.organization_id == db.organization_id)
    )
    return {row.case_id: row.revision for row in rows}


async def test_missing_cases_are_made_once_and_blank_ones_go(desk: Desk) -> None:
    await desk.write(put_case(case_id="a"))
    async with transaction(desk.engine, desk.organization) as db:
        await stores.create_missing_cases(db, ["c", "a", "b"], NOW)
        await stores.create_missing_cases(db, ["b"], NOW)
        assert await _cases(db) == {"a": 1, "b": 0, "c": 0}
        found = await queries.lock_cases(db, ["b"])
        assert found["b"][0].facts == EMPTY_CASE
        await stores.drop_blank_cases(db, ["a", "b"])
        assert await _cases(db) == {"a": 1, "c": 0}


async def test_two_who_make_the_same_cases_in_other_orders_do_not_block_each_other(desk: Desk) -> None:
    async def make(*case_ids: str) -> None:
        async with transaction(desk.engine, desk.organization) as db:
            await stores.create_missing_cases(db, case_ids, NOW)

    orders = [("a", "b", "c"), ("c", "b", "a"), ("b", "c", "a"), ("c", "a", "b")]
    await asyncio.gather(*(make(*order) for order in orders * 5))
    async with transaction(desk.engine, desk.organization) as db:
        assert set(await _cases(db)) == {"a", "b", "c"}


async def test_numbers_of_changes_have_no_gaps_and_no_doubles(desk: Desk) -> None:
    async def take(count: int) -> list[int]:
        async with transaction(desk.engine, desk.organization) as db:
            first = (await stores.take_change_numbers(db, count)).first
            return list(range(first, first + count))

    taken = await asyncio.gather(*(take(count) for count in (1, 3, 2, 5, 1, 1) * 3))
    assert sorted(number for numbers in taken for number in numbers) == list(range(1, 40))  # 3 · 13 of them


async def test_a_number_that_was_rolled_back_is_taken_again(desk: Desk) -> None:
    async def lose() -> None:
        async with transaction(desk.engine, desk.organization) as db:
            assert await stores.take_change_numbers(db, 4) == (1, False)
            raise LookupError

    with pytest.raises(LookupError):
        await lose()
    async with transaction(desk.engine, desk.organization) as db:
        assert await stores.take_change_numbers(db, 1) == (1, False)


async def test_what_is_written_twice_is_there_once(desk: Desk) -> None:
    (made,) = await desk.write(post())
    assert made.rating is not None
    assert made.session is not None
    changed = replace((await desk.stored()).carries[CASE, "s1"][1], number=7)
    async with transaction(desk.engine, desk.organization) as db:
        await stores.write_facts(db, [(made.session, START, True)], [made.rating], [], NOW)
        await stores.write_courses(db, [((CASE, "s1"), "other", seal(changed))], [])
    stored = await desk.stored()
    assert [item.rating_id for item in stored.ratings] == [made.rating.rating_id]
    assert stored.carries[CASE, "s1"] == ("other", changed)


async def test_nothing_to_write_is_no_statement(db: Db) -> None:
    await stores.write_facts(db, [], [], [], NOW)
    await stores.write_courses(db, [], [])
    await stores.write_alerts(db, [])
    await stores.write_audit(db, NOW, [])


async def test_only_sessions_that_joined_without_therapists_take_the_new_ones(desk: Desk) -> None:
    await desk.write(
        post(rating_facts(session_id="s1")),
        put_case({**EMPTY_CASE, "therapists": ["dr-7"]}, case_id="other"),
        post(rating_facts(session_id="s1", case_id="other")),
        post(rating_facts(session_id="s1", case_id="third")),
    )
    async with transaction(desk.engine, desk.organization) as db:
        await stores.inherit_therapists(db, {CASE: ["dr-8"], "other": ["dr-9"]})
    stored = await desk.stored()
    inherited = {case_id: record.inherited for (case_id, _), (record, _) in stored.sessions.items()}
    assert inherited == {CASE: ("dr-8",), "other": ("dr-7",), "third": ()}


async def test_the_audit_holds_who_wrote_what_and_no_value(desk: Desk) -> None:
    (made,) = await desk.write(post())
    await desk.write(post(at=NOW + timedelta(1)))  # changes nothing, so nobody wrote
    audit = table_of(AuditRow)
    columns = select(audit.c.key_id, audit.c.at, audit.c.action, audit.c.thing, audit.c.revision)
    mine = (audit.c.organization_id == desk.organization, audit.c.action.like("rating.%"))
    async with transaction(desk.engine, desk.organization) as db:
        found = [tuple(row) for row in await db.execute(columns.where(*mine))]
    assert made.rating is not None
    assert found == [("key-1", NOW, "rating.created", f"rating/{made.rating.rating_id}", 1)]


async def test_ids_of_ratings_are_free_to_repeat_in_another_organization(desk: Desk) -> None:
    (made,) = await desk.write(post())
    other = await create_organization(desk.engine, f"clinic {uuid4()}", True, NOW)
    await let_in(desk.engine, other.organization_id)
    stranger = Desk(desk.engine, other.organization_id)
    await stranger.write(post(rating_facts("eva")))
    assert made.rating is not None
    async with transaction(desk.engine, other.organization_id) as db:
        await stores.write_facts(db, [], [made.rating], [], NOW)
    assert made.rating.rating_id in {item.rating_id for item in (await stranger.stored()).ratings}
