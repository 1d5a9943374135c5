"""Connections to receivers: each is judged as it is made, goes to that very address, and is kept for a while.

A kept one belongs to one scheme, host and port: what its certificate named holds for the next message too. What a name
leads to now is asked again when the next connection is made.
"""

import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpcore
import httpx

from service.egress import Egress, Target

CONNECT_SECONDS = 5.0  # for each address of a name
KEPT_SECONDS = 30.0  # without a message; longer than an attempt may take
MOST_KEPT = 8  # to one receiver, idle
SHORT = 4096  # bytes of an answer that are worth reading to keep the connection

BROKEN = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)
Headers = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class Kept:
    """The connections to one receiver, and when the last message began to use one."""

    pool: httpcore.AsyncConnectionPool
    used: float = 0.0


@dataclass(slots=True)
class Connections:
    """Those of one event loop, past one guard."""

    egress: Egress
    _kept: dict[tuple[str, str, int], Kept] = field(default_factory=dict)

    async def post(self, address: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Headers]:
        """Post a body and return the status and headers of the answer.

        A kept connection that turns out to be broken makes way for the next one, and the body is sent again: a receiver
        that had taken it already tells by its id. Raises what the guard raises, and httpcore's errors.
        """
        target, fresh = self.egress.target(address), False
        named: dict[bytes | str, bytes | str] = {"Host": target.authority, "Content-Length": str(len(body))}
        named.update(headers)

        async def trace(event: str, facts: Mapping[str, Any]) -> None:
            nonlocal fresh
            fresh = fresh or event == "connection.connect_tcp.started"

        request = httpcore.Request(
            "POST",
            httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
            headers=named,
            content=body,
            extensions={"timeout": {"connect": CONNECT_SECONDS}, "trace": trace},
        )
        while True:
            try:
                answer = await self._pool(target).handle_async_request(request)
                break
            except BROKEN:
                if fresh:
                    raise
        try:
            await _read_short(answer)
        finally:
            await answer.aclose()
        return answer.status, answer.headers

    async def close_idle(self, seconds: float = KEPT_SECONDS) -> None:
        """Close the connections to receivers that were sent nothing for some time."""
        before = time.monotonic() - seconds
        for name, kept in list(self._kept.items()):
            if kept.used <= before:
                del self._kept[name]
                await kept.pool.aclose()

    def _pool(self, target: Target) -> httpcore.AsyncConnectionPool:
        name = (target.scheme, target.host, target.port)
        kept = self._kept.get(name)
        if kept is None:
            kept = self._kept[name] = Kept(
                httpcore.AsyncConnectionPool(
                    _trusted(self.egress.authorities),
                    max_connections=None,
                    max_keepalive_connections=MOST_KEPT,
                    keepalive_expiry=KEPT_SECONDS,
                    network_backend=_Judged(self.egress, target),
                )
            )
        kept.used = time.monotonic()
        return kept.pool


class _Judged(httpcore.AnyIOBackend):
    """Connects to a target's addresses of this moment, once the guard has let them through."""

    def __init__(self, egress: Egress, target: Target) -> None:
        self._egress, self._target = egress, target

    async def connect_tcp(self, host: str, *args: Any, **settings: Any) -> httpcore.AsyncNetworkStream:
        unreached: Exception | None = None
        for address in await self._egress.addresses(self._target):
            try:
                return await super().connect_tcp(address, *args, **settings)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                unreached = error
        assert unreached is not None  # a target without addresses is unresolved
        raise unreached


async def _read_short(answer: httpcore.Response) -> None:
    """Read an answer that says it is short: what else stands behind a status ends the connection unread."""
    lengths = [value for name, value in answer.headers if name.lower() == b"content-length"]
    if answer.status == 204 or (lengths and lengths[0].isdigit() and int(lengths[0][:9]) <= SHORT):
        with suppress(*BROKEN, httpcore.TimeoutException):
            await answer.aread()


@cache
def _trusted(authorities: Path | None) -> ssl.SSLContext:
    """Return who may vouch for a receiver; made once, since it takes longer than a message."""
    if authorities is not None:
        return ssl.create_default_context(cafile=authorities)
    return httpx.create_ssl_context(trust_env=False)
