"""One letter to a real mail server: what arrives, what is refused, and that a bad server costs only its time."""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.channels import Means, Told, channels, email
from service.connecting import Connections
from service.domain.retrying import Attempt
from service.egress import Egress
from service.settings import MAILBOX, Mail
from tests.channels.certificates import certificate
from tests.mail_server import mail_server, silent_server

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LETTER = Told(
    message_id="msg_01a2",
    at=NOW,
    address="a…@clinic.example",
    secrets=("anna.muster@clinic.example",),
    subject="Es gibt 3 neue Dinge.",
    text="Es gibt 3 neue Dinge.\n\nGrüße\n",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate for localhost that vouches for itself, and what serves with it."""
    return certificate(tmp_path_factory.mktemp("certificate"))


async def send(mail: Mail | None, told: Told = LETTER) -> Attempt:
    return await email.send(email.compose(told), Means(Connections(Egress()), mail))


def test_it_is_a_channel() -> None:
    assert channels()["email"] is email.CHANNEL


async def test_what_a_person_gets() -> None:
    async with mail_server() as server:
        attempt = await send(server.mail())
    assert (attempt.status, attempt.error, attempt.at, attempt.delivered) == (250, None, NOW, True)
    (got,) = server.received
    assert got.recipients == ["anna.muster@clinic.example"]
    assert {name: got.letter[name] for name in got.letter} == {
        "From": "evenkeel@clinic.example",
        "To": "anna.muster@clinic.example",
        "Subject": "Es gibt 3 neue Dinge.",
        "Date": "Mon, 01 Jun 2026 12:00:00 +0000",
        "Message-ID": "<msg_01a2@evenkeel.invalid>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": got.letter["Content-Transfer-Encoding"],
        "MIME-Version": "1.0",
    }
    assert got.letter.get_content().replace("\r\n", "\n") == LETTER.text


async def test_over_a_safe_connection_by_who_may_send(served: tuple[Path, ssl.SSLContext]) -> None:
    authority, context = served
    login = {"user": "evenkeel", "password": "secret", "authorities": authority}
    async with mail_server(context, ("evenkeel", "secret")) as server:
        assert (await send(server.mail("starttls", **login))).delivered
        refused = await send(server.mail("starttls", **{**login, "password": "canary"}))
    assert (refused.status, refused.error) == (None, "login-refused")
    assert [(item.safe, item.logged_in) for item in server.received] == [(True, True)]
    async with mail_server(context, tls=True) as server:
        assert (await send(server.mail("tls", authorities=authority))).delivered


async def test_nothing_is_said_where_the_connection_is_not_as_safe_as_asked_for(
    served: tuple[Path, ssl.SSLContext],
) -> None:
    _, context = served
    async with mail_server(context) as server:
        stranger = await send(server.mail("starttls"))  # nobody vouches for it
    async with mail_server() as plain:
        stripped = await send(plain.mail("starttls"))  # it offers none
    assert (stranger.error, stripped.delivered) == ("tls", False)
    assert [*server.received, *plain.received] == []


@pytest.mark.parametrize(
    ("answers", "status", "gone"),
    [
        ({"to_recipient": "550 No such user"}, 550, True),
        ({"to_recipient": "551 Not here"}, 551, True),
        ({"to_recipient": "553 Not a name"}, 553, True),
        ({"to_recipient": "450 Busy"}, 450, False),
        ({"to_recipient": "452 Full"}, 452, False),
        ({"to_recipient": "554 We do not like you"}, 554, False),  # of us, perhaps not of the address
        ({"to_letter": "451 Try again"}, 451, False),
        ({"to_letter": "554 Looks like spam"}, 554, False),
    ],
)
async def test_what_a_server_refuses(answers: dict[str, Any], status: int, gone: bool) -> None:
    async with mail_server(**answers) as server:
        attempt = await send(server.mail())
    assert (attempt.status, attempt.error, attempt.gone, attempt.delivered) == (status, None, gone, False)
    assert server.received == []


async def test_a_server_that_breaks_off_has_taken_nothing() -> None:
    async with mail_server(breaks_off=True) as server:
        attempt = await send(server.mail())
    assert (attempt.delivered, attempt.status) == (False, None)
    assert attempt.error in ("bad-answer", "unreachable")


async def test_a_silent_server_costs_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "SECONDS", 0.5)
    async with silent_server() as server:
        attempt = await send(server.mail())
    assert (attempt.status, attempt.error) == (None, "timeout")
    assert 400 <= attempt.milliseconds < 5000


async def test_nobody_listens_or_none_was_given() -> None:
    async with mail_server() as server:
        mail = server.mail()
    assert (await send(mail)).error == "unreachable"
    assert (await send(None)).error == "no-mail-server"


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("anna@clinic.example", True),
        ("anna.o'neil+x@clinic.example", True),
        ("anna@localhost", True),
        ("anna", False),
        ("@clinic.example", False),
        ("anna@clinic.example\nBcc: eve@example.org", False),
        ("anna@clinic.example, eve@example.org", False),
        ("Anna <anna@clinic.example>", False),
        ("anna@-clinic.example", False),
        ("änna@clinic.example", False),
    ],
)
def test_what_is_an_address(address: str, taken: bool) -> None:
    assert bool(MAILBOX.fullmatch(address)) is taken
