"""Batches on a real socket, where who reads when matters; the framework's own test transport hides all of it."""

import json
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.api import bodies
from tests.api.bodies import Document
from tests.cli.processes import Process
from tests.serving import serving
from tests.worlds import PATIENCE, World, caller, new_world

KIB, MIB = 1024, 1024 * 1024


def rating_line(case_id: str, size: int = 0) -> bytes:
    """Return a line, with so much white space in it that it has a size."""
    line = json.dumps({"type": "rating", **bodies.rating(case_id=case_id)}).encode()
    return line[:-1] + b" " * max(0, size - len(line) - 1) + b"}\n"


class Upload:
    """One batch on a connection of its own, sent and read as slowly or early as a test likes."""

    def __init__(self, process: Process, key: str) -> None:
        place = urlsplit(process.address)
        self.socket = socket.create_connection((place.hostname, place.port), timeout=PATIENCE)
        self._key = key
        self._response: HTTPResponse | None = None
        self._tail = b""

    def begin(self, *fields: str) -> None:
        told = (
            "POST /v1/batch?deliver=false HTTP/1.1",
            "Host: here",
            f"Authorization: Bearer {self._key}",
            "Content-Type: application/x-ndjson",
        )
        self.socket.sendall("\r\n".join([*told, *fields, "", ""]).encode())

    def send(self, content: bytes) -> None:
        self.begin(f"Content-Length: {len(content)}")
        self.socket.sendall(content)

    def send_chunks(self, chunks: Iterable[bytes]) -> None:
        self.begin("Transfer-Encoding: chunked")
        for chunk in chunks:
            self.socket.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        self.socket.sendall(b"0\r\n\r\n")

    def answer(self) -> HTTPResponse:
        """Return the answer once its head has come."""
        self._response = HTTPResponse(self.socket)
        self._response.begin()
        return self._response

    def has_ended(self) -> bool:
        """Read what has come so far; tell whether it was all of the answer."""
        with suppress(BlockingIOError):
            self.socket.setblocking(False)
            while chunk := self.socket.recv(MIB):
                self._tail = (self._tail + chunk)[-400:]
        return b'{"end":true' in self._tail

    def leave(self, by_reset: bool = False) -> None:
        if by_reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self._response is not None:
            self._response.close()
        self.socket.close()

    def answers(self) -> list[Document]:
        response = self.answer()
        assert response.status == 200
        return [json.loads(line) for line in response.read().splitlines()]


@pytest.fixture(scope="module")
def server(database_url: str) -> Iterator[Process]:
    with serving(database_url, database_prepare="true") as process:
        yield process


@pytest.fixture
def world(database_url: str) -> World:
    return new_world(database_url)


@pytest.fixture
def upload(server: Process, world: World) -> Iterator[Callable[[], Upload]]:
    """Return what begins uploads; their connections are closed in the end."""
    key, begun = world.key(), list[Upload]()

    def begin() -> Upload:
        begun.append(Upload(server, key))
        return begun[-1]

    yield begin
    for one in begun:
        one.leave()


@contextmanager
def counting(world: World) -> Iterator[Callable[[], int]]:
    """Yield what tells how many ratings are stored."""
    statement = "SELECT count(*) FROM ratings WHERE organization_id = %s"
    with psycopg.connect(world.database_url, autocommit=True) as connection:

        def count() -> int:
            row = connection.execute(statement, [world.organization_id]).fetchone()
            assert row is not None
            return int(row[0])

        yield count


