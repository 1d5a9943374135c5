import hashlib
import string
import zlib
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import identity
from service.db.engine import transaction
from service.db.identity import (
    SCOPES,
    IdentityError,
    Key,
    create_key,
    create_organization,
    find_key,
    find_organization,
    list_keys,
    parse_token,
    revoke_key,
    rotate_key,
)
from service.db.tables import AuditRow, table_of

pytestmark = pytest.mark.anyio

AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
# organization, key id and secret by hand; the checksum is crc32(body) in base 62, digits, upper, lower case
BODY = "ek_0123456789abcdef0123456789abcdef_key000000001_" + "s" * 43
TOKEN = BODY + "4dAn5I"


def _name() -> str:
    return f"clinic {uuid4()}"


def test_a_token_by_hand() -> None:
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    number = 0
    for digit in TOKEN.removeprefix(BODY):
        number = number * 62 + digits.index(digit)
    assert number == zlib.crc32(BODY.encode())
    token = parse_token(TOKEN)
    assert token is not None
    assert token.organization_id == UUID("0123456789abcdef0123456789abcdef")
    assert (token.key_id, token.secret) == ("key000000001", "s" * 43)


def test_a_token_does_not_show_its_secret() -> None:
    assert "ssss" not in repr(parse_token(TOKEN))


@pytest.mark.parametrize(
    "text",
    ["", "ek_", TOKEN[:-1], TOKEN + "0", TOKEN + "\n", " " + TOKEN, TOKEN.replace("ek_", "ek_test_"), "é" + TOKEN[1:]],
)
def test_what_is_no_token(text: str) -> None:
    assert parse_token(text) is None


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(string.ascii_letters + string.digits + "_-. é"))
def test_one_wrong_character_is_found_without_a_query(place: int, character: str) -> None:
    slip = TOKEN[:place] + character + TOKEN[place + 1 :]
    assert (parse_token(slip) is None) == (slip != TOKEN)


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=130))
def test_any_text_is_a_token_or_not(text: str) -> None:
    parse_token(text)
    parse_token("ek_" + text)


async def test_a_created_key_opens_and_only_its_hash_is_kept(engine: AsyncEngine) -> None:
    organization = await create_organization(engine, _name(), False, AT)
    text = await create_key(engine, organization.organization_id, ["ratings:write", "course:read"], AT)
    token = parse_token(text)
    assert text.startswith(f"ek_{organization.organization_id.hex}_")
    assert token is not None
    async with transaction(engine, organization.organization_id) as db:
        key = await find_key(db, token.key_id)
    assert key is not None
    assert key.scopes == {"ratings:write", "course:read"}
    assert key.secret_hash == hashlib.sha256(token.secret.encode()).digest()
    assert key.opened_by(token)
    other = parse_token(await create_key(engine, organization.organization_id, ["all"], AT))
    assert other is not None
    assert not key.opened_by(other)
    assert token.secret not in repr(key)


async def test_test_organizations_have_test_tokens(engine: AsyncEngine) -> None:
    organization = await create_organization(engine, _name(), True, AT)
    text = await create_key(engine, organization.organization_id, ["all"], AT)
    assert text.startswith("ek_test_")
    assert parse_token(text) is not None
    (key,) = await list_keys(engine, organization.organization_id)
    assert key.scopes == set(SCOPES)
    assert key.granted == ("all",)


@pytest.mark.parametrize("scopes", [[], ["ratings:read"], ["all", "cases"], [""]])
async def test_unknown_scopes_are_refused(engine: AsyncEngine, organization: UUID, scopes: list[str]) -> None:
    with pytest.raises(IdentityError, match="ratings:write"):
        await create_key(engine, organization, scopes, AT)
    assert await list_keys(engine, organization) == []


async def test_a_key_needs_an_organization(engine: AsyncEngine) -> None:
    with pytest.raises(IdentityError, match="No organization"):
        await create_key(engine, uuid4(), ["all"], AT)


async def test_a_key_expires_later_than_it_is_made(engine: AsyncEngine, organization: UUID) -> None:
    with pytest.raises(IdentityError, match="expire"):
        await create_key(engine, organization, ["all"], AT, AT)


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", "x" * 201, "0123456789abcdef0123456789abcdef", "d3baa80b-e90e-45b3-a1c8-64bc4df0f7a2"]
)
async def test_bad_names_are_refused(engine: AsyncEngine, name: str) -> None:
    with pytest.raises(IdentityError, match="printable"):
        await create_organization(engine, name, False, AT)


