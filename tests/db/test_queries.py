import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import queries
from service.db.engine import Db, transaction
from service.db.identity import create_organization
from service.domain.concern import State
from service.writing import apply
from tests.factories import (
    CASE,
    KEY,
    NOW,
    START,
    held_at,
    post,
    put,
    put_session,
    rating_facts,
    retract,
    session_facts,
    srs,
)
from tests.writes import Desk, let_in

pytestmark = pytest.mark.anyio


async def _family(desk: Desk) -> dict[str, str]:
    """Store what the queries look for; return rating ids by session and rater."""
    posts = [post(rating_facts(rater, session_id="s1", record_id=f"r-{rater}")) for rater in ("ana", "eva", "dr-7")]
    posts += [
        post(rating_facts("ana", srs(mark), session_id=f"s{number}", held_at=held_at(number)))
        for number, mark in ((2, 9.0), (3, 9.0), (4, 9.0), (5, 2.0))
    ]
    made = [item.rating for item in await desk.write(*posts) if item.rating is not None]
    return {f"{item.facts.session_id}/{item.facts.rater_id}": item.rating_id for item in made}


# --- the lock


async def test_cases_are_locked_in_the_order_of_their_ids(desk: Desk) -> None:
    """Whoever asks for (b, a) and whoever asks for (a, b) cannot wait for each other."""
    await desk.write(post(rating_facts(case_id="a")), post(rating_facts(case_id="b")))

    async def write(*case_ids: str) -> None:
        async with transaction(desk.engine, desk.organization) as db:
            await queries.lock_cases(db, case_ids)

    await asyncio.gather(*(write(*order) for order in (("a", "b"), ("b", "a")) * 8))


async def test_who_waited_for_a_case_sees_what_was_committed_meanwhile(desk: Desk) -> None:
    await desk.write(post())
    locked = asyncio.Event()
    seen = []

    async def second() -> None:
        await locked.wait()
        async with transaction(desk.engine, desk.organization) as db:
            found = await queries.lock_cases(db, [CASE])
            seen.append((found[CASE][1], len(await queries.ratings_of_sessions(db, [(CASE, "s2")]))))

    waiting = asyncio.create_task(second())
    async with transaction(desk.engine, desk.organization) as db:
        await queries.lock_cases(db, [CASE])
        locked.set()
        await apply(db, [post(rating_facts(session_id="s2", held_at=held_at(2)))])
        assert seen == []
    await waiting
    assert seen == [(2, 1)]


async def test_a_locked_case_still_lets_rows_refer_to_it(desk: Desk) -> None:
    """Foreign keys take a weaker lock; a stronger one of ours would hold up everything that inserts."""
    await desk.write(post())
    async with transaction(desk.engine, desk.organization) as db:
        await queries.lock_cases(db, [CASE])
        async with transaction(desk.engine, desk.organization) as other:
            await other.execute(text("SET LOCAL lock_timeout = '2s'"))
            await other.execute(
                text("SELECT 1 FROM cases WHERE organization_id = :o AND case_id = :c FOR KEY SHARE"),
                {"o": desk.organization, "c": CASE},
            )


# --- what is found


async def test_touched_sessions_and_valid_keys_come_together(desk: Desk) -> None:
    await _family(desk)
    async with transaction(desk.engine, desk.organization) as db:
        wanted = [(CASE, "s2"), (CASE, "s9"), ("other", "s1")]
        found, keys, number = await queries.touched_sessions(db, wanted, [KEY, "unknown"], NOW)
        assert [record.session_id for record in found] == ["s2"]
        assert (keys, number) == ({KEY}, 0)
        assert await queries.touched_sessions(db, [], ["unknown"], NOW) == ([], set(), 0)


async def test_ratings_come_with_their_history(desk: Desk) -> None:
    ids = await _family(desk)
    await desk.one(put(ids["s1/ana"], rating_facts(answers=srs(5.0), record_id="r-ana"), 1))
    await desk.one(retract(ids["s1/ana"]))
    async with transaction(desk.engine, desk.organization) as db:
        found = {item.rating_id: item for item in await queries.ratings_of_sessions(db, [(CASE, "s1")])}
        assert set(found) == {ids["s1/ana"], ids["s1/eva"], ids["s1/dr-7"]}
        ana = found[ids["s1/ana"]]
        assert (ana.revision, ana.live) == (3, False)
        assert [(old.revision, old.facts.answers) for old in ana.past] == [(1, srs(9.0)), (2, srs(5.0))]
        assert {item.rating_id for item in await queries.live_ratings(db, [(CASE, "s1")])} == set(found) - {
            ana.rating_id
        }
        assert await queries.ratings_of_sessions(db, []) == await queries.live_ratings(db, []) == []


async def test_record_ids_are_looked_up_among_the_live_ratings_of_a_rater(desk: Desk) -> None:
    ids = await _family(desk)
    await desk.one(retract(ids["s1/eva"]))
    wanted = [
        (CASE, "member", "ana", "r-ana"),
        (CASE, "member", "eva", "r-eva"),  # retracted
        (CASE, "member", "tom", "r-ana"),  # another rater's
        (CASE, "observer", "dr-7", "r-dr-7"),  # another kind
        ("other", "member", "ana", "r-ana"),
    ]
    async with transaction(desk.engine, desk.organization) as db:
        assert [item.rating_id for item in await queries.ratings_by_record_id(db, wanted)] == [ids["s1/ana"]]
        assert await queries.ratings_by_record_id(db, []) == []


