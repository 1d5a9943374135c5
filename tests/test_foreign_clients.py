"""Clients that nobody here wrote, from npm: a stream that is cut goes on by itself; signatures are what theirs are."""

import json
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from service.channels import Means
from service.connecting import Connections
from service.db.changes import raise_epoch
from service.db.engine import transaction
from service.delivering import Deliverer
from service.egress import Egress
from service.encrypting import WEBHOOKS, encrypt
from service.observing import DeliveryMetrics
from tests.api.bodies import hostile
from tests.cli.processes import Process
from tests.node import NODE
from tests.receivers import receiving, status
from tests.relays import relaying
from tests.serving import serving
from tests.subscribed import alarm, subscribe, subscription
from tests.worlds import PATIENCE, World, caller, new_world, with_engine
from tests.writes import Desk

SECRET, OTHER_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "B" * 43 + "="
KEYS = (bytes([1]) * 32,)


@dataclass
class Page:
    """A script that listens to a stream; what it says is read while it runs."""

    popen: "subprocess.Popen[str]"
    lines: "queue.Queue[Any]" = field(default_factory=queue.Queue)

    def read_on(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def wait_for(self, kind: str) -> Any:
        """Return the next thing it says of a kind; others are passed over."""
        while (said := self.lines.get(timeout=PATIENCE)) is not None:
            if said[0] == kind:
                return said
        raise AssertionError("it ended")

    def cases(self, count: int) -> list[str]:
        return [self.wait_for("alert")[2]["case_id"] for _ in range(count)]


@contextmanager
def listening(scripts: Path, address: str, key: str, count: int, *more: str) -> Iterator[Page]:
    command = [str(NODE), "listen.mjs", f"{address}/v1/changes/stream", key, str(count), *more]
    popen = subprocess.Popen(command, cwd=scripts, stdout=subprocess.PIPE, text=True)
    page = Page(popen)
    reader = threading.Thread(target=page.read_on)
    reader.start()
    try:
        yield page
    finally:
        popen.kill()
        popen.wait()
        reader.join()
        assert popen.stdout is not None
        popen.stdout.close()


@pytest.fixture
def process(database_url: str) -> Iterator[Process]:
    with serving(database_url, listen_database_url=database_url) as process:
        yield process


@pytest.fixture
def world(database_url: str) -> World:
    return new_world(database_url)


def put(client: httpx.Client, *case_ids: str) -> None:
    for case_id in case_ids:
        client.put(f"/v1/cases/{case_id}/sessions/s1", json=hostile()).raise_for_status()


def test_a_stream_that_is_cut_goes_on_without_gap_or_repetition(scripts: Path, process: Process, world: World) -> None:
    key = world.key()
    with caller(process.address, key) as client, relaying(process.address) as relay:
        put(client, "a", "b")
        with listening(scripts, relay.address, key, 6) as page:
            assert page.cases(2) == ["a", "b"]
            assert relay.cut() == 1
            put(client, "c", "d")  # while nobody listens
            assert page.cases(2) == ["c", "d"]
            assert relay.cut() == 1
            put(client, "e", "f")
            assert page.cases(2) == ["e", "f"]
            assert page.popen.wait(PATIENCE) == 0


def test_who_forgets_where_they_were_gets_all_of_it_again(scripts: Path, process: Process, world: World) -> None:
    """What would be if the id of the last event were not sent: so it is what keeps the other test from repetition."""
    key = world.key()
    with caller(process.address, key) as client:
        put(client, "a", "b")
        with listening(scripts, process.address, key, 2) as page:
            _, last, _ = [page.wait_for("alert") for _ in range(2)][1]
        put(client, "c")
        with listening(scripts, process.address, key, 1, last) as page:
            assert page.cases(1) == ["c"]
        with listening(scripts, process.address, key, 3) as page:
            assert page.cases(3) == ["a", "b", "c"]


def test_a_server_that_is_killed_is_followed_by_another(scripts: Path, database_url: str, world: World) -> None:
    key = world.key()
    with (
        serving(database_url, listen_database_url=database_url) as first,
        serving(database_url, listen_database_url=database_url) as second,
        relaying(first.address) as relay,
        caller(second.address, key) as client,
    ):
        put(client, "a")
        with listening(scripts, relay.address, key, 2) as page:
            assert page.cases(1) == ["a"]
            relay.target = second.address
            first.popen.kill()
            put(client, "b")
            assert page.cases(1) == ["b"]


def test_a_restore_is_told_and_all_is_sent_anew(scripts: Path, process: Process, world: World) -> None:
    key = world.key()
    with caller(process.address, key) as client:
        put(client, "a")
        with listening(scripts, process.address, key, 3) as page:
            assert page.cases(1) == ["a"]
            restored(world)
            put(client, "b")
            page.wait_for("reset")
            assert page.cases(1) == ["a"]


def restored(world: World) -> None:
    async def begin_anew(engine: AsyncEngine) -> None:
        async with transaction(engine, world.organization_id) as db:
            await raise_epoch(db, datetime.now(UTC))

    with_engine(world.database_url, begin_anew)


def verified(scripts: Path, *given: tuple[str, Mapping[str, str], bytes]) -> list[Any]:
    """Return what the reference library of another language finds in messages; text is why it refuses one."""
    told = [{"secret": secret, "headers": dict(heads), "body": body.decode()} for secret, heads, body in given]
    command = [str(NODE), "verify.mjs"]
    ran = subprocess.run(
        command, cwd=scripts, input=json.dumps(told), capture_output=True, text=True, timeout=60, check=True
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.mark.anyio
async def test_the_reference_library_in_javascript_verifies_what_is_sent(scripts: Path, desk: Desk) -> None:
    now = datetime.now(UTC)
    kept, former = (encrypt(KEYS, WEBHOOKS, desk.organization, secret) for secret in (SECRET, OTHER_SECRET))
    async with receiving(status(204)) as receiver:
        facts: dict[str, Any] = {"former_secret": former, "former_until": now + timedelta(hours=1)}
        await subscribe(desk, subscription(address=receiver.address, secret=kept, **facts))
        await alarm(desk)
        means, metrics = Means(Connections(Egress(loopback=True))), DeliveryMetrics(CollectorRegistry())
        worker = Deliverer(desk.engine, KEYS, means, metrics, lambda: datetime.now(UTC))
        await worker.take_up()
        await worker.settled()
    got = next(item for item in receiver.received)
    late = {**got.headers, "webhook-timestamp": str(int(got.headers["webhook-timestamp"]) - 3600)}
    found = verified(
        scripts,
        (SECRET, got.headers, got.body),
        (OTHER_SECRET, got.headers, got.body),  # while it is being changed
        ("whsec_" + "C" * 43 + "=", got.headers, got.body),
        (SECRET, got.headers, got.body.replace(b"warning", b"critical")),
        (SECRET, late, got.body),
    )
    assert found[:2] == [json.loads(got.body)] * 2
    assert found[2:] == ["No matching signature found", "No matching signature found", "Message timestamp too old"]
