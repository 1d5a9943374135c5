"""Tokens of an organization's own OpenID provider, a process of its own: let in as front-end tokens are, no more."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import transaction
from service.db.providers import Provider, remove_provider, set_provider
from service.db.tables import AuditRow, table_of
from service.egress import Egress
from service.jwks import LEAST_PAUSE
from service.openid import SKEW
from tests.api.bodies import hostile, members, rating
from tests.api.conftest import Clock, client_of
from tests.factories import NOW
from tests.openid_provider import AUDIENCE, ISSUER, MAKERS, OpenIdProvider, providing, signed
from tests.worlds import PATIENCE

pytestmark = pytest.mark.anyio

ENDS = NOW + timedelta(minutes=5)
ACT = {"id": "h-1", "action": "acknowledge", "by": "dr-7"}

Phone = Callable[..., httpx.AsyncClient]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIdProvider]:
    with providing(tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
async def wanted(app: FastAPI, engine: AsyncEngine, organization: UUID, running: OpenIdProvider) -> Provider:
    """Return the provider that the organization has set; its keys may come from this machine."""
    running.publish(*running.keys.values())
    app.state.service.keys.providers.egress = Egress(loopback=True)
    wanted = Provider(
        issuer=ISSUER,
        audience=AUDIENCE,
        jwks_address=f"{running.origin}/jwks",
        person_claim="therapist",
        therapists_claim="supervises",
        scopes=frozenset({"alerts:read", "alerts:handle"}),
    )
    async with transaction(engine, organization) as db:
        return await set_provider(db, wanted, NOW)


@pytest.fixture
def phone(app: FastAPI, wanted: Provider, organization: UUID, running: OpenIdProvider) -> Phone:
    """Return what makes clients with a token of the provider: with some claims, or of another key or organization."""

    def made(key: Any = None, of: UUID | None = organization, **claims: Any) -> httpx.AsyncClient:
        told = {"iss": ISSUER, "aud": AUDIENCE, "exp": int(ENDS.timestamp()), "therapist": "dr-7", **claims}
        client = client_of(app, signed(key or running.keys["RS256"], "RS256", told))
        if of is not None:
            client.headers["Evenkeel-Organization"] = str(of)
        return client

    return made


@pytest.fixture
async def alerts(client: httpx.AsyncClient) -> dict[str, str]:
    """Let Ana be hostile in a case of dr-7's and in one of dr-8's; return case → alert."""
    found = {}
    for case_id, therapist in (("fam-42", "dr-7"), ("fam-77", "dr-8")):
        await client.put(f"/v1/cases/{case_id}", json={"members": members("ana"), "therapists": [therapist]})
        await client.put(f"/v1/cases/{case_id}/sessions/s1", json=hostile())
        (alert,) = (await client.get("/v1/alerts", params={"case_id": case_id})).json()["items"]
        found[case_id] = alert["alert_id"]
    return found


async def seen(client: httpx.AsyncClient) -> list[str]:
    async with client:
        return sorted(item["case_id"] for item in (await client.get("/v1/alerts")).json()["items"])


async def test_it_sees_the_caseload_of_whom_it_names(phone: Phone, alerts: dict[str, str]) -> None:
    assert await seen(phone()) == ["fam-42"]
    assert await seen(phone(therapist="dr-8")) == ["fam-77"]
    assert await seen(phone(therapist="sup-1", supervises=["dr-7", "dr-8"])) == ["fam-42", "fam-77"]
    assert await seen(phone(therapist="dr-9")) == []


async def test_it_does_what_its_scopes_allow_and_in_its_own_name(
    phone: Phone, engine: AsyncEngine, organization: UUID, alerts: dict[str, str]
) -> None:
    async with phone() as mine:
        handled = [
            await mine.post(f"/v1/alerts/{alerts['fam-42']}/handling", json={**ACT, "by": "dr-8"}),
            await mine.post(f"/v1/alerts/{alerts['fam-42']}/handling", json=ACT),
            await mine.post(f"/v1/alerts/{alerts['fam-77']}/handling", json=ACT),
            await mine.get("/v1/cases/fam-42/course"),
            await mine.post("/v1/ratings", json=rating()),
            await mine.post("/v1/tokens", json={"person": "dr-7", "scopes": ["alerts:read"]}),
        ]
    assert [item.status_code for item in handled] == [422, 200, 404, 403, 403, 403]
    audit = table_of(AuditRow)
    async with transaction(engine, organization) as db:
        mine_ = (audit.c.organization_id == organization, audit.c.action == "alert.acknowledge")
        assert (await db.execute(select(audit.c.key_id).where(*mine_))).scalars().all() == ["provider/dr-7"]


def without(client: httpx.AsyncClient, scheme: str) -> httpx.AsyncClient:
    client.headers["Authorization"] = client.headers["Authorization"].replace("Bearer", scheme)
    return client


REFUSED: dict[str, Callable[[Phone, UUID], httpx.AsyncClient]] = {
    "no organization": lambda phone, other: phone(of=None),
    "another organization": lambda phone, other: phone(of=other),
    "an organization that is none": lambda phone, other: phone(of=UUID(int=7)),
    "a key that nobody published": lambda phone, other: phone(MAKERS["RS256"]("RS256-1")),
    "a key with another name": lambda phone, other: phone(MAKERS["RS256"]("made-up")),
    "another issuer": lambda phone, other: phone(iss="https://id.elsewhere.example/"),
    "another audience": lambda phone, other: phone(aud="other"),
    "expired": lambda phone, other: phone(exp=int((NOW - SKEW).timestamp())),
    "nobody": lambda phone, other: phone(therapist=None),
    "another scheme": lambda phone, other: without(phone(), "Basic"),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_whom_it_does_not_let_in(
    phone: Phone, alerts: dict[str, str], other_organization: UUID, kind: str
) -> None:
    async with REFUSED[kind](phone, other_organization) as stranger:
        for answered in (
            await stranger.get("/v1/alerts"),
            await stranger.get("/v1/rules"),
            await stranger.post(f"/v1/alerts/{alerts['fam-42']}/handling", json=ACT),
        ):
            assert (answered.status_code, answered.json()["code"]) == (401, "no-key")


async def test_it_ends_with_its_expiry(phone: Phone, clock: Clock, alerts: dict[str, str]) -> None:
    async with phone() as mine:
        assert (await mine.get("/v1/alerts")).status_code == 200
        clock.now = ENDS + SKEW - timedelta(seconds=1)
        assert (await mine.get("/v1/alerts")).status_code == 200
        clock.now = ENDS + SKEW
        for answered in (
            await mine.post(f"/v1/alerts/{alerts['fam-42']}/handling", json=ACT),  # which relied on what was looked up
            await mine.get("/v1/alerts"),
        ):
            assert answered.status_code == 401


@pytest.mark.parametrize("way", ["reading", "handling"])
@pytest.mark.parametrize("how", ["removed", "set otherwise"])
async def test_the_first_use_after_the_provider_was_removed_already_fails(
    phone: Phone, engine: AsyncEngine, organization: UUID, wanted: Provider, alerts: dict[str, str], how: str, way: str
) -> None:
    async with phone() as mine:
        assert (await mine.get("/v1/alerts")).status_code == 200
        async with transaction(engine, organization) as db:
            if how == "removed":
                await remove_provider(db, NOW)
            else:
                other = Provider(issuer="https://id.new.example/", audience=AUDIENCE, jwks_address=wanted.jwks_address)
                await set_provider(db, other, NOW + timedelta(seconds=1))
        if way == "reading":
            assert (await mine.get("/v1/alerts")).status_code == 401
        else:
            answered = await mine.post(f"/v1/alerts/{alerts['fam-42']}/handling", json=ACT)
            assert answered.status_code == 401


async def test_the_provider_rotates_its_keys(
    app: FastAPI, phone: Phone, running: OpenIdProvider, alerts: dict[str, str]
) -> None:
    passed = 0.0
    app.state.service.keys.providers.clock = lambda: 1000.0 + passed
    new = MAKERS["RS256"]("RS256-2")
    assert await seen(phone()) == ["fam-42"]
    running.publish(new)
    async with phone(new) as early:
        assert (await early.get("/v1/alerts")).status_code == 401  # not asked for again so soon
        passed = LEAST_PAUSE
        assert (await early.get("/v1/alerts")).status_code == 200
    async with phone() as late:
        assert (await late.get("/v1/alerts")).status_code == 401


async def test_while_the_provider_cannot_be_reached_one_may_try_again(
    app: FastAPI, phone: Phone, alerts: dict[str, str]
) -> None:
    app.state.service.keys.providers.egress = Egress()  # which lets nothing go to this machine
    async with phone() as mine:
        answered = await mine.get("/v1/alerts")
    assert (answered.status_code, answered.json()["code"]) == (503, "provider-unreachable")
    assert int(answered.headers["retry-after"]) > 0


async def test_a_key_of_ours_needs_no_header_and_is_not_bound_by_one(client: httpx.AsyncClient) -> None:
    for organization in (None, str(UUID(int=7)), "x"):
        headers = {} if organization is None else {"Evenkeel-Organization": organization}
        assert (await client.get("/v1/alerts", headers=headers)).status_code == 200


async def listening(app: FastAPI, place: int) -> None:
    """Wait until the one stream that is open has taken all up to a change, and waits."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for broadcast in app.state.service.broadcasts._all.values():
                if broadcast.place is not None and broadcast.place.number >= place and broadcast.bell.waiting:
                    return
            await asyncio.sleep(0)


@pytest.mark.parametrize(("expired", "heard"), [(False, 2), (True, 1)])
async def test_a_stream_ends_with_the_time_of_its_token(
    app: FastAPI,
    client: httpx.AsyncClient,
    phone: Phone,
    clock: Clock,
    alerts: dict[str, str],
    expired: bool,
    heard: int,
) -> None:
    """Nothing of it is in the database: the token itself says when it is over."""
    async with phone() as mine:
        stream = asyncio.create_task(mine.get("/v1/changes/stream"))
        await listening(app, 1)
        if expired:
            clock.now = ENDS + SKEW + timedelta(seconds=1)
        await client.put("/v1/cases/fam-42/sessions/s2", json=hostile(2))
        if not expired:
            await listening(app, 3)
            app.state.service.waker.end()
        answered = await asyncio.wait_for(stream, PATIENCE)
    assert answered.text.count("event: alert") == heard
