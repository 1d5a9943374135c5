"""A handle with a caseload reaches the cases that name its therapists now, and nothing of any other."""

from uuid import UUID

import pytest

from service.db import reads
from service.db.caseload import reaches
from service.db.engine import Db, transaction
from service.db.episodes import has_alerts, rules_of_alerts
from service.db.ratings import rating_by_id, rating_page
from service.db.reads import AlertFilter
from tests.factories import (
    CASE,
    NOW,
    case_facts,
    held_at,
    patch_case,
    post,
    put_case,
    put_session,
    rating_facts,
    session_facts,
    srs,
)
from tests.writes import Desk

pytestmark = pytest.mark.anyio

# the case's therapists, those that its sessions announced in order, a caseload, whether it reaches the case
REACHED: list[tuple[list[str], list[list[str]], tuple[str, ...], bool]] = [
    (["dr-7"], [], ("dr-7",), True),
    (["dr-7"], [], ("dr-8",), False),
    (["dr-7", "dr-8"], [], ("dr-8",), True),
    (["dr-7"], [], ("dr-8", "dr-7"), True),
    (["dr-7"], [], ("DR-7",), False),
    (["dr-7"], [], (), False),
    (["dr-7"], [["dr-8"]], ("dr-8",), False),  # for once somebody else held the session
    ([], [], ("dr-7",), False),
    ([], [["dr-7"]], ("dr-7",), True),
    ([], [["dr-7"], ["dr-8"]], ("dr-7",), False),
    ([], [["dr-7"], ["dr-8"]], ("dr-8",), True),
    ([], [["dr-7"], []], ("dr-7",), False),
]


def _facts_of(number: int, therapists: list[str]) -> dict[str, object]:
    return dict(session_facts(held_at=held_at(number).isoformat(), therapists=therapists))


@pytest.mark.parametrize(("of_case", "of_sessions", "caseload", "expected"), REACHED)
async def test_whose_a_case_is(
    desk: Desk, of_case: list[str], of_sessions: list[list[str]], caseload: tuple[str, ...], expected: bool
) -> None:
    sessions = [put_session(_facts_of(n, names), session_id=f"s{n}") for n, names in enumerate(of_sessions, 1)]
    await desk.write(put_case(case_facts(therapists=of_case)), *sessions)
    async with transaction(desk.engine, desk.organization, caseload=caseload) as db:
        assert await reaches(db, CASE) is expected
        assert (await reads.case_by_id(db, CASE) is not None) is expected
    async with transaction(desk.engine, desk.organization) as db:
        assert await reaches(db, CASE)


async def test_who_was_taken_off_a_case_has_lost_it(desk: Desk) -> None:
    await desk.write(put_case(case_facts(therapists=["dr-7"])), put_session())
    for after, reached in (
        ({"therapists": ["dr-8"]}, False),
        ({"therapists": []}, False),
        ({"therapists": ["dr-7"]}, True),
    ):
        await desk.one(patch_case(after))
        async with transaction(desk.engine, desk.organization, caseload=("dr-7",)) as db:
            assert await reaches(db, CASE) is reached


async def _two_families(desk: Desk) -> None:
    """Let a youth fall in the fifth session of each of two cases, one of dr-7's and one of dr-8's."""
    for case_id, therapist in ((CASE, "dr-7"), ("other", "dr-8")):
        await desk.one(put_case(case_facts(therapists=[therapist]), case_id=case_id))
        for number, mark in enumerate((9.0, 9.0, 9.0, 9.0, 3.0), 1):
            facts = rating_facts(
                "ana", srs(mark), session_id=f"s{number}", held_at=held_at(number), case_id=case_id
            )  # fmt: skip
            await desk.one(post(facts))


async def _seen(db: Db, ratings: list[str], alerts: list[str]) -> dict[str, set[str]]:
    """Return of which cases a handle sees something, way by way."""
    cases = (CASE, "other")
    by_id = [await rating_by_id(db, UUID(rating_id)) for rating_id in ratings]
    alerts_by_id = [await reads.alert_by_id(db, UUID(alert_id)) for alert_id in alerts]
    everything = AlertFilter(case_ids=cases)
    return {
        "cases": {item.record.case_id for item in await reads.case_page(db, None, 9)},
        "case": {case_id for case_id in cases if await reads.case_by_id(db, case_id)},
        "sessions": {case_id for case_id in cases if await reads.session_page(db, case_id, None, 9)},
        "session": {case_id for case_id in cases if await reads.session_by_id(db, case_id, "s1")},
        "ratings": {item.facts.case_id for item in await rating_page(db, {}, [], None, None, 99)},
        "rating": {item.facts.case_id for item in by_id if item is not None},
        "alerts": {item.alert.case_id for item in await reads.alert_page(db, everything, NOW, None, 99)},
        "all alerts": {item.alert.case_id for item in await reads.alert_page(db, AlertFilter(), NOW, None, 99)},
        "alert": {item.alert.case_id for item in alerts_by_id if item is not None},
        "episodes": {case_id for case_id in cases if await has_alerts(db, case_id)},
        "alerts of an episode": {case_id for case_id in cases if await rules_of_alerts(db, case_id, alerts)},
    }


@pytest.mark.parametrize(
    ("caseload", "expected"),
    [
        (None, {CASE, "other"}),
        (("dr-7",), {CASE}),
        (("dr-8", "dr-9"), {"other"}),
        (("dr-7", "dr-8"), {CASE, "other"}),
        (("dr-9",), set()),
        ((), set()),
    ],
)
async def test_what_every_way_of_reading_reaches(
    desk: Desk, caseload: tuple[str, ...] | None, expected: set[str]
) -> None:
    await _two_families(desk)
    stored = await desk.stored()
    ratings = [rating.rating_id for rating in stored.ratings]
    alerts = [alert.alert_id for alert in stored.alerts]
    async with transaction(desk.engine, desk.organization, caseload=caseload) as db:
        seen = await _seen(db, ratings, alerts)
    assert seen == dict.fromkeys(seen, expected)
