"""A mail server on a real socket, as a clinic's own: it keeps what it takes, and may refuse, wait or break off."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from service.settings import Mail, MailSecurity


@dataclass(slots=True)
class Received:
    """A letter, to whom it was addressed, and whether it came over a safe connection by somebody who logged in."""

    letter: EmailMessage
    recipients: list[str]
    safe: bool
    logged_in: bool
    raw: bytes


@dataclass(slots=True)
class MailServer:
    """What a server answers: to each recipient, and to the letter itself; None takes it."""

    port: int = 0
    to_recipient: str | None = None
    to_letter: str | None = None
    breaks_off: bool = False
    opened: asyncio.Event | None = None  # until then it keeps whoever sends a letter waiting
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    received: list[Received] = field(default_factory=list)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_recipient is not None:
            return self.to_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.asked.set()
        if self.opened is not None:
            await self.opened.wait()
        if self.breaks_off:
            cast(asyncio.Transport, server.transport).abort()
        if self.to_letter is not None:
            return self.to_letter
        raw = bytes(cast(bytes, envelope.content))
        letter: Any = message_from_bytes(raw, policy=policy.default)
        safe, logged_in = session.ssl is not None, bool(session.authenticated)
        self.received.append(Received(letter, list(envelope.rcpt_tos), safe, logged_in, raw))
        return "250 OK"

    def mail(self, security: MailSecurity = "none", **facts: Any) -> Mail:
        """Return how this server is reached."""
        return Mail(host="localhost", port=self.port, security=security, sender="evenkeel@clinic.example", **facts)


class Connection(SMTP):
    """A connection that says when it is over."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.lost = asyncio.Event()

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.lost.set()


@asynccontextmanager
async def mail_server(
    context: ssl.SSLContext | None = None, login: tuple[str, str] | None = None, tls: bool = False, **facts: Any
) -> AsyncIterator[MailServer]:
    """Yield a server; with a `context` it offers STARTTLS, or speaks it from the first byte; with a `login` it asks."""
    server = MailServer(**facts)
    connections: list[Connection] = []

    def authenticator(smtp: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == login, handled=False)

    def protocol() -> Connection:
        connections.append(
            Connection(
                server,
                hostname="mail.clinic.example",
                tls_context=None if tls else context,
                authenticator=None if login is None else authenticator,
                auth_required=login is not None,
                auth_require_tls=login is not None,
                loop=asyncio.get_running_loop(),
            )
        )
        return connections[-1]

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if tls else None)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for connection in connections:
            await connection.lost.wait()


@asynccontextmanager
async def silent_server() -> AsyncIterator[MailServer]:
    """Yield a server that takes a connection and never says a word."""

    over = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        over.set()

    listening = await asyncio.start_server(wait, "127.0.0.1", 0)
    try:
        yield MailServer(port=listening.sockets[0].getsockname()[1])
        await over.wait()
    finally:
        listening.close()
