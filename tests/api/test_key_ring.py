"""Keys: they end at once, wherever they are used."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.identity import parse_token, revoke_key, rotate_key
from tests.api.bodies import hostile, rating
from tests.api.conftest import Clock, NewKey, client_of
from tests.factories import NOW

pytestmark = pytest.mark.anyio


def key_id(key: str) -> str:
    token = parse_token(key)
    assert token is not None
    return token.key_id


def ways(client: httpx.AsyncClient, alert_id: str) -> list[Callable[[], Awaitable[httpx.Response]]]:
    """Return the ways to use a key: to read, write, in a batch, to handle, for a ticket, and for what does not fit."""
    line = b'{"type": "case", "case_id": "fam-1"}\n'
    act = {"id": "h", "action": "acknowledge", "by": "dr-7"}
    json_type, lines_type = {"Content-Type": "application/json"}, {"Content-Type": "application/x-ndjson"}
    return [
        lambda: client.get("/v1/cases"),
        lambda: client.get("/v1/instruments"),
        lambda: client.post("/v1/ratings", json=rating("eva")),
        lambda: client.put("/v1/cases/fam-42", json={}),
        lambda: client.post("/v1/batch", content=line, headers=lines_type),
        lambda: client.post(f"/v1/alerts/{alert_id}/handling", json=act),
        lambda: client.post("/v1/changes/stream/tickets"),
        lambda: client.post("/v1/ratings", json={}),
        lambda: client.post("/v1/ratings", content=b"{", headers=json_type),
        lambda: client.post("/v1/ratings", content=b"{}", headers={"Content-Type": "text/plain"}),
    ]


async def each_way(client: httpx.AsyncClient, alert_id: str) -> list[int]:
    return [(await use()).status_code for use in ways(client, alert_id)]


OPEN = [200, 200, 200, 200, 200, 200, 201, 422, 400, 415]


class TestEndsOfKeys:
    @pytest.fixture
    async def alert_id(self, client: httpx.AsyncClient) -> str:
        await client.put("/v1/cases/fam-42/sessions/s1", json=hostile())
        await client.put("/v1/cases/fam-42", json={})
        await client.post("/v1/ratings", json=rating("eva"))
        (alert,) = (await client.get("/v1/alerts")).json()["items"]
        return str(alert["alert_id"])

    async def test_a_revoked_one_opens_nothing_from_then_on(
        self, app: FastAPI, engine: AsyncEngine, organization: UUID, new_key: NewKey, alert_id: str
    ) -> None:
        key = await new_key()
        async with client_of(app, key) as user:
            assert await each_way(user, alert_id) == OPEN
            await revoke_key(engine, organization, key_id(key), NOW)
            assert await each_way(user, alert_id) == [401] * len(OPEN)

    @pytest.mark.parametrize("way", range(len(OPEN)))
    async def test_the_first_use_after_revoking_already_fails(
        self, app: FastAPI, engine: AsyncEngine, organization: UUID, new_key: NewKey, alert_id: str, way: int
    ) -> None:
        """Writes rely on a key that was looked up before; the unit of writing asks again under its locks."""
        key = await new_key()
        async with client_of(app, key) as user:
            await user.get("/v1/instruments")  # this process knows the key now
            await revoke_key(engine, organization, key_id(key), NOW)
            assert (await ways(user, alert_id)[way]()).status_code == 401

    async def test_an_expired_one_opens_nothing(
        self, app: FastAPI, clock: Clock, new_key: NewKey, alert_id: str
    ) -> None:
        async with client_of(app, await new_key(expires_at=NOW + timedelta(hours=1))) as user:
            clock.pass_by(minutes=59)
            assert await each_way(user, alert_id) == OPEN
            clock.pass_by(minutes=1)
            assert await each_way(user, alert_id) == [401] * len(OPEN)

    async def test_a_rotated_one_overlaps_with_the_new_one(
        self, app: FastAPI, clock: Clock, engine: AsyncEngine, organization: UUID, new_key: NewKey, alert_id: str
    ) -> None:
        old = await new_key()
        new = await rotate_key(engine, organization, key_id(old), NOW, timedelta(days=7))
        async with client_of(app, old) as before, client_of(app, new) as after:
            assert await each_way(before, alert_id) == await each_way(after, alert_id) == OPEN
            clock.pass_by(days=7)
            assert await each_way(before, alert_id) == [401] * len(OPEN)
            assert await each_way(after, alert_id) == OPEN

    async def test_what_a_revoked_key_wrote_is_not_stored(
        self, app: FastAPI, client: httpx.AsyncClient, engine: AsyncEngine, organization: UUID, new_key: NewKey
    ) -> None:
        key = await new_key()
        async with client_of(app, key) as user:
            assert (await user.put("/v1/cases/one", json={})).status_code == 201
            await revoke_key(engine, organization, key_id(key), NOW)
            refused = await user.put("/v1/cases/two", json={})
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert [item["case_id"] for item in (await client.get("/v1/cases")).json()["items"]] == ["one"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_in_any_case(app: FastAPI, key: str, scheme: str) -> None:
    async with client_of(app, None) as client:
        headers = {"Authorization": f"{scheme}  {key} "}
        assert (await client.get("/v1/cases", headers=headers)).status_code == 200
        for other in (f"Basic {key}", key, f"Token {key}", "Bearer"):
            assert (await client.get("/v1/cases", headers={"Authorization": other})).status_code == 401
