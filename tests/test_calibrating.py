"""Setting references under the lock of the organization."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from service.calibrating import Referenced, set_references
from service.db.engine import transaction
from service.db.rulebooks import rulebook
from service.domain.commands import Refusal
from service.domain.errors import InvalidReferences
from service.domain.references import OwnReference
from service.domain.referencing import ReferenceWish
from service.domain.rulebook import Rulebook
from tests.factories import KEY, NOW, own_reference
from tests.writes import Desk

pytestmark = pytest.mark.anyio


async def tell(desk: Desk, *references: OwnReference, by_key: bool = True, **facts: Any) -> Referenced:
    usual = {"instrument": "srs", "references": references, "key_id": KEY, "at": NOW}
    return await set_references(desk.engine, desk.organization, ReferenceWish(**{**usual, **facts}), by_key)


async def kept(desk: Desk) -> Rulebook:
    async with transaction(desk.engine, desk.organization) as db:
        return await rulebook(db)


async def test_what_is_set_is_there_when_it_returns(desk: Desk) -> None:
    first = await tell(desk, own_reference())
    assert (first.created, first.refusal) == (True, None)
    assert await kept(desk) == first.rulebook
    again = await tell(desk, own_reference())
    assert (again.created, again.rulebook.number) == (False, 1)
    second = await tell(desk, own_reference(sd=13), at=NOW + timedelta(days=1))
    assert (second.created, second.rulebook.number) == (False, 2)
    assert await kept(desk) == second.rulebook


async def test_at_once_they_come_one_after_the_other(desk: Desk) -> None:
    await asyncio.gather(*(tell(desk, own_reference(sd=10.0 + place)) for place in range(6)))
    assert [(item.number, item.version) for item in (await kept(desk)).forms] == [(n, n) for n in range(1, 7)]


async def test_a_key_that_is_none_any_more_sets_nothing(desk: Desk) -> None:
    assert (await tell(desk, own_reference(), key_id="no-such")).refusal == Refusal("key-revoked")
    assert (await kept(desk)).number == 0
    assert (await tell(desk, own_reference(), key_id="operator", by_key=False)).created


async def test_what_does_not_fit_leaves_nothing_behind(desk: Desk) -> None:
    with pytest.raises(InvalidReferences):
        await tell(desk, own_reference("no-such"))
    assert (await kept(desk)).number == 0
