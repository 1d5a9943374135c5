"""What a job reads of a range of cases: their courses and alerts, all of them, and nothing of others."""

from uuid import uuid4

import pytest

from service.db import ranges
from service.db.engine import transaction
from tests.factories import (
    case_facts,
    held_at,
    patch_case,
    post,
    put_case,
    put_session,
    rating_facts,
    retract,
    session_facts,
    srs,
)
from tests.writes import Desk

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stored(desk: Desk) -> Desk:
    """Return a desk with the same course in four cases: Ana falls in the fifth session, the second was cancelled."""
    for case_id in ("a", "b", "c", "d"):
        for number, mark in enumerate((9.0, 9.0, 9.0, 9.0, 2.0), 1):
            facts = rating_facts("ana", srs(mark), case_id=case_id, session_id=f"s{number}", held_at=held_at(number))
            await desk.one(post(facts))
        told = session_facts(held_at=held_at(9).isoformat(), status="cancelled")
        await desk.one(put_session(told, "s9", case_id=case_id))
    return desk


async def test_all_of_a_range_and_nothing_else(stored: Desk) -> None:
    among, everything = ("b", "c"), await stored.stored()
    gone = next(item for item in everything.ratings if item.facts.case_id == "b" and item.facts.session_id == "s1")
    await stored.one(retract(gone.rating_id))
    everything = await stored.stored()
    async with transaction(stored.engine, stored.organization) as db:
        seen = await ranges.cases_among(db, among)
        assert list(seen) == ["b", "c"]
        assert {key: (item.record, item.course.held_sessions) for key, item in seen.items()} == {
            key: (everything.cases[key][0], everything.cases[key][1]) for key in seen
        }
        sessions = {(item.case_id, item.session_id) for item in await ranges.sessions_among(db, among)}
        assert sessions == {key for key, (_, in_course) in everything.sessions.items() if in_course and key[0] in "bc"}
        facts = [item.facts for item in everything.ratings if item.live and item.facts.case_id in among]
        assert sorted(await ranges.ratings_among(db, among), key=lambda item: item.natural_key) == sorted(
            facts, key=lambda item: item.natural_key
        )
        alerts = sorted(await ranges.alerts_among(db, among), key=lambda item: item.alert_id)
        assert alerts == [alert for alert in everything.alerts if alert.case_id in among]
        assert alerts
        latest = await ranges.latest_carries_among(db, among)
        assert latest == {key: everything.carries[key, "s5"][0] for key in among}
    async with transaction(stored.engine, uuid4()) as stranger:
        assert await ranges.cases_among(stranger, among) == {}
        assert await ranges.ratings_among(stranger, among) == []
        assert await ranges.on_hold_among(stranger, among) == set()


async def test_every_write_to_a_course_is_another_version(stored: Desk) -> None:
    async def version() -> str:
        async with transaction(stored.engine, stored.organization) as db:
            return (await ranges.cases_among(db, ("a", "a"), lock=True))["a"].version

    known, before = {await version()}, await version()
    assert known == {before}  # to look, and even to lock, is no write
    rating_id = next(item.rating_id for item in (await stored.stored()).ratings if item.facts.case_id == "a")
    for command in (
        post(rating_facts("eva", case_id="a", session_id="s6", held_at=held_at(6))),
        post(rating_facts("eva", case_id="a", session_id="s2", held_at=held_at(2))),
        put_session(session_facts(held_at=held_at(3).isoformat()), "s3", case_id="a"),
        put_case(case_facts(members={"ana": "youth", "eva": "parent"}), "a"),
        retract(rating_id),
    ):
        await stored.one(command)
        known.add(await version())
    assert len(known) == 6


async def test_cases_on_safety_hold(stored: Desk) -> None:
    await stored.one(patch_case({"safety_hold": True}, "b"))
    async with transaction(stored.engine, stored.organization) as db:
        assert await ranges.on_hold_among(db, {"a", "b", "z"}) == {"b"}
        assert await ranges.on_hold_among(db, ()) == set()
