"""Roles that ratings name: the latest session's, and nobody's of another organization."""

from uuid import uuid4

import pytest

from service.db.engine import transaction
from service.db.roles import roles_of_raters
from service.domain.model import MemberRole
from tests.factories import CASE, held_at, post, rating_facts
from tests.writes import Desk

pytestmark = pytest.mark.anyio


async def test_the_role_of_a_rater_is_that_of_the_latest_session(desk: Desk) -> None:
    await desk.write(
        post(rating_facts("ana", session_id="s1", held_at=held_at(1))),
        post(rating_facts("ana", session_id="s2", held_at=held_at(2), rater_role=MemberRole.sibling)),
        post(rating_facts("eva", session_id="s2", held_at=held_at(2))),
        post(rating_facts("dr-7", session_id="s2", held_at=held_at(2))),
    )
    async with transaction(desk.engine, desk.organization) as db:
        roles = await roles_of_raters(db, [CASE, "nobody"])
    assert roles == {CASE: {"ana": "sibling", "eva": "parent"}, "nobody": {}}
    stored = await desk.stored()
    assert stored.carries[CASE, "s2"][1].roles["ana"] == "sibling"  # the fold says the same
    async with transaction(desk.engine, uuid4()) as stranger:
        assert await roles_of_raters(stranger, [CASE]) == {CASE: {}}
