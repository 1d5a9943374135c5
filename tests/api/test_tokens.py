"""Front-end tokens: minted with a key, ended at once, no more than the key may do, in nobody else's name."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from joserfc.jws import extract_compact
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import transaction
from service.db.identity import parse_token, revoke_key
from service.db.tables import AuditRow, table_of
from service.main import create_app
from service.settings import Settings
from tests.api.bodies import Document, episode, hostile, members, rating, repair
from tests.api.conftest import Clock, NewKey, client_of
from tests.factories import NOW

pytestmark = pytest.mark.anyio

ALL_SCOPES = ["alerts:read", "alerts:handle", "course:read"]
MINE: Document = {"person": "dr-7", "scopes": ALL_SCOPES}
SUPERVISOR: Document = {"person": "sup-1", "role": "supervisor", "therapists": ["dr-9", "dr-7", "dr-9"]}

Minting = Callable[..., Awaitable[Document]]


@pytest.fixture
def minted(client: httpx.AsyncClient) -> Minting:
    """Return what mints tokens with the key of every scope."""

    async def minting(**facts: Any) -> Document:
        answered = await client.post("/v1/tokens", json={**MINE, **facts})
        assert answered.status_code == 201, answered.text
        found: Document = answered.json()
        return found

    return minting


@pytest.fixture
async def alert_id(client: httpx.AsyncClient) -> str:
    """Let Ana be hostile in a case of dr-7's; return the alert."""
    await client.put("/v1/cases/fam-42", json={"members": members("ana"), "therapists": ["dr-7"]})
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile())
    (alert,) = (await client.get("/v1/alerts")).json()["items"]
    return str(alert["alert_id"])


class TestMinting:
    async def test_what_comes_back(self, client: httpx.AsyncClient, minted: Minting) -> None:
        made = await minted()
        text = made.pop("token")
        assert made.pop("token_id") in (await client.delete(f"/v1/tokens/{key_of(text)}")).text
        assert made == {
            "person": "dr-7",
            "role": "therapist",
            "therapists": ["dr-7"],
            "scopes": sorted(ALL_SCOPES),
            "issued_at": "2026-06-01T12:00:00.000Z",
            "expires_at": "2026-06-01T12:15:00.000Z",
            "revoked_at": None,
        }

    async def test_of_a_supervisor(self, minted: Minting) -> None:
        made = await minted(**SUPERVISOR, scopes=["alerts:read", "alerts:read"])
        assert (made["role"], made["therapists"], made["scopes"]) == ("supervisor", ["dr-7", "dr-9"], ["alerts:read"])

    async def test_no_cache_keeps_it(self, client: httpx.AsyncClient) -> None:
        assert (await client.post("/v1/tokens", json=MINE)).headers["cache-control"] == "no-store"

    @pytest.mark.parametrize(
        ("facts", "pointer", "code"),
        [
            ({"person": "therapist"}, "/person", "reserved-id"),
            ({"person": "a b"}, "/person", "bad-format"),
            ({"person": None}, "/person", "not-a-string"),
            ({"role": "admin"}, "/role", "unknown-value"),
            ({"scopes": []}, "/scopes", "too-few"),
            ({"scopes": ["ratings:write"]}, "/scopes/0", "unknown-value"),
            ({"scopes": ["tokens:write"]}, "/scopes/0", "unknown-value"),
            ({"scopes": ["all"]}, "/scopes/0", "unknown-value"),
            ({"lifetime": 59}, "/lifetime", "greater-than-equal"),
            ({"lifetime": 3601}, "/lifetime", "less-than-equal"),
            ({"lifetime": 60.5}, "/lifetime", "not-integer"),
            ({"therapists": ["dr-7"]}, "/therapists", "therapists-of-supervisor"),
            ({"role": "supervisor"}, "/therapists", "therapists-of-supervisor"),
            ({"role": "supervisor", "therapists": []}, "/therapists", "too-few"),
            ({"role": "supervisor", "therapists": ["d"] * 201}, "/therapists", "too-many"),
            ({"cases": ["fam-42"]}, "/cases", "unknown-field"),
        ],
    )
    async def test_what_does_not_fit(self, client: httpx.AsyncClient, facts: Document, pointer: str, code: str) -> None:
        answered = await client.post("/v1/tokens", json={**MINE, **facts})
        assert answered.status_code == 422
        assert [(item["pointer"], item["code"]) for item in answered.json()["errors"]] == [(pointer, code)]

    @pytest.mark.parametrize("lifetime", [60, 3600])
    async def test_lifetimes(self, app: FastAPI, clock: Clock, minted: Minting, lifetime: int) -> None:
        made = await minted(lifetime=lifetime)
        async with client_of(app, made["token"]) as phone:
            clock.pass_by(seconds=lifetime - 1)
            assert (await phone.get("/v1/alerts")).status_code == 200
            clock.pass_by(seconds=1)
            assert (await phone.get("/v1/alerts")).status_code == 401

    async def test_no_scope_that_the_key_has_not(self, app: FastAPI, new_key: NewKey) -> None:
        async with client_of(app, await new_key("tokens:write", "alerts:read")) as backend:
            assert (await backend.post("/v1/tokens", json={**MINE, "scopes": ["alerts:read"]})).status_code == 201
            refused = await backend.post("/v1/tokens", json=MINE)
        assert (refused.status_code, refused.json()["code"]) == (403, "missing-scope")
        assert "alerts:handle" in refused.json()["detail"]

    async def test_a_token_mints_and_ends_none(self, app: FastAPI, minted: Minting) -> None:
        made = await minted()
        async with client_of(app, made["token"]) as phone:
            refused = [
                await phone.post("/v1/tokens", json=MINE),
                await phone.delete(f"/v1/tokens/{made['token_id']}"),
            ]
        assert [(item.status_code, item.json()["code"]) for item in refused] == [(403, "not-for-tokens")] * 2

    async def test_a_service_without_secret_keys_mints_none(self, settings: Settings, clock: Clock, key: str) -> None:
        bare = create_app(settings.model_copy(update={"secret_keys": None}), clock)
        async with bare.router.lifespan_context(bare), client_of(bare, key) as client:
            answered = await client.post("/v1/tokens", json=MINE)
        assert (answered.status_code, answered.json()["code"]) == (409, "no-secret-keys")


