"""A webhook: one POST to the receiver's own address. Only the status counts; what it says beside that is not read.

A receiver may be slow, broken or hostile, so all of an attempt has one limit of time, the answer's body is left unread
(nothing of it is unpacked or kept), no redirect is followed, and no proxy of the environment stands between.
"""

import asyncio
import ssl
import time
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path

import httpx

from service.channels import Channel, Means, Message, Told
from service.domain.retrying import Attempt
from service.domain.signing import signed
from service.egress import Egress, Refused, Target, Unresolved

SECONDS = 15.0  # for all of an attempt
CONNECT_SECONDS = 5.0  # for each address of a name
GONE = (410,)
HEADERS = {"Content-Type": "application/json", "User-Agent": "Evenkeel", "Accept-Encoding": "identity"}


def compose(told: Told) -> Message:
    """Return a message that is signed with every secret that is valid now."""
    headers = signed(told.secrets, told.message_id, told.at, told.body)
    return Message(address=told.address, headers=headers, body=told.body, at=told.at)


async def send(message: Message, means: Means, gone: Collection[int] = GONE) -> Attempt:
    """Post a message once and return what came of it; some statuses say that nobody is there any more."""
    begun = time.monotonic()
    status: int | None = None
    error: str | None = None
    retry_after: float | None = None
    try:
        async with asyncio.timeout(SECONDS):
            answer = await _answered(message, means.egress)
        status, retry_after = answer.status_code, _retry_after(answer, message.at)
    except Refused as refused:
        error = refused.code
    except Unresolved:
        error = "unresolved"
    except (TimeoutError, httpx.TimeoutException):
        error = "timeout"
    except (httpx.TransportError, ssl.SSLError, OSError) as trouble:
        error = _named(trouble)
    milliseconds = round((time.monotonic() - begun) * 1000)
    return Attempt(
        at=message.at,
        milliseconds=milliseconds,
        status=status,
        error=error,
        retry_after=retry_after,
        gone=status in gone,
    )


CHANNEL = Channel("webhook", compose, send)


async def _answered(message: Message, egress: Egress) -> httpx.Response:
    """Return the head of the answer, from the first address that can be connected to."""
    target = egress.target(message.address)
    unreached: httpx.TransportError | None = None
    async with httpx.AsyncClient(verify=_trusted(egress.authorities), trust_env=False, timeout=_timeout()) as client:
        for address in await egress.addresses(target):
            try:
                answer = await client.send(_request(client, message, target, address), stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                unreached = error
                continue
            await answer.aclose()
            return answer
    assert unreached is not None  # a target without addresses is unresolved
    raise unreached


def _request(client: httpx.AsyncClient, message: Message, target: Target, address: str) -> httpx.Request:
    """Return a request that goes to one address, under the name that was asked for: it is what a certificate names."""
    host = f"[{address}]" if ":" in address else address
    return client.build_request(
        "POST",
        f"{target.scheme}://{host}:{target.port}{target.path}",
        content=message.body,
        headers={**HEADERS, **message.headers, "Host": target.authority},
        extensions={"sni_hostname": target.host},
    )


def _timeout() -> httpx.Timeout:
    return httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)


@cache
def _trusted(authorities: Path | None) -> ssl.SSLContext:
    """Return who may vouch for a receiver; made once, since it takes longer than a message."""
    if authorities is not None:
        return ssl.create_default_context(cafile=authorities)
    return httpx.create_ssl_context(trust_env=False)


def _named(trouble: Exception) -> str:
    """Return what went wrong as a code; the words of an error may hold what a receiver sent."""
    causes: list[BaseException] = [trouble]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "tls"
    return "unreachable" if isinstance(trouble, httpx.ConnectError) else "bad-answer"


def _retry_after(answer: httpx.Response, now: datetime) -> float | None:
    """Return for how many seconds a receiver asks to be left alone; what is neither seconds nor a date is nothing."""
    asked = answer.headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdecimal():
        return float(asked[:9])
    try:
        at = parsedate_to_datetime(asked)
    except (ValueError, TypeError, OverflowError):
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
