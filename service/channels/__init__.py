"""Ways to deliver a message, one file each, found by discovery; here, what they all take and give."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from service.domain.registry import collect
from service.domain.retrying import Attempt
from service.egress import Egress


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes out: to whom, with which headers and body; `at` is when it is sent."""

    address: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime


Send = Callable[[Message, Egress], Awaitable[Attempt]]


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to deliver; `send` tries once, and says what happened rather than raise."""

    code: str
    send: Send


@cache
def channels() -> dict[str, Channel]:
    """Return every channel by its code."""
    return collect(sys.modules[__name__], "CHANNEL", Channel)
