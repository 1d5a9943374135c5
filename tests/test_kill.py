"""kill -9 under load, of the service and of its database: what was acknowledged is there, once, judged as if new."""

import asyncio
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.embedded import EmbeddedServer
from service.domain.records import RatingState
from tests.api import bodies
from tests.cli.processes import Process, environment, postmaster, running
from tests.factories import srs
from tests.worlds import PATIENCE, World, new_world, with_engine
from tests.writes import Desk, Stored

CASES = ("fam-1", "fam-2", "fam-3")
RATERS = ("eva", "tom", "ana", "kim")  # each in each family rates on a connection of their own: twelve at once
UPLOADED = "fam-4"  # whose ratings all come in one batch
SESSIONS = range(1, 9)
PAUSE = 0.05  # seconds before something is sent again
FALL = {"ana": (90, 91, 90, 92, 55, 50, 48, 45), "kim": (80, 82, 81, 60, 55, 79, 84, 85)}
STEADY = (88, 90, 91, 89, 92, 90, 93, 94)


def total(rater: str, number: int) -> float:
    return float(FALL.get(rater, STEADY)[number - 1])


def is_corrected(number: int) -> bool:
    return number % 3 == 0


def is_retracted(number: int) -> bool:
    return number % 4 == 1


@dataclass
class Site:
    """Where the service is to be found, also after it was killed and started again on its port."""

    arguments: dict[str, str]
    started: ExitStack
    process: Process | None = None

    @property
    def address(self) -> str:
        assert self.process is not None
        return self.process.address

    def start(self) -> None:
        port = "0" if self.process is None else str(urlsplit(self.address).port)
        env = environment(**self.arguments)
        self.process = self.started.enter_context(running("serve", "--port", port, env=env))

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.end(signal.SIGKILL) == -signal.SIGKILL


@contextmanager
def site(**settings: str) -> Iterator[Site]:
    with ExitStack() as started:
        found = Site({"drain_seconds": "0", "database_prepare": "true", **settings}, started)
        found.start()
        yield found


@dataclass
class Load:
    """Clients that send until they are answered, and what they have heard."""

    site: Site
    key: str
    acknowledged: int = 0
    broken: int = 0
    unavailable: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def reached(self, condition: Callable[[], bool]) -> None:
        """Wait until the clients have heard enough."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.moved.clear()
                await self.moved.wait()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx.AsyncClient(base_url=self.site.address, headers=headers, timeout=PATIENCE) as client:
            yield client

    async def send(self, client: httpx.AsyncClient, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer that acknowledges a request; without one, and when told to, it is sent again."""
        while True:
            with suppress(httpx.TransportError):
                response = await client.request(method, path, **options)
                if response.status_code != 503:
                    assert response.status_code in (200, 201), (method, response.text)
                    if path != "/v1/batch" or '"end":true' in response.text:
                        self.acknowledged += 1
                        self.moved.set()
                        return response
                self.unavailable += response.status_code == 503
                self.moved.set()
                await asyncio.sleep(PAUSE)
                continue
            self.broken += 1
            self.moved.set()
            await asyncio.sleep(PAUSE)

    async def rate(self, case_id: str, rater: str) -> None:
        """Post all of somebody's ratings, the later sessions first for some; correct some, retract some."""
        numbers: Sequence[int] = SESSIONS if rater != "tom" else SESSIONS[::-1]
        async with self.client() as client:
            for number in numbers:
                if rater == "eva":
                    seen = bodies.hostile(number) if number in (4, 5) else bodies.session(number)
                    await self.send(client, "PUT", f"/v1/cases/{case_id}/sessions/s{number}", json=seen)
                body = bodies.rating(rater, 70.0 if is_corrected(number) else total(rater, number), number)
                posted = (await self.send(client, "POST", "/v1/ratings", json={**body, "case_id": case_id})).json()
                path = f"/v1/ratings/{posted['rating_id']}"
                if is_corrected(number):
                    right = {**bodies.rating(rater, total(rater, number), number), "case_id": case_id}
                    await self.send(client, "PUT", path, json=right, headers={"If-Match": '"1"'})
                if is_retracted(number):
                    await self.send(client, "DELETE", path)

    async def upload(self) -> None:
        lines = [
            {"type": "rating", **bodies.rating(rater, total(rater, number), number), "case_id": UPLOADED}
            for number in SESSIONS
            for rater in RATERS
        ]
        content = "".join(json.dumps(line) + "\n" for line in lines)
        async with self.client() as client:
            for _ in range(5):  # the first of them stores, the others must change nothing
                await self.send(
                    client, "POST", "/v1/batch", content=content, headers={"Content-Type": "application/x-ndjson"}
                )

    async def run(self, trouble: Callable[["Load"], Coroutine[Any, Any, None]]) -> None:
        """Send everything while there is trouble; ends when all is acknowledged."""
        async with asyncio.TaskGroup() as group:
            for case_id in CASES:
                for rater in RATERS:
                    group.create_task(self.rate(case_id, rater))
            group.create_task(self.upload())
            group.create_task(trouble(self))