def key_of(text: str) -> str:
    """Return the id of a token, which its text names."""
    return str(json.loads(extract_compact(text.removeprefix("et_").encode()).payload)["jti"])


def uses(phone: httpx.AsyncClient, alert_id: str) -> list[Callable[[], Awaitable[httpx.Response]]]:
    """Return the ways to use a token: to read, for the catalogues, to handle, and for what does not fit."""
    act = {"id": "h", "action": "acknowledge", "by": "dr-7"}
    return [
        lambda: phone.get("/v1/alerts"),
        lambda: phone.get("/v1/rules"),
        lambda: phone.get("/v1/cases/fam-42/course"),
        lambda: phone.post(f"/v1/alerts/{alert_id}/handling", json=act),
        lambda: phone.post(f"/v1/alerts/{alert_id}/repairs", json=repair()),
        lambda: phone.post("/v1/cases/fam-42/episodes", json=episode(alert_id)),
        lambda: phone.post(f"/v1/alerts/{alert_id}/handling", json={}),
        lambda: phone.post("/v1/batch", content=b""),
    ]


OPEN = [200, 200, 200, 200, 200, 200, 422, 403]


class TestEnds:
    """Each is at once: the process that knows the token asks again, reads before they answer and writes under locks."""

    async def _end(
        self, how: str, client: httpx.AsyncClient, clock: Clock, engine: AsyncEngine, made: Document, key: str
    ) -> None:
        match how:
            case "the token revoked":
                assert (await client.delete(f"/v1/tokens/{made['token_id']}")).status_code == 200
            case "its key revoked":
                token = parse_token(key)
                assert token is not None
                await revoke_key(engine, token.organization_id, token.key_id, NOW)
            case _:
                clock.pass_by(minutes=15)

    @pytest.mark.parametrize("how", ["the token revoked", "its key revoked", "its time over"])
    @pytest.mark.parametrize("way", range(len(OPEN)))
    async def test_the_first_use_after_it_already_fails(
        self,
        app: FastAPI,
        client: httpx.AsyncClient,
        clock: Clock,
        engine: AsyncEngine,
        new_key: NewKey,
        alert_id: str,
        how: str,
        way: int,
    ) -> None:
        key = await new_key()
        async with client_of(app, key) as backend:
            made = (await backend.post("/v1/tokens", json=MINE)).json()
        async with client_of(app, made["token"]) as phone:
            assert [(await use()).status_code for use in uses(phone, alert_id)] == OPEN
            await self._end(how, client, clock, engine, made, key)
            first = await uses(phone, alert_id)[way]()
            assert (first.status_code, first.json()["code"]) == (401, "no-key")
            assert first.headers["www-authenticate"] == "Bearer"
            assert [(await use()).status_code for use in uses(phone, alert_id)] == [401] * len(OPEN)

    async def test_ending_it_again_changes_nothing(
        self, client: httpx.AsyncClient, clock: Clock, minted: Minting
    ) -> None:
        made = await minted()
        clock.pass_by(minutes=1)
        ended = (await client.delete(f"/v1/tokens/{made['token_id']}")).json()
        clock.pass_by(minutes=1)
        assert (await client.delete(f"/v1/tokens/{made['token_id']}")).json() == ended
        assert ended == {**{name: made[name] for name in made if name != "token"}, "revoked_at": at(minutes=1)}

    async def test_another_goes_on(self, app: FastAPI, client: httpx.AsyncClient, minted: Minting) -> None:
        made, other = await minted(), await minted()
        await client.delete(f"/v1/tokens/{made['token_id']}")
        async with client_of(app, other["token"]) as phone:
            assert (await phone.get("/v1/alerts")).status_code == 200

    async def test_it_does_not_open_what_another_organization_has(
        self, app: FastAPI, client: httpx.AsyncClient, minted: Minting, new_key: NewKey, other_organization: UUID
    ) -> None:
        made = await minted()
        async with client_of(app, await new_key(of=other_organization)) as stranger:
            assert (await stranger.delete(f"/v1/tokens/{made['token_id']}")).status_code == 404


