"""One POST to receivers on real sockets: what counts as taken, and that a bad one costs no more than its time."""

import asyncio
import gzip
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from service.channels import Means, Message, channels, webhook
from service.connecting import Connections
from service.domain.retrying import Attempt
from service.egress import Egress, Lookup
from tests.channels.certificates import certificate
from tests.receivers import Reply, dripping, endless, receiving, says, silence, status

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HERE = Means(Connections(Egress(loopback=True)))
BODY = '{"type":"webhook.test","data":{"say":"grüß"}}'.encode()


def message(address: str) -> Message:
    return Message(address=address, headers={"webhook-id": "msg_1"}, body=BODY, at=NOW)


async def sent_to(reply: Reply, means: Means = HERE) -> Attempt:
    async with receiving(reply) as receiver:
        return await webhook.send(message(receiver.address), means)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an attempt take half a second, as in life fifteen."""
    monkeypatch.setattr(webhook, "SECONDS", 0.5)


def test_it_is_a_channel() -> None:
    assert channels()["webhook"] is webhook.CHANNEL


async def test_what_a_receiver_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")  # where nobody listens
    async with receiving(status(204)) as receiver:
        attempt = await webhook.send(message(f"{receiver.address}?of=clinic"), HERE)
    assert (attempt.status, attempt.error, attempt.at, attempt.delivered) == (204, None, NOW, True)
    (got,) = receiver.received
    assert (got.line, got.body) == ("POST /evenkeel?of=clinic HTTP/1.1", BODY)
    expected = {
        "host": receiver.address.split("/")[2],
        "content-type": "application/json",
        "content-length": str(len(BODY)),
        "webhook-id": "msg_1",
        "user-agent": "Evenkeel",
        "accept-encoding": "identity",
    }
    assert {name: got.headers[name] for name in expected} == expected


@pytest.mark.parametrize("code", [200, 201, 400, 404, 410, 429, 500, 503])
async def test_the_status_is_what_counts(code: int) -> None:
    attempt = await sent_to(status(code, body=b"thanks"))
    assert (attempt.status, attempt.delivered, attempt.gone) == (code, code < 300, code == 410)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(code: int) -> None:
    async with receiving(status(200)) as inside, receiving(status(code, {"Location": inside.address})) as receiver:
        attempt = await webhook.send(message(receiver.address), HERE)
        followed = await webhook.send(message(inside.address), HERE)  # it would have been taken there
    assert (attempt.status, attempt.delivered) == (code, False)
    assert followed.delivered
    assert len(inside.received) == 1


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (format_datetime(NOW + timedelta(hours=2), usegmt=True), 7200.0),
        (format_datetime(NOW - timedelta(hours=2), usegmt=True), -7200.0),
        ("-5", None),
        ("1e9", None),
        ("soon", None),
        ("Mon, 01 Jun 2026 12:00:00 +99999999999999999999", None),
        ("Mon, 99 Jun 99999 12:00:00 GMT", None),
        ("99999999999999999999", 999_999_999.0),
        ("", None),
    ],
)
async def test_what_a_receiver_asks_for(asked: str, seconds: float | None) -> None:
    assert (await sent_to(status(503, {"Retry-After": asked}))).retry_after == seconds


SIZE = 10_000_000
BOMB = gzip.compress(bytes(SIZE))  # 10 MB of nothing in 10 kB
PACKED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (says(PACKED % len(BOMB) + BOMB), 200),
        (endless(CHUNKED, b"ffff\r\n" + bytes(0xFFFF) + b"\r\n"), 200),
        (endless(b"HTTP/1.1 500 No\r\nContent-Length: 999999999999\r\n\r\n", bytes(65_536)), 500),
    ],
    ids=["bomb", "endless", "endless refusal"],
)
async def test_what_stands_behind_the_status_is_not_read(reply: Reply, code: int) -> None:
    begun = time.monotonic()
    assert (await sent_to(reply)).status == code
    assert time.monotonic() - begun < 5


async def test_whoever_reads_it_has_the_bomb() -> None:
    async with receiving(says(PACKED % len(BOMB) + BOMB)) as receiver, httpx.AsyncClient(trust_env=False) as client:
        assert len((await client.post(receiver.address)).content) == SIZE


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "reply",
    [
        silence,
        dripping(b"HTTP/1.1 200 OK\r\n" + b"X-Pad: y\r\n" * 50 + b"\r\n"),
        endless(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["silent", "byte by byte", "never but early hints"],
)
async def test_all_of_an_attempt_has_one_limit_of_time(reply: Reply) -> None:
    begun = time.monotonic()
    attempt = await sent_to(reply)
    assert (attempt.status, attempt.error) == (None, "timeout")
    assert 500 <= attempt.milliseconds < 5000
    assert time.monotonic() - begun < 5


@pytest.mark.usefixtures("quick")
async def test_the_limit_is_for_those_who_need_longer() -> None:
    """As slow byte by byte, but few of them: it is not slowness itself that ends an attempt."""
    assert (await sent_to(dripping(b"HTTP/1.1 200 OK\r\n\r\n", 0.001))).status == 200


@pytest.mark.parametrize(
    "answer",
    [b"", b"\r\n\r\n", b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000],
    ids=["nothing", "blank", "another protocol", "no status", "a head without end"],
)
async def test_what_is_no_answer(answer: bytes) -> None:
    attempt = await sent_to(says(answer))
    assert (attempt.status, attempt.error) == (None, "bad-answer")


async def test_nobody_listens() -> None:
    async with receiving(status(200)) as receiver:
        address = receiver.address
    assert (await webhook.send(message(address), HERE)).error == "unreachable"


async def test_the_guard_stands_before_every_connection() -> None:
    async with receiving(status(200)) as receiver:
        assert (await webhook.send(message(receiver.address), Means(Connections(Egress())))).error == "not-https"
        tls = receiver.address.replace("http:", "https:")
        assert (await webhook.send(message(tls), Means(Connections(Egress())))).error == "not-public"
        name = tls.replace("127.0.0.1", "ehr.example.org")
        assert (
            await webhook.send(message(name), Means(Connections(Egress(look_up=leading_to("127.0.0.1")))))
        ).error == "not-public"
        assert (
            await webhook.send(message(name), Means(Connections(Egress(look_up=leading_to()))))
        ).error == "unresolved"
    assert receiver.received == []


def leading_to(*addresses: str) -> Lookup:
    async def told(host: str, port: int) -> Sequence[str]:
        return addresses

    return told


async def test_a_name_is_looked_up_once_and_the_connection_goes_to_that_address() -> None:
    """Whatever the name would lead to a moment later; the receiver is asked by its name all the same."""
    looks: list[str] = []

    async def once(host: str, port: int) -> Sequence[str]:
        looks.append(host)
        return ["127.0.0.1"] if len(looks) == 1 else ["10.0.0.1"]

    async with receiving(status(200)) as receiver:
        port = receiver.address.split(":")[2].split("/")[0]
        attempt = await webhook.send(
            message(f"http://localhost:{port}/a"), Means(Connections(Egress(True, look_up=once)))
        )
    assert (attempt.status, looks) == (200, ["localhost"])
    assert receiver.received[0].headers["host"] == f"localhost:{port}"


async def test_the_next_address_of_a_name_is_tried_when_one_cannot_be_reached() -> None:
    async with receiving(status(200)) as receiver:
        port = receiver.address.split(":")[2].split("/")[0]
        means = Means(Connections(Egress(True, look_up=leading_to("127.0.0.2", "127.0.0.1"))))
        assert (await webhook.send(message(f"http://localhost:{port}/a"), means)).status == 200


@pytest.mark.usefixtures("quick")
async def test_a_cancelled_attempt_is_no_attempt() -> None:
    async with receiving(silence) as receiver:
        task = asyncio.create_task(webhook.send(message(receiver.address), HERE))
        await receiver.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate for localhost that vouches for itself, and what serves with it."""
    return certificate(tmp_path_factory.mktemp("certificate"))


async def test_a_certificate_must_be_for_the_name_that_was_asked(served: tuple[Path, ssl.SSLContext]) -> None:
    authority, context = served
    async with receiving(status(200), context) as receiver:
        by_name = receiver.address.replace("127.0.0.1", "localhost")
        trusting, look = Means(Connections(Egress(True, authority))), leading_to("127.0.0.1")
        known = await webhook.send(message(by_name), Means(Connections(Egress(True, authority, look))))
        assert (known.status, known.error) == (200, None)
        by_address = await webhook.send(message(receiver.address), trusting)  # the certificate does not name it
        stranger = await webhook.send(
            message(by_name), Means(Connections(Egress(True, look_up=look)))
        )  # nobody vouches for it
    assert [(item.status, item.error) for item in (by_address, stranger)] == [(None, "tls")] * 2
    assert len(receiver.received) == 1
