"""Who lost an alert with its case, and from which number on; how readers hear of it: tests/db/test_changes.py."""

from typing import Any

import pytest
from sqlalchemy import select

from service.db.engine import transaction
from service.db.handing_over import handing, newest_of_caseload
from service.domain.facts import EMPTY_CASE
from tests.db.test_changes import low, of
from tests.writes import Desk, alerts

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("before", "now", "lost"),
    [
        ([], ["dr-7"], {}),
        (["dr-7"], [], {"dr-7": 5}),
        (["dr-7", "dr-8"], ["dr-8", "dr-9"], {"dr-7": 5}),
        (["dr-8", "dr-7"], [], {"dr-7": 5, "dr-8": 5}),
        (["dr-7"], ["dr-7"], {}),
    ],
)
def test_who_loses_it_and_who_has_it(before: list[str], now: list[str], lost: dict[str, int]) -> None:
    facts: list[dict[str, Any]] = [{**EMPTY_CASE, "therapists": names} for names in (before, now)]
    assert handing(facts[0], facts[1], 5) == {"gained_by": now, "lost_by": lost}


async def _handed_over(desk: Desk) -> object:
    async with transaction(desk.engine, desk.organization) as db:
        kept = select(alerts.c.handed_over).where(alerts.c.organization_id == db.organization_id)
        return (await db.execute(kept)).scalar_one()


async def test_it_is_kept_until_the_case_comes_back(desk: Desk) -> None:
    await of(desk, "a", "dr-7")
    await desk.one(low("a"))  # number 1
    for therapists, kept in (
        (["dr-7", "dr-8"], {}),  # number 2
        (["dr-8"], {"dr-7": 3}),
        (["dr-9"], {"dr-7": 3, "dr-8": 4}),
        (["dr-7"], {"dr-8": 4, "dr-9": 5}),
    ):
        await of(desk, "a", *therapists)
        assert await _handed_over(desk) == kept
    await desk.one(low("a", 2, 9.9))  # number 6: stored again with another state
    assert await _handed_over(desk) == {"dr-8": 4, "dr-9": 5}


@pytest.mark.parametrize(
    ("caseload", "newest"),
    [(("dr-7",), 4), (("dr-8",), 2), (("dr-9",), 4), (("dr-8", "dr-9"), 4), (("dr-0",), 0), ((), 0)],
)
async def test_the_last_that_a_caseload_could_hear_of(desk: Desk, caseload: tuple[str, ...], newest: int) -> None:
    for case_id, therapist in (("a", "dr-7"), ("b", "dr-8")):
        await of(desk, case_id, therapist)
        await desk.one(low(case_id))
    await desk.one(low("a", 2, 9.9))  # number 3
    await of(desk, "a", "dr-9")  # number 4
    async with transaction(desk.engine, desk.organization, caseload=caseload) as db:
        assert await newest_of_caseload(db) == newest
