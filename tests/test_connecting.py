"""Connections to receivers on real sockets: kept, made anew, and judged whenever one is made."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from service.connecting import SHORT, Connections
from service.egress import Egress, Refused
from tests.receivers import Receiver, receiving, says, status

pytestmark = pytest.mark.anyio

GOOD = says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
LONG = says(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (SHORT + 1) + bytes(SHORT + 1))


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    made = Connections(Egress(loopback=True))
    yield made
    await made.close_idle(0)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving(GOOD) as one:
        one.keeps = 100
        yield one


async def posted(connections: Connections, address: str, times: int = 1) -> list[int]:
    return [(await connections.post(address, {"webhook-id": "msg_1"}, b"{}"))[0] for _ in range(times)]


async def test_one_connection_carries_many_messages_until_nobody_used_it(
    connections: Connections, receiver: Receiver
) -> None:
    assert await posted(connections, receiver.address, 3) == [200] * 3
    await connections.close_idle()  # it was used just now
    assert await posted(connections, receiver.address) == [200]
    assert (receiver.connections, len(receiver.received)) == (1, 4)
    await connections.close_idle(0)
    assert await posted(connections, receiver.address) == [200]
    assert receiver.connections == 2


async def test_what_was_closed_between_two_messages_loses_none(connections: Connections, receiver: Receiver) -> None:
    """Without a word, as a receiver does that is idle for long; each message arrives once and is taken."""
    receiver.keeps = 1
    assert await posted(connections, receiver.address, 5) == [200] * 5
    assert (receiver.connections, len(receiver.received)) == (5, 5)


async def test_a_kept_connection_that_breaks_makes_way_for_a_new_one(
    connections: Connections, receiver: Receiver
) -> None:
    """The second message is read and never answered: it is sent again, under its id."""

    async def breaking(writer: asyncio.StreamWriter) -> None:
        if len(receiver.received) == 2:
            writer.transport.abort()
            raise ConnectionResetError
        await GOOD(writer)

    receiver.reply = breaking
    assert await posted(connections, receiver.address, 2) == [200] * 2
    assert [got.headers["webhook-id"] for got in receiver.received] == ["msg_1"] * 3
    assert receiver.connections == 2


async def test_many_at_once_have_a_connection_each_and_share_them_later(
    connections: Connections, receiver: Receiver
) -> None:
    for _ in range(2):
        await asyncio.gather(*(posted(connections, receiver.address, 3) for _ in range(8)))
    assert len(receiver.received) == 48
    assert receiver.connections <= 8


@pytest.mark.parametrize("reply", [LONG, status(200)], ids=["a long answer", "a receiver that says it closes"])
async def test_what_is_not_kept(connections: Connections, receiver: Receiver, reply: object) -> None:
    receiver.reply = reply  # type: ignore[assignment]
    assert await posted(connections, receiver.address, 2) == [200] * 2
    assert receiver.connections == 2


async def test_two_names_of_one_address_share_nothing(connections: Connections, receiver: Receiver) -> None:
    """What a certificate said of one name says nothing of the other."""
    by_name = receiver.address.replace("127.0.0.1", "localhost")
    for address in (receiver.address, by_name, receiver.address, by_name):
        assert await posted(connections, address) == [200]
    assert receiver.connections == 2


async def test_a_name_that_leads_inside_now_is_refused_at_the_next_connection(receiver: Receiver) -> None:
    leads_to = ["127.0.0.1"]

    async def look_up(host: str, port: int) -> Sequence[str]:
        return leads_to

    connections, address = (
        Connections(Egress(True, look_up=look_up)),
        receiver.address.replace("127.0.0.1", "localhost"),
    )
    assert await posted(connections, address) == [200]
    leads_to[:] = ["10.0.0.1"]
    assert await posted(connections, address) == [200]  # still the address that was judged
    await connections.close_idle(0)
    with pytest.raises(Refused, match="not-public"):
        await posted(connections, address)
    assert receiver.connections == 1
    await connections.close_idle(0)
