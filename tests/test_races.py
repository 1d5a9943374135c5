"""What must hold when several processes write at once, or one is killed: real servers on one real database."""

import asyncio
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.db.identity import create_key
from service.domain.model import MemberRole
from service.settings import Settings
from tests.api import bodies
from tests.cli.processes import Process, environment, running
from tests.factories import CASE, case_facts, held_at, post, put_case, rating_facts, srs
from tests.serving import serving
from tests.writes import Desk, Stored

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent
HELD = [sys.executable, "-m", "tests.launch_unlocked"]
Work = Sequence["asyncio.Task[None]"]
KILLS, BETWEEN_KILLS, EVERYTHING = 3, 25, 1_000_000
COUPLE = {"eva": "partner", "tom": "partner"}


async def _key(desk: Desk) -> str:
    return await create_key(desk.engine, desk.organization, ["all"], datetime.now(UTC))


def _client(address: str, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30)


def _rated(rater: str, total: float, number: int, **others: Any) -> dict[str, Any]:
    """Return the body of a partner's rating."""
    return {**bodies.rating(rater, total, number, **others), "rater": {"id": rater, "role": COUPLE[rater]}}


async def _couple_about_to_split(desk: Desk) -> None:
    """Store five sessions of a couple, the last with a wide gap: one more and the split-alliance rule fires."""
    totals = [(9.0, 9.0), (9.0, 9.0), (9.0, 9.0), (9.0, 9.0), (9.2, 3.0)]
    await desk.write(put_case(case_facts(modality="couple", members=COUPLE)))
    for number, marks in enumerate(totals, 1):
        for rater, mark in zip(COUPLE, marks, strict=True):
            facts = rating_facts(
                rater,
                srs(mark),
                session_id=f"s{number}",
                held_at=held_at(number),
                rater_role=MemberRole.partner,
            )
            await desk.one(post(facts))


async def _both_at_once(desk: Desk, address: str, meeting: Path, locked: bool) -> None:
    """Let Eva's and Tom's ratings of one session arrive at two processes in one instant."""
    await _couple_about_to_split(desk)
    key = await _key(desk)
    settings = environment(database_url=address, drain_seconds="0")
    env = {**settings, "MEETING": str(meeting), "LOCKED": "yes" if locked else "no"}
    with ExitStack() as stack:
        servers = [
            stack.enter_context(running("serve", "--port", "0", env=env, command=HELD, cwd=ROOT)) for _ in range(2)
        ]
        async with _client(servers[0].address, key) as first, _client(servers[1].address, key) as second:
            answers = await asyncio.gather(
                first.post("/v1/ratings", json=_rated("eva", 92, 6)),
                second.post("/v1/ratings", json=_rated("tom", 30, 6)),
            )
    assert [answer.status_code for answer in answers] == [201, 201]
    assert len(list(meeting.iterdir())) == 2


def _rules_that_saw(stored: Stored, session_id: str) -> set[str]:
    alerts = stored.live_alerts(CASE)
    return {alert.concern.rule for alert in alerts if session_id in alert.concern.sessions}


async def test_two_raters_at_one_instant_both_count(desk: Desk, settings: Settings, tmp_path: Path) -> None:
    await _both_at_once(desk, settings.address, tmp_path, locked=True)
    stored = await desk.stored()
    assert "split-alliance" in _rules_that_saw(stored, "s6")
    stored.check()


async def test_without_the_lock_one_of_them_is_lost(desk: Desk, settings: Settings, tmp_path: Path) -> None:
    """The negative control: it shows that the check above can fail, and that the lock is what makes it pass."""
    await _both_at_once(desk, settings.address, tmp_path, locked=False)
    stored = await desk.stored()
    assert len(stored.ratings) == 12
    assert "split-alliance" not in _rules_that_saw(stored, "s6")
    with pytest.raises(AssertionError):
        stored.check()


@pytest.fixture(scope="module")
def two(settings: Settings) -> Iterator[tuple[str, str]]:
    """Return the addresses of two servers on one database."""
    with serving(settings.address) as one, serving(settings.address) as other:
        yield one.address, other.address


