from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from service.db.bearers import Bearer, admitted
from service.db.engine import transaction
from service.db.front_tokens import revoke_token, store_token
from tests.db.test_front_tokens import ENDS, token
from tests.factories import KEY, NOW
from tests.writes import Desk, keys

pytestmark = pytest.mark.anyio


def test_what_the_audit_calls_them() -> None:
    assert Bearer(organization_id=uuid4(), key_id=KEY).name == KEY
    assert (
        Bearer(organization_id=uuid4(), key_id=KEY, token_id=UUID(int=7), person="dr-7").name == f"token/{UUID(int=7)}"
    )


async def test_a_key_and_its_token_are_admitted_until_they_end(desk: Desk) -> None:
    made = token()
    with_key = desk.bearer()
    with_token = Bearer(organization_id=desk.organization, key_id=KEY, token_id=made.token_id, caseload=("dr-7",))
    unknown = Bearer(organization_id=desk.organization, key_id=KEY, token_id=uuid4())
    async with transaction(desk.engine, desk.organization) as db:
        await store_token(db, made)
        assert await admitted(db, with_key, NOW)
        assert await admitted(db, with_token, NOW)
        assert not await admitted(db, unknown, NOW)
        assert not await admitted(db, desk.bearer("gone"), NOW)
        assert not await admitted(db, with_token, ENDS)
        await revoke_token(db, KEY, made.token_id, NOW)
        assert not await admitted(db, with_token, NOW)
        assert await admitted(db, with_key, NOW)


@pytest.mark.parametrize("ended", ["revoked_at", "expires_at"])
async def test_a_token_ends_with_its_key(desk: Desk, ended: str) -> None:
    made = token()
    bearers = desk.bearer(), Bearer(organization_id=desk.organization, key_id=KEY, token_id=made.token_id)
    async with transaction(desk.engine, desk.organization) as db:
        await store_token(db, made)
        own = keys.c.organization_id == db.organization_id
        await db.execute(update(keys).where(own).values({ended: NOW + timedelta(minutes=1)}))
        after = NOW + timedelta(minutes=1)
        assert [await admitted(db, bearer, after) for bearer in bearers] == [False, False]
