"""Ways to deliver a message, one file each, found by discovery; here, what they all take and give."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from service.connecting import Connections
from service.domain.registry import collect
from service.domain.retrying import Attempt
from service.settings import Mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What somebody is to be told, before it has the form of a channel.

    A system gets `body`, a person `text` in their language under a `subject`, and sooner if it is `urgent`. `secrets`
    are those of the subscription, the newest first; an address that is itself a secret is among them.
    """

    message_id: str
    at: datetime
    address: str
    secrets: tuple[str, ...] = field(repr=False)
    body: bytes = b""
    subject: str = ""
    text: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes out: to whom, with which headers and body; `at` is when it is sent."""

    address: str = field(repr=False)
    headers: Mapping[str, str]
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Means:
    """By what messages go out: by which connections, and through which mail server, if there is one."""

    connections: Connections
    mail: Mail | None = None


Compose = Callable[[Told], Message]
Send = Callable[[Message, Means], Awaitable[Attempt]]


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to deliver; `send` tries once, and says what happened rather than raise."""

    code: str
    compose: Compose
    send: Send


@cache
def channels() -> dict[str, Channel]:
    """Return every channel by its code."""
    return collect(sys.modules[__name__], "CHANNEL", Channel)