def until(found: Callable[[], bool]) -> None:
    """Look again and again until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def created(count: int) -> Document:
    return {"end": True, "created": count, "same": 0, "changed": 0, "refused": 0}


def test_a_client_that_sends_all_before_it_reads(upload: Callable[[], Upload], world: World) -> None:
    """More than all buffers between the two can hold: nobody waits for the other."""
    sent = upload()
    sent.send(b"".join(rating_line(f"c{n}", 48 * KIB) for n in range(160)))
    *answers, end = sent.answers()
    assert [(answer["line"], answer["status"]) for answer in answers] == [(n + 1, 201) for n in range(160)]
    assert end == created(160)
    assert world.count("ratings") == 160


def test_many_answers_to_a_client_that_sends_all_before_it_reads(upload: Callable[[], Upload]) -> None:
    """The answers are larger than the lines, and none is read before the last line is sent."""
    sent = upload()
    count = 40_000
    sent.send(b"{}\n" * count)
    *answers, end = sent.answers()
    assert [answer["line"] for answer in answers] == list(range(1, count + 1))
    assert end["refused"] == count


def test_a_client_that_reads_while_it_sends(upload: Callable[[], Upload]) -> None:
    sent = upload()
    found: list[Document] = []
    reading = threading.Thread(target=lambda: found.extend(sent.answers()))
    reading.start()
    sent.send_chunks(rating_line(f"c{n}", 16 * KIB) for n in range(100))
    reading.join(PATIENCE)
    assert found[-1] == created(100)


def test_a_slow_drip(upload: Callable[[], Upload]) -> None:
    """Bytes one by one, pieces across the ends of lines: what arrives is what was sent."""
    content = rating_line("c1") + rating_line("c2")
    pieces = [content[at : at + 1] for at in range(40)] + [content[at : at + 7] for at in range(40, len(content), 7)]
    sent = upload()
    sent.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sent.send_chunks(pieces)
    assert sent.answers()[-1] == created(2)


def test_a_client_that_reads_slowly(upload: Callable[[], Upload], server: Process, world: World) -> None:
    """One that does not read holds up its own batch, not others; when it reads, everything is there."""
    sent = upload()
    count = 60_000
    sent.send(b"{}\n" * count)
    with caller(server.address, world.key()) as client:
        assert client.post("/v1/ratings", json=bodies.rating()).status_code == 201
    assert sent.answers()[-1]["refused"] == count


@pytest.mark.parametrize("line", [b"\n", b"{}\n"])
def test_lines_that_wait_for_nothing_hold_nobody_up(upload: Callable[[], Upload], server: Process, line: bytes) -> None:
    """Neither blank lines nor refused ones ask the database; still others get their turn in between."""
    sent = upload()
    sent.send(line * (4 * MIB if line == b"\n" else 40_000))
    turns = 0
    with caller(server.address, None) as client:
        while not sent.has_ended():
            assert client.get("/livez").status_code == 200
            turns += 1
    assert turns >= 30


@pytest.mark.parametrize("announced", [True, False])
def test_too_much(upload: Callable[[], Upload], world: World, announced: bool) -> None:
    """The refusal comes while the client still sends, and reaches one that listens."""
    sent = upload()
    line = rating_line("c1", 64 * KIB)
    found: list[HTTPResponse] = []
    reading = threading.Thread(target=lambda: found.append(sent.answer()))
    reading.start()
    if announced:
        sent.send(line * 600)
    else:
        sent.send_chunks(line for _ in range(600))
    reading.join(PATIENCE)
    assert found[0].status == 413
    assert json.loads(found[0].read())["code"] == "too-large"
    assert world.count("ratings") == 0


def test_leaving_before_all_is_sent(upload: Callable[[], Upload], world: World, server: Process) -> None:
    """Half an upload is none: nothing is answered, so nothing is stored."""
    sent = upload()
    sent.begin("Content-Length: 1000000")
    sent.socket.sendall(b"".join(rating_line(f"c{n}") for n in range(100)))
    sent.leave()
    with caller(server.address, world.key()) as client:
        assert client.get("/v1/ratings").json()["items"] == []
    again = upload()
    again.send(rating_line("c1"))
    assert again.answers()[-1] == created(1)


def test_leaving_in_the_middle_of_the_answers(upload: Callable[[], Upload], world: World) -> None:
    """What was stored stays stored; sending it all again completes it, each line once."""
    content = b"".join(rating_line(f"c{n}") for n in range(1500))
    sent = upload()
    sent.send(content)
    sent.answer().read(2000)
    sent.leave()
    again = upload()
    again.send(content)
    *answers, end = again.answers()
    assert end["created"] + end["same"] == 1500
    assert end["same"] > 0
    assert len({answer["id"] for answer in answers}) == 1500
    assert world.count("ratings") == 1500


def test_leaving_frees_the_place(upload: Callable[[], Upload], world: World) -> None:
    """Far more clients than there are places leave at every stage; there is room for the next one."""
    line = rating_line("c1")
    for turn in range(30):
        sent = upload()
        if turn % 3 == 0:
            sent.begin("Content-Length: 1000")
        elif turn % 3 == 1:
            sent.send(line * 200)
        else:
            sent.send(line * 200)
            sent.answer()
        sent.leave(by_reset=True)

    def served() -> bool:
        again = upload()
        again.send(line)
        return again.answer().status == 200

    until(served)


def test_live_requests_go_before_bulk(upload: Callable[[], Upload], world: World, server: Process) -> None:
    """A single rating overtakes lines of the same organization that were accepted before it and still wait.

    Counted, not timed: among the lines that the service received earlier, how many were stored later. In a fair queue
    it would be none.
    """
    sent = upload()
    sent.send(b"".join(rating_line(f"c{n}") for n in range(3000)))
    with counting(world) as count, caller(server.address, world.key()) as client:
        until(lambda: count() > 200)
        live = [client.post("/v1/ratings", json=bodies.rating(case_id=f"live-{n}")).json() for n in range(5)]
        assert count() < 3000 + len(live)  # all of them came while the batch was under way
    assert sent.answers()[-1] == created(3000)
    assert max(overtaken(world, [rating["rating_id"] for rating in live])) >= 100


def overtaken(world: World, rating_ids: Iterable[str]) -> list[int]:
    """Return how many ratings were received before each of some and stored after it; audit ids rise as is stored."""
    statement = """
        SELECT rating_id::text, received_at, audit_id FROM ratings r JOIN audit a
        ON a.organization_id = r.organization_id AND a.thing = 'rating/' || r.rating_id
        WHERE r.organization_id = %s
    """
    with psycopg.connect(world.database_url) as connection:
        rows = connection.execute(statement, [world.organization_id]).fetchall()
    places = {rating_id: (received, stored) for rating_id, received, stored in rows}
    return [
        sum(received < places[mine][0] and stored > places[mine][1] for received, stored in places.values())
        for mine in rating_ids
    ]


def test_batches_at_once(upload: Callable[[], Upload], world: World) -> None:
    """Three of one organization share its queue: none is turned away, and each keeps its order."""
    uploads = [upload() for _ in range(3)]
    for number, sent in enumerate(uploads):
        sent.send(b"".join(rating_line(f"b{number}-c{n}") for n in range(700)))
    for sent in uploads:
        *answers, end = sent.answers()
        assert [answer["line"] for answer in answers] == list(range(1, 701))
        assert end == created(700)


BOUND = 8 * MIB  # measured 0.1; holding the batch in memory would take 20


def test_memory_stays_bounded(upload: Callable[[], Upload], server: Process) -> None:
    """Twenty MiB go through, and the server never grows by more than the bound."""
    warm = upload()
    warm.send(b"".join(rating_line(f"w{n}") for n in range(600)))
    assert warm.answers()[-1] == created(600)
    before = memory_of(server)
    largest = before
    sent = upload()
    sent.send(b"".join(rating_line(f"c{n}", 20 * KIB) for n in range(1024)))
    response = sent.answer()
    while line := response.readline():
        largest = max(largest, memory_of(server)) if b"00," in line else largest
    assert largest - before < BOUND


def memory_of(process: Process) -> int:
    """Return the bytes of memory that a process has in use."""
    asked = ["ps", "-o", "rss=", "-p", str(process.popen.pid)]
    return int(subprocess.run(asked, capture_output=True, check=True, env={"PATH": os.defpath}).stdout) * KIB