def at(**passed: float) -> str:
    return (NOW + timedelta(**passed)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TestPerson:
    """Whoever holds a token acts in their own name, and the audit knows by which token."""

    @pytest.mark.parametrize("way", ["handling", "repairs", "episodes"])
    async def test_nobody_acts_in_the_name_of_another(
        self, app: FastAPI, client: httpx.AsyncClient, minted: Minting, alert_id: str, way: str
    ) -> None:
        path = "/v1/cases/fam-42/episodes" if way == "episodes" else f"/v1/alerts/{alert_id}/{way}"
        body = {
            "handling": {"id": "h-1", "action": "acknowledge"},
            "repairs": repair(),
            "episodes": episode(alert_id),
        }[way]
        async with client_of(app, (await minted())["token"]) as phone:
            refused = await phone.post(path, json={**body, "by": "dr-8"})
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/by")
            assert "dr-8" not in refused.text
            assert (await phone.post(path, json={**body, "by": "dr-7"})).status_code == 200

    async def test_a_supervisor_is_themselves_and_none_of_theirs(
        self, app: FastAPI, minted: Minting, alert_id: str
    ) -> None:
        act = {"id": "h-1", "action": "acknowledge"}
        async with client_of(app, (await minted(**SUPERVISOR))["token"]) as phone:
            for by, status in (("dr-7", 422), ("sup-1", 200)):
                answered = await phone.post(f"/v1/alerts/{alert_id}/handling", json={**act, "by": by})
                assert answered.status_code == status

    async def test_the_audit_names_the_token(
        self, app: FastAPI, engine: AsyncEngine, organization: UUID, minted: Minting, alert_id: str
    ) -> None:
        made = await minted()
        async with client_of(app, made["token"]) as phone:
            await phone.post(f"/v1/alerts/{alert_id}/repairs", json=repair())
        audit = table_of(AuditRow)
        async with transaction(engine, organization) as db:
            mine = (audit.c.organization_id == organization, audit.c.thing == f"alert/{alert_id}")
            names = (await db.execute(select(audit.c.key_id).where(*mine))).scalars().all()
        assert names == [f"token/{made['token_id']}"]


async def test_a_scope_of_its_own_and_no_other(app: FastAPI, minted: Minting, alert_id: str) -> None:
    act = {"id": "h-1", "action": "acknowledge", "by": "dr-7"}
    async with client_of(app, (await minted(scopes=["alerts:handle"]))["token"]) as phone:
        assert (await phone.get("/v1/alerts")).json()["code"] == "missing-scope"
        handled = (await phone.post(f"/v1/alerts/{alert_id}/handling", json=act)).json()
    assert set(handled) == {"handling", "handled", "handling_revision"}


async def test_it_writes_no_rating(app: FastAPI, minted: Minting) -> None:
    async with client_of(app, (await minted())["token"]) as phone:
        refused = await phone.post("/v1/ratings", json=rating())
    assert (refused.status_code, refused.json()["code"]) == (403, "not-for-tokens")
