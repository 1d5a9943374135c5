from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from service.db.bearers import PROVIDER, Bearer, admitted
from service.db.engine import transaction
from service.db.providers import Provider, find_provider, remove_provider, set_provider
from service.db.tables import AuditRow, table_of
from tests.factories import NOW
from tests.writes import Desk

pytestmark = pytest.mark.anyio

ENDS = NOW + timedelta(minutes=5)
LATER = NOW + timedelta(seconds=1)
WANTED = Provider(
    issuer="https://id.clinic.example/",
    audience="evenkeel",
    jwks_address="https://id.clinic.example/jwks",
    therapists_claim="supervises",
    scopes=frozenset({"alerts:read", "course:read"}),
)


async def test_it_is_set_found_replaced_and_removed(desk: Desk) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        assert await find_provider(db) is None
        assert not await remove_provider(db, NOW)
        first = await set_provider(db, WANTED, NOW)
        assert await find_provider(db) == first
        second = await set_provider(db, WANTED, LATER)
        assert await find_provider(db) == second
        assert second.revision > first.revision
    async with transaction(desk.engine, uuid4()) as stranger:
        assert await find_provider(stranger) is None
        assert not await remove_provider(stranger, NOW)
    async with transaction(desk.engine, desk.organization) as db:
        assert await remove_provider(db, LATER)
        assert await find_provider(db) is None
        audit = table_of(AuditRow)
        mine = select(audit.c.key_id, audit.c.action).where(audit.c.organization_id == db.organization_id)
        noted = sorted(tuple(row) for row in await db.execute(mine))
    assert [item for item in noted if item[1].startswith("provider")] == [
        ("operator", "provider.removed"),
        ("operator", "provider.set"),
        ("operator", "provider.set"),
    ]


async def test_whom_it_let_in_is_admitted_as_long_as_it_is_set_so(desk: Desk) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        made = await set_provider(db, WANTED, NOW)
        bearer = Bearer(
            organization_id=desk.organization,
            key_id=PROVIDER,
            provider=made.revision,
            person="dr-7",
            caseload=("dr-7",),
            ends_at=ENDS,
        )
        assert bearer.name == "provider/dr-7"
        assert await admitted(db, bearer, ENDS - timedelta(seconds=1))
        assert not await admitted(db, bearer, ENDS)  # as for who listens to a stream
        await set_provider(db, WANTED, LATER)
        assert not await admitted(db, bearer, LATER)
        await remove_provider(db, LATER)
        assert not await admitted(db, bearer, LATER)
