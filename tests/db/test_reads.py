from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import reads, stores
from service.db.engine import Db, transaction
from service.db.identity import create_organization
from service.db.ratings import rating_by_id, rating_page
from service.db.reads import AlertFilter
from service.domain.circumstances import Circumstances
from service.domain.commands import AnyCommand
from service.domain.reconcile import Alert, Handling
from tests.factories import (
    CASE,
    NOW,
    START,
    case_facts,
    held_at,
    post,
    put_case,
    put_session,
    rating_facts,
    session_facts,
    srs,
)
from tests.writes import Desk

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(hours=1)


async def _story(desk: Desk) -> dict[str, str]:
    """Store two cases, Ana low in the fifth session of the first; return rating ids by session and rater."""
    posts: list[AnyCommand] = [put_case(case_facts(members={"ana": "youth"}, therapists=["dr-7"]))]
    posts += [
        post(rating_facts(rater, srs(mark), session_id=f"s{number}", held_at=held_at(number)))
        for number, mark in ((1, 9.0), (2, 9.0), (3, 9.0), (4, 9.0), (5, 2.0))
        for rater in ("ana", "eva")
        if rater == "ana" or number == 1
    ]
    posts.append(post(rating_facts("dr-7", about="member/ana")))
    posts.append(post(rating_facts(case_id="other"), at=LATER))
    made = [item.rating for item in await desk.write(*posts) if item.rating is not None]
    return {f"{item.facts.case_id}/{item.facts.session_id}/{item.facts.rater_id}": item.rating_id for item in made}


# --- cases and sessions


async def test_cases_by_id_and_page_by_page(desk: Desk) -> None:
    await _story(desk)
    async with transaction(desk.engine, desk.organization) as db:
        await stores.create_missing_cases(db, ["blank"], NOW)  # of which nothing came yet
        found = await reads.case_by_id(db, CASE)
        assert found is not None
        assert (found.course.held_sessions, found.course.last_session_id, found.circumstances) == (
            5,
            "s5",
            Circumstances(),
        )
        assert await reads.case_by_id(db, "blank") is None
        assert [item.record.case_id for item in await reads.case_page(db, None, 5)] == [CASE, "other"]
        assert [item.record.case_id for item in await reads.case_page(db, None, 1)] == [CASE]
        assert [item.record.case_id for item in await reads.case_page(db, CASE, 5)] == ["other"]
        await stores.drop_blank_cases(db, ["blank"])


async def test_sessions_in_the_order_of_the_course_those_without_a_time_last(desk: Desk) -> None:
    await _story(desk)
    await desk.write(
        put_session(session_facts(status="scheduled"), "a-plan"),
        put_session(session_facts(status="cancelled", held_at=held_at(3).isoformat()), "s3b"),
    )
    ids = ["s1", "s2", "s3", "s3b", "s4", "s5", "a-plan"]
    async with transaction(desk.engine, desk.organization) as db:
        whole = await reads.session_page(db, CASE, None, 50)
        assert [item.record.session_id for item in whole] == ids
        assert [item.record.session_id for item in whole if not item.in_course] == ["s3b", "a-plan"]
        pages, after = [], None
        while page := await reads.session_page(db, CASE, after, 2):
            pages += page
            after = (page[-1].held_at or reads.FAR, page[-1].record.session_id)
        assert pages == whole
        assert await reads.session_by_id(db, CASE, "s3b") == whole[3]
        assert await reads.session_by_id(db, CASE, "s9") is None


async def test_a_course_backwards_with_its_carries(desk: Desk) -> None:
    await _story(desk)
    await desk.forget_carries("s4")
    async with transaction(desk.engine, desk.organization) as db:
        page = await reads.course_page(db, CASE, None, 2)
        assert [(item.record.session_id, carry is None) for item, _, carry in page] == [("s5", False), ("s4", True)]
        older = await reads.course_page(db, CASE, (held_at(4), "s4"), 10)
        assert [item.record.session_id for item, _, _ in older] == ["s3", "s2", "s1"]


# --- ratings


async def test_all_that_a_transaction_reads_may_be_of_one_moment(desk: Desk) -> None:
    await desk.write(put_case())
    async with transaction(desk.engine, desk.organization) as db:
        await reads.one_moment(db)
        before = await reads.case_by_id(db, CASE)
        await desk.write(put_case(case_facts(mandated=True)))
        assert await reads.case_by_id(db, CASE) == before
    async with transaction(desk.engine, desk.organization) as db:
        assert await reads.case_by_id(db, CASE) != before


# --- alerts


async def _page(desk: Desk, now: datetime = NOW, **wanted: Any) -> list[reads.StoredAlert]:
    async with transaction(desk.engine, desk.organization) as db:
        return await reads.alert_page(db, AlertFilter(**wanted), now, None, 50)