async def test_places_and_members_of_ratings(desk: Desk) -> None:
    ids = await _family(desk)
    await desk.one(retract(ids["s1/eva"]))
    async with transaction(desk.engine, desk.organization) as db:
        assert await queries.places_of_ratings(db, [ids["s2/ana"], str(uuid4())]) == {ids["s2/ana"]: (CASE, "s2")}
        assert await queries.rating_members(db, [CASE, "other"]) == {CASE: {"ana": 5}, "other": {}}


async def test_a_course_from_a_place_on_with_the_session_before(desk: Desk) -> None:
    """Two sessions of one moment stand in the order of their ids; one outside the course stands nowhere."""
    await desk.write(
        *(
            post(rating_facts(session_id=name, held_at=START, case_id=case))
            for case in "ab"
            for name in ("s1", "s2", "s3")
        ),
        put_session(session_facts(held_at=START.isoformat(), status="cancelled"), "s2b", "a"),
    )
    async with transaction(desk.engine, desk.organization) as db:
        found = await queries.course_from(db, [("a", START, "s2"), ("b", START + timedelta(1), "s0")])
        places = {(record.case_id, record.session_id, carry is not None) for record, _, _, carry in found}
        assert places == {("a", "s1", True), ("a", "s2", False), ("a", "s3", False), ("b", "s3", True)}
        assert {(at, digest is None) for _, at, digest, carry in found if carry is None} == {(START, True)}
        first = await queries.course_from(db, [("a", START, "s1")])
        assert {record.session_id for record, *_ in first} == {"s1", "s2", "s3"}
        whole = await queries.whole_courses(db, ["a"])
        assert {record.session_id for record in whole} == {"s1", "s2", "s3"}
        carried = await queries.carries_after(db, [("a", "s1"), ("a", "s2b"), ("c", "s1")])
        assert set(carried) == {("a", "s1")}


async def test_a_session_without_a_carry_still_stands_before(desk: Desk) -> None:
    await _family(desk)
    await desk.forget_carries("s1")
    async with transaction(desk.engine, desk.organization) as db:
        found = await queries.course_from(db, [(CASE, held_at(2), "s2")])
        before = [(digest, carry) for record, _, digest, carry in found if record.session_id == "s1"]
    assert before == [(None, None)]


async def test_alerts_are_found_by_the_sessions_they_rest_on(desk: Desk) -> None:
    ids = await _family(desk)
    await desk.one(retract(ids["s5/ana"]))
    async with transaction(desk.engine, desk.organization) as db:
        found = await queries.alerts_resting_on(db, {CASE: {"s5", "s9"}, "other": {"s1"}})
        assert found
        assert {alert.concern.state for alert in found} == {State.retracted}
        assert await queries.alerts_resting_on(db, {CASE: {"s1"}}) == []
        assert await queries.alerts_resting_on(db, {"other": {"s5"}, CASE: set()}) == []


# --- nobody sees another organization

ASKED: list[Callable[[Db, dict[str, str]], Awaitable[object]]] = [
    lambda db, ids: queries.lock_cases(db, [CASE]),
    lambda db, ids: queries.touched_sessions(db, [(CASE, "s1")], [KEY], NOW),
    lambda db, ids: queries.ratings_of_sessions(db, [(CASE, "s1")]),
    lambda db, ids: queries.ratings_by_record_id(db, [(CASE, "member", "ana", "r-ana")]),
    lambda db, ids: queries.places_of_ratings(db, list(ids.values())),
    lambda db, ids: queries.rating_members(db, [CASE]),
    lambda db, ids: queries.course_from(db, [(CASE, START, "s1")]),
    lambda db, ids: queries.whole_courses(db, [CASE]),
    lambda db, ids: queries.carries_after(db, [(CASE, "s1")]),
    lambda db, ids: queries.live_ratings(db, [(CASE, "s1")]),
    lambda db, ids: queries.alerts_resting_on(db, {CASE: {"s5"}}),
]
NOTHING: tuple[object, ...] = ([], {}, ([], set()), ([], set(), 0), {CASE: {}})


@pytest.mark.parametrize("ask", ASKED)
async def test_another_organizations_rows_are_not_there(
    desk: Desk, engine: AsyncEngine, ask: Callable[[Db, dict[str, str]], Awaitable[object]]
) -> None:
    ids = await _family(desk)
    other = await create_organization(engine, f"clinic {uuid4()}", True, NOW)
    async with transaction(engine, desk.organization) as db:
        assert await ask(db, ids) not in NOTHING
    async with transaction(engine, other.organization_id) as db:
        assert await ask(db, ids) in NOTHING


async def test_keys_of_one_name_do_not_mix(desk: Desk, engine: AsyncEngine) -> None:
    other = await create_organization(engine, f"clinic {uuid4()}", True, NOW)
    await let_in(engine, other.organization_id, "key-2")
    async with transaction(engine, other.organization_id) as db:
        assert await queries.touched_sessions(db, [], [KEY, "key-2"], NOW) == ([], {"key-2"}, 0)
