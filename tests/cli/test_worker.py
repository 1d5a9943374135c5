"""Workers as processes: killed in the middle, side by side, inside the service; the receiver is a real one."""

import asyncio
import json
import re
import signal
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from standardwebhooks import Webhook

from service.db.migrations import upgrade
from service.settings import Settings
from tests.api import bodies
from tests.cli.processes import PATIENCE, Process, environment, started
from tests.conftest import own_database
from tests.receivers import Receiver, receiving, silence, status
from tests.serving import serving
from tests.worlds import caller, new_world

GIVEN = {"secret_keys": b64encode(bytes(32)).decode(), "webhook_allow_loopback": "true"}
PATH = "/v1/webhooks/ehr"


@pytest.fixture(scope="module")
def own_url(server_url: str) -> Iterator[str]:
    """Return the address of a database of this module's own: a worker serves every organization that it finds."""
    with own_database(server_url) as url:
        upgrade(Settings().with_database(url))
        yield url


@pytest.fixture
def key(own_url: str) -> str:
    """Return a key of an organization that nobody else uses."""
    return new_world(own_url).key()


@dataclass(frozen=True, slots=True)
class Clinic:
    """An organization whose EHR has subscribed, and a client of its service."""

    client: httpx.Client
    server: Process
    secret: str

    def alarm(self, number: int) -> None:
        answered = self.client.put(f"/v1/cases/fam-42/sessions/s{number}", json=bodies.hostile(number))
        assert answered.status_code == 201, answered.text

    def states(self) -> list[str]:
        return [item["state"] for item in self.client.get(f"{PATH}/deliveries").json()["items"]]


@contextmanager
def clinic(url: str, key: str, receiver: Receiver, **settings: str) -> Iterator[Clinic]:
    with serving(url, **GIVEN, **settings) as server, caller(server.address, key, trust_env=False) as client:
        made = client.put(PATH, json={"url": receiver.address})
        assert made.status_code == 201, made.text
        yield Clinic(client, server, made.json()["secret"])


@contextmanager
def working(url: str, **settings: str) -> Iterator[Process]:
    with started("worker", env=environment(database_url=url, **GIVEN, **settings)) as process:
        process.wait_for_line("delivering")
        yield process


async def arrived(receiver: Receiver, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(receiver.received) < count:
            receiver.arrived.clear()
            await receiver.arrived.wait()


async def settled(one: Clinic) -> list[str]:
    """Return how deliveries ended, once none waits."""
    async with asyncio.timeout(PATIENCE):
        while "waiting" in (found := await asyncio.to_thread(one.states)):
            await asyncio.sleep(0.05)
    return found


def end_leases(url: str) -> None:
    """Let the time pass after which whoever took something up counts as dead."""
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE deliveries SET due_at = now() WHERE state = 'waiting'")


def run(scenario: Any) -> None:
    asyncio.run(scenario())


def test_a_worker_killed_between_sending_and_noting_loses_nothing(own_url: str, key: str) -> None:
    async def scenario() -> None:
        async with receiving(silence) as receiver:
            with clinic(own_url, key, receiver) as one, ExitStack() as until:
                killed = until.enter_context(working(own_url))
                await asyncio.to_thread(one.alarm, 1)
                await arrived(receiver, 1)
                assert await asyncio.to_thread(killed.end, signal.SIGKILL) == -signal.SIGKILL
                assert await asyncio.to_thread(one.states) == ["waiting"]
                receiver.release(status(200))
                until.enter_context(working(own_url))
                await asyncio.to_thread(one.client.post, f"{PATH}/test")
                await arrived(receiver, 2)  # the survivor is at work, and leaves alone what may be under way
                assert json.loads(receiver.received[1].body)["type"] == "webhook.test"
                await asyncio.to_thread(end_leases, own_url)
                assert await settled(one) == ["delivered", "delivered"]
        first, _, again = receiver.received
        assert (first.headers["webhook-id"], first.body) == (again.headers["webhook-id"], again.body)
        assert Webhook(one.secret).verify(again.body, dict(again.headers))["type"] == "alert.opened"

    run(scenario)


def test_two_workers_send_each_message_once(own_url: str, key: str) -> None:
    async def scenario() -> None:
        async with receiving(status(204)) as receiver:
            with clinic(own_url, key, receiver) as one, working(own_url) as first, working(own_url) as second:
                for number in range(1, 31):
                    await asyncio.to_thread(one.alarm, number)
                assert await settled(one) == ["delivered"] * 30
                for worker in (first, second):
                    assert await asyncio.to_thread(worker.end) == 0
        ids = [got.headers["webhook-id"] for got in receiver.received]
        assert len(ids) == len(set(ids)) == 30

    run(scenario)


def test_inside_the_service(own_url: str, key: str) -> None:
    async def scenario() -> None:
        async with receiving(status(204)) as receiver:
            with clinic(own_url, key, receiver, worker="embedded") as one:
                await asyncio.to_thread(one.alarm, 1)
                await arrived(receiver, 1)
                assert await settled(one) == ["delivered"]
                metrics = (await asyncio.to_thread(one.client.get, "/metrics")).text
                assert 'evenkeel_delivery_attempts_total{channel="webhook",outcome="delivered"} 1.0' in metrics
                assert "evenkeel_oldest_waiting_delivery_seconds" in metrics
                assert await asyncio.to_thread(one.server.end) == 0
                assert "Traceback" not in "\n".join(one.server.said)

    run(scenario)


def test_without_a_worker_it_waits_and_is_not_lost(own_url: str, key: str) -> None:
    async def scenario() -> None:
        async with receiving(status(204)) as receiver:
            with clinic(own_url, key, receiver) as one:
                await asyncio.to_thread(one.alarm, 1)
                assert "evenkeel_oldest_waiting" not in (await asyncio.to_thread(one.client.get, "/metrics")).text
                assert await asyncio.to_thread(one.states) == ["waiting"]
                with working(own_url, metrics_port="0") as worker:
                    await arrived(receiver, 1)
                    assert await settled(one) == ["delivered"]
                    told = next(line for line in worker.said if line.startswith("metrics on "))
                    page = await asyncio.to_thread(httpx.get, told.removeprefix("metrics on "), trust_env=False)
                    assert re.search(r"^evenkeel_oldest_waiting_delivery_seconds [0-9.e+]+$", page.text, re.M)
                    assert await asyncio.to_thread(worker.end, signal.SIGINT) == 0
                    assert "Traceback" not in "\n".join(worker.said)

    run(scenario)


def test_what_a_worker_logs_names_no_address_and_no_secret(own_url: str, key: str) -> None:
    async def scenario() -> None:
        async with receiving(status(410)) as receiver:
            with clinic(own_url, key, receiver) as one, working(own_url) as worker:
                await asyncio.to_thread(one.alarm, 1)
                line = await asyncio.to_thread(worker.wait_for_line, "subscription_disabled")
                event = json.loads(line.string)
                assert event["reason"] == "gone"
                assert set(event) == {"event", "level", "timestamp", "reason", "organization_id", "subscription_id"}
                assert await settled(one) == ["failed"]
                said = "\n".join(worker.said)
                assert [word for word in (receiver.address, one.secret, "fam-42") if word in said] == []

    run(scenario)