async def test_alerts_by_id_and_by_change(desk: Desk) -> None:
    await _story(desk)
    whole = await _page(desk)
    numbers = [item.alert.change_number for item in whole]
    assert len(numbers) >= 2
    assert numbers == sorted(numbers, reverse=True)
    async with transaction(desk.engine, desk.organization) as db:
        first = await reads.alert_page(db, AlertFilter(), NOW, None, 1)
        assert first == whole[:1]
        assert await reads.alert_page(db, AlertFilter(), NOW, numbers[0], 50) == whole[1:]
        found = await reads.alert_by_id(db, UUID(whole[0].alert.alert_id))
        assert found == whole[0]
        assert await reads.alert_by_id(db, uuid4()) is None
        assert {item.alert_id for item in await reads.alerts_of_case(db, CASE)} == {
            item.alert.alert_id for item in whole
        }


async def test_alerts_that_are_asked_for(desk: Desk) -> None:
    await _story(desk)
    whole = await _page(desk)
    some = whole[0].alert
    assert len(await _page(desk, case_ids=[CASE, "other"])) == len(whole)
    assert await _page(desk, case_ids=["other"]) == []
    assert await _page(desk, rules=[some.concern.rule], states=["open"], severities=["info", "warning", "critical"])
    assert await _page(desk, states=["retracted"]) == []
    assert len(await _page(desk, therapist_ids=["dr-7", "dr-8"])) == len(whole)
    assert await _page(desk, therapist_ids=["dr-8"]) == []
    assert await _page(desk, changed_after=some.changed_at) == []
    assert len(await _page(desk, changed_after=some.changed_at - timedelta(seconds=1))) == len(whole)


async def _with(desk: Desk, **handling: Any) -> Alert:
    """Change how the newest alert is handled."""
    alert = replace((await _page(desk))[0].alert, **handling)
    async with transaction(desk.engine, desk.organization) as db:
        await stores.write_alerts(db, [alert])
    return alert


@pytest.mark.parametrize(
    ("handling", "now", "reads_as"),
    [
        ({"handling": Handling.acknowledged}, NOW, "acknowledged"),
        ({"handling": Handling.snoozed, "snoozed_until": LATER}, NOW, "snoozed"),
        ({"handling": Handling.snoozed, "snoozed_until": LATER}, LATER, "new"),
        ({"handling": Handling.snoozed, "snoozed_until_number": 6}, LATER, "snoozed"),
        ({"handling": Handling.snoozed, "snoozed_until_number": 5}, NOW, "new"),
        ({"handling": Handling.dismissed, "snoozed_until": START}, NOW, "dismissed"),
    ],
)
async def test_a_snooze_that_is_over_reads_as_new(
    desk: Desk, handling: dict[str, Any], now: datetime, reads_as: str
) -> None:
    await _story(desk)
    alert = await _with(desk, **handling)
    for name in ("new", "acknowledged", "snoozed", "dismissed"):
        found = {item.alert.alert_id for item in await _page(desk, now, handlings=[name])}
        assert (alert.alert_id in found) == (name == reads_as)


async def test_a_case_on_hold_keeps_quiet_about_some_rules(desk: Desk) -> None:
    await _story(desk)
    rules = {item.alert.concern.rule for item in await _page(desk)}
    silent = sorted(rules)[:1]
    assert {item.alert.concern.rule for item in await _page(desk, silent_on_hold=silent)} == rules
    await desk.one(put_case(case_facts(members={"ana": "youth"}, therapists=["dr-7"], safety_hold=True)))
    held = await _page(desk, silent_on_hold=silent)
    assert {item.alert.concern.rule for item in held} == rules - set(silent)
    assert all(item.circumstances == Circumstances(on_hold=True) for item in held)


# --- nobody sees another organization

Ask = Callable[[Db, UUID, UUID], Awaitable[object]]
ASKED: list[Ask] = [
    lambda db, rating, alert: reads.case_by_id(db, CASE),
    lambda db, rating, alert: reads.case_page(db, None, 50),
    lambda db, rating, alert: reads.session_page(db, CASE, None, 50),
    lambda db, rating, alert: reads.session_by_id(db, CASE, "s1"),
    lambda db, rating, alert: reads.course_page(db, CASE, None, 50),
    lambda db, rating, alert: rating_by_id(db, rating),
    lambda db, rating, alert: rating_page(db, {"case_id": [CASE]}, [], None, None, 50),
    lambda db, rating, alert: reads.alert_page(db, AlertFilter(), NOW, None, 50),
    lambda db, rating, alert: reads.alert_by_id(db, alert),
    lambda db, rating, alert: reads.alerts_of_case(db, CASE),
]
NOTHING: tuple[object, ...] = (None, [])


@pytest.mark.parametrize("ask", ASKED)
async def test_another_organizations_rows_are_not_there(desk: Desk, engine: AsyncEngine, ask: Ask) -> None:
    ids = await _story(desk)
    rating, alert = UUID(ids[f"{CASE}/s1/ana"]), UUID((await _page(desk))[0].alert.alert_id)
    other = await create_organization(engine, f"clinic {uuid4()}", True, NOW)
    async with transaction(engine, desk.organization) as db:
        assert await ask(db, rating, alert) not in NOTHING
    async with transaction(engine, other.organization_id) as db:
        assert await ask(db, rating, alert) in NOTHING
