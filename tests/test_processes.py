"""Jobs in processes of their own: killed in the middle nothing is half done, and whoever comes next goes on."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.history import History, copy_in
from bench.stage import database_of
from bench.workload import MEMBERS
from service.db import jobs
from service.db.engine import make_engine, transaction
from service.db.identity import OPERATOR
from service.domain.difference import Counts, added_up
from service.domain.job import Job, JobKind, JobState, Progress, state_of
from service.domain.rulebook import EMPTY, Mode
from service.domain.trial import checked_trial
from service.jobs import begin
from service.processes import Runner, Which, at_work
from service.settings import Settings
from tests.cli.processes import environment, started
from tests.domain.test_job import JOB
from tests.factories import NOW
from tests.serving import serving
from tests.worlds import PATIENCE, World, caller, new_world, with_engine

CASES, SESSIONS = 30, 50  # fifteen chunks of two cases: enough to be in the middle of
PAUSE = 0.01

FOUND = """
SELECT cases.case_id, count(alerts.alert_id), coalesce(max(alerts.revision), 0)
FROM cases LEFT JOIN alerts USING (organization_id, case_id)
WHERE organization_id = %s GROUP BY cases.case_id ORDER BY cases.case_id
"""
RANGES = "SELECT first_case_id, last_case_id FROM chunks WHERE organization_id = %s AND over_at IS NOT NULL"


@pytest.fixture
def world(database_url: str) -> World:
    """Return an organization with a history that nobody has judged yet."""
    world = new_world(database_url)
    copy_in(database_of(database_url), History(world.organization_id, CASES, SESSIONS))
    return world


@pytest.fixture
def which(world: World) -> Which:
    return (world.organization_id, JOB.kind, JOB.id)


def begun(world: World, job: Job = JOB) -> None:
    with_engine(world.database_url, lambda engine: begin(engine, world.organization_id, OPERATOR, job))


def progress_of(world: World, job: Job = JOB) -> tuple[JobState, Progress]:
    async def look(engine: AsyncEngine) -> tuple[JobState, Progress]:
        async with transaction(engine, world.organization_id) as db:
            found = await jobs.job_by_id(db, job.kind, job.id)
            assert found is not None
            return state_of(*found), found[1]

    return with_engine(world.database_url, look)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(PAUSE)


def judged(world: World) -> dict[str, tuple[int, int]]:
    """Return how many alerts each case has, and their latest revision."""
    with psycopg.connect(world.database_url) as connection:
        rows = connection.execute(FOUND, [world.organization_id]).fetchall()
    return {case_id: (count, revision) for case_id, count, revision in rows}


def closed(world: World) -> set[str]:
    """Return the cases of the chunks that are over."""
    with psycopg.connect(world.database_url) as connection:
        ranges = connection.execute(RANGES, [world.organization_id]).fetchall()
    return {case_id for case_id in judged(world) for first, last in ranges if first <= case_id <= last}


def is_whole(world: World, done: dict[str, tuple[int, int]]) -> bool:
    """Tell whether just the cases of closed chunks were judged, each once and as a whole."""
    now = judged(world)
    return now == {case_id: done[case_id] if case_id in closed(world) else (0, 0) for case_id in now}


@pytest.fixture(scope="module")
def undisturbed(database_url: str) -> dict[str, tuple[int, int]]:
    """Return what the same history comes to when nobody disturbs it."""
    world = new_world(database_url)
    copy_in(database_of(database_url), History(world.organization_id, CASES, SESSIONS))
    begun(world)
    settings = Settings().with_database(database_url)
    with at_work(settings, 2, (world.organization_id, JOB.kind, JOB.id)) as processes:
        for process in processes:
            process.join(PATIENCE)
        assert [process.exitcode for process in processes] == [0, 0]
    found = judged(world)
    assert all(count > 0 and revision == 1 for count, revision in found.values())
    return found


def test_a_worker_that_is_killed(
    world: World, which: Which, settings: Settings, undisturbed: dict[str, tuple[int, int]]
) -> None:
    begun(world)
    with at_work(settings, 1, which) as (worker,):
        until(lambda: progress_of(world)[1].over >= 2)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        assert worker.exitcode == -signal.SIGKILL
    state, progress = progress_of(world)
    assert state is JobState.running  # left alone it stays so
    assert 0 < progress.cases_done < CASES
    assert is_whole(world, undisturbed)
    with at_work(settings, 2, which) as workers:
        for worker in workers:
            worker.join(PATIENCE)
    state, progress = progress_of(world)
    assert (state, progress.cases_done, progress.cases_failed) == (JobState.done, CASES, 0)
    assert judged(world) == undisturbed


def test_a_backtest_that_is_killed(world: World, settings: Settings, undisturbed: dict[str, tuple[int, int]]) -> None:
    asked = checked_trial(EMPTY, None, {"trust-bond-loss": {"mode": Mode.off, "parameters": {}}}, NOW)
    job = replace(JOB, kind=JobKind.backtest, asked=asked)
    begun(world, job)
    with at_work(settings, 1, (world.organization_id, job.kind, job.id)) as (worker,):
        until(lambda: progress_of(world, job)[1].over >= 2)
        worker.kill()
        worker.join()
    state, progress = progress_of(world, job)
    assert state is JobState.running
    assert 0 < progress.cases_done < CASES
    with at_work(settings, 1, (world.organization_id, job.kind, job.id)) as (worker,):
        worker.join(PATIENCE)
    state, progress = progress_of(world, job)
    assert (state, progress.cases_done) == (JobState.done, CASES)
    assert progress.member_sessions == CASES * SESSIONS * len(MEMBERS)
    assert world.count("alerts") == 0
    counted = with_engine(world.database_url, partial(_counts, world, job))
    assert sum(numbers["before"] for numbers in counted.values()) == sum(count for count, _ in undisturbed.values())
    assert counted["trust-bond-loss"]["vanished"] == counted["trust-bond-loss"]["before"] > 0


async def _counts(world: World, job: Job, engine: AsyncEngine) -> Counts:
    async with transaction(engine, world.organization_id) as db:
        return added_up(await jobs.job_counts(db, job.kind, job.id))


def test_half_a_case_would_be_seen(
    world: World, which: Which, settings: Settings, undisturbed: dict[str, tuple[int, int]]
) -> None:
    """The control: what the test above looks at tells a case that was judged in part, and one that was judged twice."""
    begun(world)
    with at_work(settings, 1, which) as (worker,):
        worker.join(PATIENCE)
    assert is_whole(world, undisturbed)
    first = "alert_id = (SELECT min(alert_id::text)::uuid FROM alerts WHERE organization_id = %(mine)s)"
    for spoil in ("UPDATE alerts SET revision = 2 WHERE", "DELETE FROM alerts WHERE"):
        with psycopg.connect(world.database_url) as connection:
            connection.execute(f"{spoil} {first}".encode(), {"mine": world.organization_id})
        assert not is_whole(world, undisturbed)


def test_workers_end_with_the_process_that_started_them(
    world: World, which: Which, undisturbed: dict[str, tuple[int, int]]
) -> None:
    """The command is killed, its workers are not: they close the chunk they are at, and take no other."""
    env = environment(database_url=world.database_url, database_prepare="true")
    named = ("reassess", str(world.organization_id), "--id", JOB.id, "--processes", "2")
    with started(*named, env=env) as command:
        until(lambda: len(closed(world)) >= 4)
        workers = _children(command.popen.pid)
        assert len(workers) >= 2
        assert command.end(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: not any(_lives(pid) for pid in workers))
    state, progress = progress_of(world)
    assert state is JobState.running
    assert 0 < progress.cases_done < CASES
    assert is_whole(world, undisturbed)


def test_a_service_does_what_was_left_and_what_it_is_asked(
    world: World, undisturbed: dict[str, tuple[int, int]]
) -> None:
    begun(world)
    with serving(world.database_url) as process, caller(process.address, world.key("all")) as client:
        until(lambda: progress_of(world)[0] is JobState.done)
        assert judged(world) == undisturbed
        asked = client.post("/v1/reassessments?dry_run=true", json={"id": "asked"})
        assert asked.status_code == 201
        until(lambda: client.get("/v1/reassessments/asked").json()["state"] == "done")
        done = client.get("/v1/reassessments/asked").json()
        assert (done["cases_done"], done["alerts_changed"]) == (CASES, 0)
        workers = _children(process.popen.pid)
        client.post("/v1/reassessments", json={"id": "another"}).raise_for_status()
        assert process.end() == 0
    until(lambda: not any(_lives(pid) for pid in workers))  # what keeps track of them ends a moment after it
    assert progress_of(world)[0] is JobState.done
    assert judged(world) == undisturbed


@pytest.mark.anyio
async def test_a_service_without_a_process_for_jobs_leaves_them_to_others(settings: Settings) -> None:
    engine = make_engine(settings)
    await asyncio.wait_for(Runner(settings, engine).run(), PATIENCE)  # ends at once
    await engine.dispose()


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found.append(int(entry.name))
    return found


def _lives(pid: int) -> bool:
    """Tell whether a process still does something; one that only waits to be noticed does not."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
