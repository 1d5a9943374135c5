"""Front-end tokens in their table: as they were minted, ended with their key, forgotten when they are long over."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from service.db.engine import transaction
from service.db.front_tokens import KEPT, FrontToken, find_token, revoke_token, store_token
from service.db.identity import Key
from service.db.tables import AuditRow, table_of
from service.domain.subscription import Role
from tests.factories import KEY, NOW
from tests.writes import Desk, keys

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)
ENDS = NOW + timedelta(minutes=15)
OF_KEY = Key(KEY, b"", ("all",), NOW, None, None)


def token(**facts: object) -> FrontToken:
    usual = FrontToken(
        token_id=uuid4(),
        key_id=KEY,
        person="sup-1",
        role=Role.supervisor,
        therapists=("dr-7", "dr-9"),
        scopes=frozenset({"alerts:read", "course:read"}),
        issued_at=NOW,
        expires_at=ENDS,
        key=OF_KEY,
    )
    return replace(usual, **facts)  # type: ignore[arg-type]


async def _stored(desk: Desk, *made: FrontToken) -> None:
    for item in made:
        async with transaction(desk.engine, desk.organization) as db:
            await store_token(db, item)


async def test_it_comes_back_as_it_was_minted_to_its_own_organization(desk: Desk) -> None:
    made = token()
    await _stored(desk, made)
    async with transaction(desk.engine, desk.organization) as db:
        assert await find_token(db, made.token_id) == made
        assert await find_token(db, uuid4()) is None
    async with transaction(desk.engine, uuid4()) as stranger:
        assert await find_token(stranger, made.token_id) is None
        assert await revoke_token(stranger, KEY, made.token_id, NOW) is None


@pytest.mark.parametrize(
    ("facts", "of_key", "at", "valid"),
    [
        ({}, {}, NOW, True),
        ({}, {}, ENDS - SECOND, True),
        ({}, {}, ENDS, False),
        ({"revoked_at": NOW}, {}, NOW, False),
        ({}, {"expires_at": NOW + SECOND}, NOW, True),
        ({}, {"expires_at": NOW}, NOW, False),
        ({}, {"revoked_at": NOW}, NOW, False),
    ],
)
async def test_until_when_it_is_valid(
    desk: Desk, facts: dict[str, object], of_key: dict[str, datetime], at: datetime, valid: bool
) -> None:
    made = token(**facts)
    await _stored(desk, made)
    async with transaction(desk.engine, desk.organization) as db:
        if of_key:
            await db.execute(update(keys).where(keys.c.organization_id == db.organization_id).values(**of_key))
        found = await find_token(db, made.token_id)
    assert found is not None
    assert found.valid(at) is valid


async def test_it_is_ended_once(desk: Desk) -> None:
    made, other = token(), token()
    await _stored(desk, made, other)
    for at in (NOW + SECOND, NOW + 2 * SECOND):
        async with transaction(desk.engine, desk.organization) as db:
            ended = await revoke_token(db, "key-2", made.token_id, at)
        assert ended == replace(made, revoked_at=NOW + SECOND)
    async with transaction(desk.engine, desk.organization) as db:
        assert await find_token(db, other.token_id) == other
        audit = table_of(AuditRow)
        mine = (audit.c.organization_id == db.organization_id, audit.c.thing == f"token/{made.token_id}")
        noted = (await db.execute(select(audit.c.key_id, audit.c.action).where(*mine).order_by(audit.c.at))).all()
    assert [tuple(row) for row in noted] == [(KEY, "token.created"), ("key-2", "token.revoked")]


async def test_what_is_long_over_is_forgotten_when_the_next_is_minted(desk: Desk) -> None:
    over, nearly = token(), token(expires_at=ENDS + SECOND)
    await _stored(desk, over, nearly, token(issued_at=ENDS + KEPT + SECOND, expires_at=ENDS + 2 * KEPT))
    async with transaction(desk.engine, desk.organization) as db:
        assert await find_token(db, over.token_id) is None
        assert await find_token(db, nearly.token_id) is not None
