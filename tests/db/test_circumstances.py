"""What the columns say of a case is what its whole facts say."""

from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.circumstances import CIRCUMSTANCES, circumstances_in
from service.db.engine import transaction
from service.db.queries import cases
from service.domain.circumstances import Circumstances, circumstances_of
from tests.factories import CASE, case_facts, put_case
from tests.writes import Desk

pytestmark = pytest.mark.anyio

HELPER = {"role": "extended", "supporter": True}


async def found(desk: Desk, engine: AsyncEngine) -> Circumstances:
    async with transaction(engine, desk.organization) as db:
        of_case = (cases.c.organization_id == db.organization_id, cases.c.case_id == CASE)
        return circumstances_in((await db.execute(select(*CIRCUMSTANCES).where(*of_case))).mappings().one())


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"safety_hold": True},
        {"mandated": True},
        {"members": {"eva": "parent", "tom": "parent"}, "walls": [["eva", "tom"]]},
        {"members": {"eva": "parent", "bea": HELPER}},
        {"members": {"bea": {**HELPER, "active": False}}},
        {"safety_hold": True, "mandated": True, "members": {"eva": "parent", "bea": HELPER}, "walls": [["eva", "bea"]]},
    ],
)
async def test_they_say_what_the_facts_say(desk: Desk, engine: AsyncEngine, facts: dict[str, Any]) -> None:
    told = case_facts(**facts)
    await desk.one(put_case(told))
    assert await found(desk, engine) == circumstances_of(told)


async def test_facts_that_an_older_version_stored(desk: Desk, engine: AsyncEngine) -> None:
    await desk.one(put_case())
    older = {"safety_hold": True, "mandated": False, "members": {"eva": {"role": "parent", "active": True}}}
    async with transaction(engine, desk.organization) as db:
        await db.execute(update(cases).where(cases.c.case_id == CASE).values(facts=older))
    assert await found(desk, engine) == Circumstances(on_hold=True)
