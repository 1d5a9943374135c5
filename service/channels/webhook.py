"""A webhook: one POST to the receiver's own address. Only the status counts; what it says beside that is not read.

A receiver may be slow, broken or hostile, so all of an attempt has one limit of time, nothing of the answer's body is
unpacked or kept, no redirect is followed, and no proxy of the environment stands between.
"""

import asyncio
import ssl
import time
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore

from service.channels import Channel, Means, Message, Told
from service.connecting import Headers
from service.domain.retrying import Attempt
from service.domain.signing import signed
from service.egress import Refused, Unresolved

SECONDS = 15.0  # for all of an attempt
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
            status, head = await means.connections.post(message.address, {**HEADERS, **message.headers}, message.body)
        retry_after = _retry_after(head, message.at)
    except Refused as refused:
        error = refused.code
    except Unresolved:
        error = "unresolved"
    except (TimeoutError, httpcore.TimeoutException):
        error = "timeout"
    except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError) as trouble:
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


def _named(trouble: Exception) -> str:
    """Return what went wrong as a code; the words of an error may hold what a receiver sent."""
    causes: list[BaseException] = [trouble]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "tls"
    return "unreachable" if isinstance(trouble, httpcore.ConnectError) else "bad-answer"


def _retry_after(head: Headers, now: datetime) -> float | None:
    """Return for how many seconds a receiver asks to be left alone; what is neither seconds nor a date is nothing."""
    named = {name.lower(): value for name, value in head}
    asked = named.get(b"retry-after", b"").decode("latin-1").strip()
    if asked.isascii() and asked.isdecimal():
        return float(asked[:9])
    try:
        at = parsedate_to_datetime(asked)
    except (ValueError, TypeError, OverflowError):
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
