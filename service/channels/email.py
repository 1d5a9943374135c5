"""Mail to a person: that there is something new, in their language, and nothing else; through one server of the house.

The server takes what it takes: an address that it refuses for good is gone, anything else is tried again.
"""

import asyncio
import ssl
import time
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from service.channels import Channel, Means, Message, Told
from service.domain.retrying import Attempt
from service.settings import Mail

SECONDS = 30.0  # for all of an attempt; RFC 5321 would wait longer, but the message comes again
REFUSED_FOR_GOOD = range(550, 554)  # of an address: it is not there, not here, or takes nothing (RFC 5321 4.2.3)


def compose(told: Told) -> Message:
    """Return a plain message; the address is the subscription's secret, since it is a person's own."""
    headers = {
        "Subject": told.subject,
        "Date": format_datetime(told.at),
        "Message-ID": f"<{told.message_id}@evenkeel.invalid>",  # the same at every attempt
        "Auto-Submitted": "auto-generated",  # RFC 3834: nobody's holiday message answers it
        "X-Auto-Response-Suppress": "All",
        **({"Importance": "high"} if told.urgent else {}),
    }
    return Message(address=told.secrets[0], headers=headers, body=told.text.encode(), at=told.at)


async def send(message: Message, means: Means) -> Attempt:
    """Hand a message to the mail server once and return what came of it."""
    begun = time.monotonic()
    status: int | None = None
    error: str | None = None
    gone = False
    try:
        if means.mail is None:
            raise NoServer
        async with asyncio.timeout(SECONDS):
            await _handed_over(message, means.mail)
        status = aiosmtplib.SMTPStatus.completed
    except NoServer:
        error = "no-mail-server"
    except aiosmtplib.SMTPRecipientsRefused as refused:
        status = refused.recipients[0].code
        gone = status in REFUSED_FOR_GOOD
    except aiosmtplib.SMTPAuthenticationError:
        error = "login-refused"
    except aiosmtplib.SMTPResponseException as refused:
        status = refused.code
    except ssl.SSLError:
        error = "tls"
    except (TimeoutError, aiosmtplib.SMTPTimeoutError):
        error = "timeout"
    except aiosmtplib.SMTPConnectError as trouble:
        error = "tls" if isinstance(trouble.__cause__, ssl.SSLError) else "unreachable"
    except (aiosmtplib.SMTPException, OSError):
        error = "bad-answer"
    milliseconds = round((time.monotonic() - begun) * 1000)
    return Attempt(at=message.at, milliseconds=milliseconds, status=status, error=error, gone=gone)


CHANNEL = Channel("email", compose, send)


class NoServer(Exception):
    """The operator gave no mail server."""


async def _handed_over(message: Message, mail: Mail) -> None:
    """Speak with the server; raises what went wrong. A connection that is not as safe as was asked for is none."""
    client = aiosmtplib.SMTP(
        hostname=mail.host,
        port=mail.port,
        timeout=SECONDS,
        use_tls=mail.security == "tls",
        start_tls=mail.security == "starttls",
        tls_context=None if mail.security == "none" else ssl.create_default_context(cafile=mail.authorities),
        username=mail.user,
        password=mail.password,
    )
    async with client:
        await client.send_message(_letter(message, mail.sender), sender=mail.sender, recipients=[message.address])


def _letter(message: Message, sender: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"] = sender, message.address
    for name, value in message.headers.items():
        letter[name] = value
    letter.set_content(message.body.decode())
    return letter