async def test_organizations_are_found_by_name_or_id(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    name = _name()
    first = await create_organization(engine, f" {name} ", False, AT)
    assert first.name == name
    for text in (name, str(first.organization_id), first.organization_id.hex):
        assert await find_organization(engine, text) == first
    with pytest.raises(IdentityError, match="has this name"):
        await create_organization(engine, name, True, AT)
    with pytest.raises(IdentityError, match="No organization"):
        await find_organization(engine, _name())


async def test_a_name_of_two_organizations_is_refused(engine: AsyncEngine) -> None:
    name = _name()  # names are no key, so two who create at one instant can both have it
    first = await create_organization(engine, name, False, AT)
    second = await create_organization(engine, _name(), False, AT)
    async with transaction(engine, second.organization_id) as db:
        table = identity.organizations_table
        await db.execute(table.update().where(table.c.organization_id == db.organization_id).values(name=name))
    with pytest.raises(IdentityError, match="Several"):
        await find_organization(engine, name)
    assert await find_organization(engine, str(first.organization_id)) == first


async def _key(engine: AsyncEngine, organization: UUID, key_id: str) -> Key:
    (key,) = [key for key in await list_keys(engine, organization) if key.key_id == key_id]
    return key


async def test_revoking_is_at_once_and_for_good(engine: AsyncEngine, organization: UUID) -> None:
    await create_key(engine, organization, ["all"], AT)
    (key,) = await list_keys(engine, organization)
    await revoke_key(engine, organization, key.key_id, AT + DAY)
    await revoke_key(engine, organization, key.key_id, AT + 2 * DAY)
    revoked = await _key(engine, organization, key.key_id)
    assert revoked.revoked_at == AT + DAY
    assert not revoked.valid(AT)
    with pytest.raises(IdentityError, match="no longer valid"):
        await rotate_key(engine, organization, key.key_id, AT + DAY, DAY)
    with pytest.raises(IdentityError, match="no key"):
        await revoke_key(engine, organization, "key000000001", AT)


async def test_a_key_of_another_organization_is_not_there(engine: AsyncEngine, organization: UUID) -> None:
    other = await create_organization(engine, _name(), False, AT)
    token = parse_token(await create_key(engine, other.organization_id, ["all"], AT))
    assert token is not None
    with pytest.raises(IdentityError, match="no key"):
        await revoke_key(engine, organization, token.key_id, AT)
    async with transaction(engine, organization) as db:
        assert await find_key(db, token.key_id) is None


@pytest.mark.parametrize(
    ("lifetime", "overlap", "old_ends", "new_ends"),
    [
        (None, DAY, 11 * DAY, None),
        (None, 0 * DAY, 10 * DAY, None),
        (30 * DAY, 7 * DAY, 17 * DAY, 40 * DAY),
        (30 * DAY, 25 * DAY, 30 * DAY, 40 * DAY),  # an overlap never makes a key live longer
    ],
)
async def test_rotation(
    engine: AsyncEngine,
    organization: UUID,
    lifetime: timedelta | None,
    overlap: timedelta,
    old_ends: timedelta,
    new_ends: timedelta | None,
) -> None:
    await create_key(engine, organization, ["all"], AT, None if lifetime is None else AT + lifetime)
    (old,) = await list_keys(engine, organization)
    token = parse_token(await rotate_key(engine, organization, old.key_id, AT + 10 * DAY, overlap))
    assert token is not None
    new = await _key(engine, organization, token.key_id)
    old = await _key(engine, organization, old.key_id)
    assert new.granted == ("all",)
    assert new.opened_by(token)
    assert old.expires_at == AT + old_ends
    assert new.expires_at == (None if new_ends is None else AT + new_ends)
    assert not old.valid(AT + old_ends)
    assert old.valid(AT + old_ends - timedelta(seconds=1))


async def test_a_negative_overlap_is_refused(engine: AsyncEngine, organization: UUID) -> None:
    with pytest.raises(IdentityError, match="negative"):
        await rotate_key(engine, organization, "key000000001", AT, -DAY)


async def test_what_the_operator_did_is_in_the_audit(engine: AsyncEngine) -> None:
    organization = await create_organization(engine, _name(), False, AT)
    await create_key(engine, organization.organization_id, ["all"], AT)
    (key,) = await list_keys(engine, organization.organization_id)
    await rotate_key(engine, organization.organization_id, key.key_id, AT, DAY)
    await revoke_key(engine, organization.organization_id, key.key_id, AT)
    audit = table_of(AuditRow)
    async with transaction(engine, organization.organization_id) as db:
        mine = select(audit.c.key_id, audit.c.action).where(audit.c.organization_id == db.organization_id)
        found = (await db.execute(mine.order_by(audit.c.audit_id))).all()
    actions = ["organization.created", "key.created", "key.created", "key.rotated", "key.revoked"]
    assert [tuple(row) for row in found] == [("operator", action) for action in actions]
