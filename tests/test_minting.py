from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from service.db.engine import transaction
from service.db.front_tokens import find_token
from service.domain.subscription import Role
from service.minting import Minted, Wanted, mint, revoke
from tests.factories import KEY, NOW
from tests.writes import Desk, keys

pytestmark = pytest.mark.anyio

WANTED = Wanted(
    person="dr-7",
    role=Role.therapist,
    therapists=("dr-7",),
    scopes=["alerts:read"],
    lifetime=timedelta(minutes=15),
)


def _code(done: Minted) -> str | None:
    return done.refusal.code if done.refusal else None


async def _end_key(desk: Desk, **ends: datetime) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        await db.execute(update(keys).where(keys.c.organization_id == db.organization_id).values(**ends))


async def test_each_is_a_token_of_its_own_and_stored(desk: Desk) -> None:
    minted = [(await mint(desk.engine, desk.bearer(), WANTED, NOW)).token for _ in range(2)]
    assert minted[0] is not None
    assert minted[1] is not None
    assert minted[0].token_id != minted[1].token_id
    assert minted[0].expires_at == NOW + timedelta(minutes=15)
    async with transaction(desk.engine, desk.organization) as db:
        assert [await find_token(db, token.token_id) for token in minted if token] == minted


@pytest.mark.parametrize(("minutes", "lives"), [(10, 10), (15, 15), (20, 15)])
async def test_it_never_outlives_its_key(desk: Desk, minutes: int, lives: int) -> None:
    await _end_key(desk, expires_at=NOW + timedelta(minutes=minutes))
    token = (await mint(desk.engine, desk.bearer(), WANTED, NOW)).token
    assert token is not None
    assert token.expires_at == NOW + timedelta(minutes=lives)


async def test_it_ends_with_a_whole_second(desk: Desk) -> None:
    token = (await mint(desk.engine, desk.bearer(), WANTED, NOW + timedelta(microseconds=700_000))).token
    assert token is not None
    assert token.expires_at == NOW + timedelta(minutes=15)


async def test_a_key_that_ended_mints_and_ends_nothing(desk: Desk) -> None:
    token = (await mint(desk.engine, desk.bearer(), WANTED, NOW)).token
    assert token is not None
    assert _code(await mint(desk.engine, desk.bearer("gone"), WANTED, NOW)) == "key-revoked"
    await _end_key(desk, revoked_at=NOW)
    assert _code(await mint(desk.engine, desk.bearer(), WANTED, NOW)) == "key-revoked"
    assert _code(await revoke(desk.engine, desk.bearer(), token.token_id, NOW)) == "key-revoked"


async def test_ending(desk: Desk) -> None:
    token = (await mint(desk.engine, desk.bearer(), WANTED, NOW)).token
    assert token is not None
    later = NOW + timedelta(minutes=1)
    for at in (later, NOW + timedelta(hours=2)):  # again, and when it is over
        assert (await revoke(desk.engine, desk.bearer(KEY), token.token_id, at)).token == replace(
            token, revoked_at=later
        )
    assert _code(await revoke(desk.engine, desk.bearer(), uuid4(), NOW)) == "not-found"