def expected(case_id: str, number: int) -> tuple[int, RatingState]:
    """Return the revision and state in which a rating must end."""
    if case_id == UPLOADED:
        return 1, RatingState.live
    revision = 1 + is_corrected(number) + is_retracted(number)
    return revision, RatingState.retracted if is_retracted(number) else RatingState.live


def check_stored(stored: Stored) -> None:
    """Each acknowledged rating once, as it was last acknowledged; all that follows from them as in a fresh fold."""
    found = {
        (item.facts.case_id, item.facts.rater_id, int(item.facts.session_id[1:])): (
            (item.revision, item.state),
            item.facts.answers,
        )
        for item in stored.ratings
    }
    wanted = {
        (case_id, rater, number): (expected(case_id, number), srs(total(rater, number) / 10))
        for case_id in (*CASES, UPLOADED)
        for rater in RATERS
        for number in SESSIONS
    }
    assert len(stored.ratings) == len(found)  # none twice
    assert found == wanted
    assert {alert.concern.rule for alert in stored.alerts} >= {"hostility-to-therapist", "trust-bond-loss"}
    stored.check()


async def courses(address: str, key: str) -> list[Any]:
    """Return each family's course as a reader sees it, times of change aside."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=PATIENCE) as client:
        return [(await client.get(f"/v1/cases/{case_id}/course")).json() for case_id in (*CASES, UPLOADED)]


def check(site: Site, world: World, key: str) -> None:
    """Hold what is stored, and what a reader sees, against what follows from the facts alone."""

    async def compare(engine: AsyncEngine) -> None:
        desk = Desk(engine, world.organization_id)
        check_stored(await desk.stored())
        before = await courses(site.address, key)
        await desk.forget_carries()
        assert await courses(site.address, key) == before

    with_engine(world.database_url, compare)


def test_kill_the_service(database_url: str) -> None:
    """Twice, with all clients at it; each sends again what was not acknowledged."""
    world = new_world(database_url)
    key = world.key()
    with site(database_url=database_url) as place:

        async def trouble(load: Load) -> None:
            for threshold in (50, 120):
                await load.reached(lambda least=threshold: load.acknowledged >= least)  # type: ignore[misc]
                place.kill()
                await asyncio.to_thread(place.start)

        load = Load(place, key)
        asyncio.run(load.run(trouble))
        assert load.broken >= 13  # every client was cut off
        check(place, world, key)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return a data folder in a place where an embedded server may live, as root too."""
    folder = Path(tempfile.mkdtemp(prefix="evenkeel-kill-"))
    folder.chmod(0o711)
    yield folder / "data"
    shutil.rmtree(folder)


def test_kill_the_database(data_dir: Path) -> None:
    """Its first process, as a power cut would; then the service too. The next start recovers what was acknowledged."""
    with site(data_dir=str(data_dir)) as place:
        world = new_world(EmbeddedServer(data_dir).address)
        key = world.key()

        async def trouble(load: Load) -> None:
            await load.reached(lambda: load.acknowledged >= 60)
            pid = postmaster(data_dir)
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            await load.reached(lambda: load.unavailable >= 5)  # clients are told to come back
            place.kill()
            await asyncio.to_thread(place.start)

        load = Load(place, key)
        asyncio.run(load.run(trouble))
        check(place, world, key)
