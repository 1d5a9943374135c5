"""Keys of a provider that is a process of its own: fetched when they are needed, never more often than is polite."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest

from service.db.providers import Provider
from service.egress import Egress
from service.jwks import FRESH, LEAST_PAUSE, STALE, ProviderKeys, Unreachable
from tests.openid_provider import AUDIENCE, ISSUER, MAKERS, OpenIdProvider, providing

pytestmark = pytest.mark.anyio

OURS = uuid4()


@dataclass
class Watch:
    """Seconds that a test lets pass."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def running(tmp_path: Path) -> Iterator[OpenIdProvider]:
    with providing(tmp_path) as provider:
        yield provider


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def kept(watch: Watch) -> ProviderKeys:
    return ProviderKeys(Egress(loopback=True), watch)


def at(address: str, revision: int = 1) -> Provider:
    return Provider(issuer=ISSUER, audience=AUDIENCE, jwks_address=address, revision=revision)


async def test_they_are_fetched_once_whoever_asks(running: OpenIdProvider, kept: ProviderKeys) -> None:
    provider = at(f"{running.origin}/jwks")
    found = await asyncio.gather(*(kept.find(OURS, provider, key_id) for key_id in ["RS256-1", "ES256-1"] * 8))
    assert [key.key_type for key in found if key] == ["RSA", "EC"] * 8
    assert running.served() == 1


async def test_a_new_key_is_found_after_a_pause_and_an_old_one_is_forgotten(
    running: OpenIdProvider, kept: ProviderKeys, watch: Watch
) -> None:
    provider = at(f"{running.origin}/jwks")
    assert await kept.find(OURS, provider, "RS256-1") is not None
    new = MAKERS["RS256"]("RS256-2")
    running.publish(new)
    assert await kept.find(OURS, provider, "RS256-2") is None
    watch.now += LEAST_PAUSE
    assert await kept.find(OURS, provider, "RS256-2") is not None
    assert await kept.find(OURS, provider, "RS256-1") is None
    assert running.served() == 2


async def test_made_up_names_are_no_nuisance(running: OpenIdProvider, kept: ProviderKeys, watch: Watch) -> None:
    provider = at(f"{running.origin}/jwks")
    for number in range(50):
        assert await kept.find(OURS, provider, f"made-up-{number}") is None
    assert running.served() == 1
    watch.now += LEAST_PAUSE
    for number in range(50):
        assert await kept.find(OURS, provider, f"made-up-{number}") is None
    assert running.served() == 2
    assert await kept.find(OURS, provider, "RS256-1") is not None  # whose name is known needs no fetch
    assert running.served() == 2


async def test_a_key_that_was_taken_out_ends_when_it_is_not_fresh(
    running: OpenIdProvider, kept: ProviderKeys, watch: Watch
) -> None:
    provider = at(f"{running.origin}/jwks")
    assert await kept.find(OURS, provider, "RS256-1") is not None
    running.publish(running.keys["ES256"])
    watch.now += FRESH - 1
    assert await kept.find(OURS, provider, "RS256-1") is not None
    watch.now += 1
    assert await kept.find(OURS, provider, "RS256-1") is None


async def test_known_keys_serve_on_for_a_while_without_their_provider(
    tmp_path: Path, kept: ProviderKeys, watch: Watch
) -> None:
    with providing(tmp_path) as running:
        provider = at(f"{running.origin}/jwks")
        assert await kept.find(OURS, provider, "RS256-1") is not None
    watch.now += STALE - 1
    assert await kept.find(OURS, provider, "RS256-1") is not None
    watch.now += 1
    with pytest.raises(Unreachable):
        await kept.find(OURS, provider, "RS256-1")


async def test_another_setting_and_another_organization_have_keys_of_their_own(
    running: OpenIdProvider, kept: ProviderKeys
) -> None:
    provider = at(f"{running.origin}/jwks")
    for who, what in ((OURS, provider), (OURS, replace(provider, revision=2)), (uuid4(), provider), (OURS, provider)):
        assert await kept.find(who, what, "RS256-1") is not None
    assert running.served() == 3


@pytest.mark.parametrize("path", ["moved", "failing", "packed", "huge", "dripping"])
async def test_what_is_no_plain_answer(
    running: OpenIdProvider, kept: ProviderKeys, watch: Watch, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys lie there in each of these answers but one that has no end; at a plain address they are found."""
    monkeypatch.setattr("service.jwks.SECONDS", 1.0)
    with pytest.raises(Unreachable):
        await kept.find(OURS, at(f"{running.origin}/{path}"), "RS256-1")
    assert running.served() == 1  # no redirect is followed
    assert await kept.find(OURS, at(f"{running.origin}/plain", revision=2), "RS256-1") is not None


async def _inside(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "id.clinic.example"])
async def test_nothing_is_asked_of_a_private_address(running: OpenIdProvider, watch: Watch, name: str) -> None:
    """Not even where a public name leads to one; with the setting for tests and demos, the same address is asked."""
    port = running.origin.rpartition(":")[2]
    guarded = ProviderKeys(Egress(look_up=_inside), watch)
    for scheme in ("http", "https"):
        with pytest.raises(Unreachable):
            await guarded.find(OURS, at(f"{scheme}://{name}:{port}/jwks"), "RS256-1")
        watch.now += LEAST_PAUSE
    assert running.served() == 0


async def test_no_proxy_of_the_environment_stands_between(
    running: OpenIdProvider, kept: ProviderKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert await kept.find(OURS, at(f"{running.origin}/jwks"), "RS256-1") is not None