async def test_two_servers_under_load_store_what_a_fresh_fold_gives(desk: Desk, two: tuple[str, str]) -> None:
    key = await _key(desk)
    chance = random.Random(7)
    totals = [95, 90, 85, 80, 40, 20]
    sent = [
        _rated(rater, chance.choice(totals), number, case_id=f"fam-{case}")
        for case in range(4)
        for number in range(1, 9)
        for rater in COUPLE
    ]
    chance.shuffle(sent)
    async with _client(two[0], key) as first, _client(two[1], key) as second:
        calls = [(first, second)[place % 2].post("/v1/ratings", json=body) for place, body in enumerate(sent)]
        answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {201}
    stored = await desk.stored()
    assert len(stored.ratings) == len(sent)
    assert stored.alerts
    stored.check()


async def test_sixteen_equal_posts_to_two_servers_make_one_row(desk: Desk, two: tuple[str, str]) -> None:
    key = await _key(desk)
    async with _client(two[0], key) as first, _client(two[1], key) as second:
        for number in range(1, 6):
            body = _rated("eva", 90, number)
            calls = [(first, second)[place % 2].post("/v1/ratings", json=body) for place in range(16)]
            answers = await asyncio.gather(*calls)
            assert sorted(answer.status_code for answer in answers) == [200] * 15 + [201]
            assert len({answer.json()["rating_id"] for answer in answers}) == 1
    stored = await desk.stored()
    assert len(stored.ratings) == 5
    stored.check()


# --- killed


async def _post_until_stored(
    bodies_left: list[dict[str, Any]], server: "Serving", key: str, stored: dict[tuple[str, str, str], str]
) -> None:
    """Post one after the other, each until it is acknowledged, wherever the server is by then."""
    while bodies_left:
        body = bodies_left.pop()
        while True:
            try:
                async with _client(server.address, key) as client:
                    answer = await client.post("/v1/ratings", json=body)
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
                continue
            if answer.status_code in (200, 201):
                name = (body["case_id"], body["session_id"], body["rater"]["id"])
                stored[name] = answer.json()["rating_id"]
                break
            assert answer.status_code == 503


class Serving:
    """A server that is killed and started again; `address` is where it is just now."""

    def __init__(self) -> None:
        self.address = "http://127.0.0.1:9"
        self.kills = 0

    async def kill_and_start(
        self, settings: Settings, work: "Sequence[asyncio.Task[None]]", done: dict[Any, str]
    ) -> None:
        """Kill the server whenever some more were acknowledged, KILLS times, then let it finish."""
        while not all(task.done() for task in work):
            with serving(settings.address) as process:
                self.address = process.address
                enough = len(done) + BETWEEN_KILLS if self.kills < KILLS else EVERYTHING
                await self._until(process, work, done, enough)
                if self.kills < KILLS and not all(task.done() for task in work):
                    self.kills += 1
                    assert process.end(signal.SIGKILL) == -signal.SIGKILL

    @staticmethod
    async def _until(process: Process, work: Work, done: dict[Any, str], count: int) -> None:
        while len(done) < count and not all(task.done() for task in work):
            assert process.popen.poll() is None
            await asyncio.sleep(0.005)


async def test_nothing_acknowledged_is_lost_when_a_server_is_killed_under_load(desk: Desk, settings: Settings) -> None:
    key = await _key(desk)
    chance = random.Random(11)
    sent = [
        _rated(rater, chance.choice([95, 90, 85, 40, 20]), number, case_id=f"fam-{case}")
        for case in range(8)
        for number in range(1, 11)
        for rater in COUPLE
    ]
    chance.shuffle(sent)
    server, done = Serving(), dict[tuple[str, str, str], str]()
    left = list(sent)
    work = [asyncio.create_task(_post_until_stored(left, server, key, done)) for _ in range(16)]
    await server.kill_and_start(settings, work, done)
    await asyncio.gather(*work)
    assert server.kills == KILLS
    stored = await desk.stored()
    found = {
        (item.facts.case_id, item.facts.session_id, item.facts.rater_id): item.rating_id for item in stored.ratings
    }
    assert found == done
    assert len(found) == len(stored.ratings) == len(sent)
    assert all(item.revision == 1 for item in stored.ratings)
    stored.check()
