"""The keys of OpenID providers: fetched by a guarded way out, kept for a while, fetched anew for one that is not known.

A provider rotates its keys when it likes. A token that names a key we have not seen lets us look again, but only once
in a while: whoever sends made-up names must not make us a nuisance to the provider.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
import orjson

from service.db.providers import Provider
from service.egress import Egress, Refused, Target, Unresolved
from service.openid import public_keys

if TYPE_CHECKING:
    from joserfc.jwk import Key

SECONDS = 5.0  # for all of a fetch
LARGEST = 256 * 1024
FRESH = 600.0  # seconds; a key that was taken out is refused after that
LEAST_PAUSE = 30.0  # seconds between two fetches, whatever tokens name
STALE = 3600.0  # seconds for which known keys serve on while the provider cannot be reached
REMEMBERED = 1000  # providers


class Unreachable(Exception):
    """The provider's keys cannot be had now."""


@dataclass(slots=True)
class Known:
    """What is known of a provider's keys: them, when they were fetched and when that was tried last."""

    keys: "dict[str, Key]" = field(default_factory=dict)
    fetched_at: float | None = None
    tried_at: float | None = None
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class ProviderKeys:
    """The keys of the providers of many organizations; `clock` tells seconds, and never goes back."""

    egress: Egress
    clock: Callable[[], float]
    known: dict[tuple[UUID, int], Known] = field(default_factory=dict)

    async def find(self, organization_id: UUID, provider: Provider, key_id: str) -> "Key | None":
        """Return a provider's key by its id; raises Unreachable if no keys are to be had."""
        if len(self.known) >= REMEMBERED:
            self.known.clear()
        known = self.known.setdefault((organization_id, provider.revision), Known())
        under_way = key_id not in known.keys and known.fetching.locked()
        if under_way or self._looks_again(known, key_id):
            async with known.fetching:
                if self._looks_again(known, key_id):  # nobody has meanwhile
                    await self._fetch(known, provider.jwks_address)
        if known.fetched_at is None or self.clock() - known.fetched_at >= STALE:
            raise Unreachable
        return known.keys.get(key_id)

    def _looks_again(self, known: Known, key_id: str) -> bool:
        now = self.clock()
        if known.tried_at is not None and now - known.tried_at < LEAST_PAUSE:
            return False
        return known.fetched_at is None or key_id not in known.keys or now - known.fetched_at >= FRESH

    async def _fetch(self, known: Known, address: str) -> None:
        known.tried_at = self.clock()
        try:
            async with asyncio.timeout(SECONDS):
                content = await _body(self.egress, address)
            found = public_keys(orjson.loads(content))
        except (Refused, Unresolved, TimeoutError, httpx.HTTPError, OSError, ValueError):
            return
        known.keys, known.fetched_at = found, self.clock()


async def _body(egress: Egress, address: str) -> bytes:
    """Return what lies at an address; ValueError if it is no plain answer or too large."""
    target = egress.target(address)
    for place in await egress.addresses(target):
        async with httpx.AsyncClient(trust_env=False, timeout=SECONDS) as client:
            try:
                answer = await client.send(_request(client, target, place), stream=True)
            except httpx.ConnectError:
                continue
            return await _bounded(answer)
    raise Unresolved


def _request(client: httpx.AsyncClient, target: Target, place: str) -> httpx.Request:
    """Return a request that goes to one address, under the name that was asked for: it is what a certificate names."""
    host = f"[{place}]" if ":" in place else place
    return client.build_request(
        "GET",
        f"{target.scheme}://{host}:{target.port}{target.path}",
        headers={"Host": target.authority, "Accept": "application/json", "Accept-Encoding": "identity"},
        extensions={"sni_hostname": target.host},
    )


async def _bounded(answer: httpx.Response) -> bytes:
    if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != "identity":
        raise ValueError
    content = b""
    async for chunk in answer.aiter_raw():
        content += chunk
        if len(content) > LARGEST:
            raise ValueError
    return content
