"""`evenkeel reassess`: it does the whole organization, tells what changed, and goes on after an interruption."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import transaction
from service.db.identity import OPERATOR
from service.domain.job import Job, JobKind
from service.jobs import begin, cancel
from tests.cli.conftest import Evenkeel
from tests.factories import KEY, held_at, post, rating_facts, srs
from tests.worlds import World, new_world, with_engine
from tests.writes import Desk, let_in

FALLING = (9.0, 9.0, 9.0, 9.0, 2.0)


@pytest.fixture
def world(database_url: str) -> World:
    """Return an organization with two courses, whose alerts were forgotten."""
    world = new_world(database_url)

    async def write(engine: AsyncEngine) -> None:
        await let_in(engine, world.organization_id)
        desk = Desk(engine, world.organization_id)
        for case_id in ("a", "b"):
            for number, mark in enumerate(FALLING, 1):
                facts = rating_facts(
                    "ana", srs(mark), case_id=case_id, session_id=f"s{number}", held_at=held_at(number)
                )
                await desk.one(post(facts))
        async with transaction(engine, world.organization_id) as db:
            await db.driver.execute("DELETE FROM alerts WHERE organization_id = $1", world.organization_id)

    with_engine(database_url, write)
    return world


def begun(world: World, job_id: str, dry_run: bool, cancelled: bool = False) -> None:
    """Begin a job as another command or a client of the API would."""
    job = Job(kind=JobKind.reassessment, id=job_id, asked={"dry_run": dry_run}, created_at=datetime.now(UTC))

    async def beginning(engine: AsyncEngine) -> None:
        await begin(engine, world.organization_id, OPERATOR, job)
        if cancelled:
            await cancel(engine, world.organization_id, KEY, job.kind, job_id, job.created_at)

    with_engine(world.database_url, beginning)


def test_a_dry_run_then_the_real_thing_then_nothing_is_left(evenkeel: Evenkeel, world: World) -> None:
    name, before = str(world.organization_id), world.stored()
    tried = evenkeel("reassess", name, "--dry-run", "--processes", "2")
    assert (tried.exit_code, "cases: 2, member-sessions: 10" in tried.stdout) == (0, True)
    kept = {table: rows for table, rows in world.stored().items() if table not in ("jobs", "chunks", "audit")}
    assert kept == {table: before[table] for table in kept}
    done = evenkeel("reassess", name, "--processes", "1")
    count = world.count("alerts")
    assert count >= 4
    assert tried.stdout.splitlines()[-1] == f"{count} alerts would change"
    assert done.stdout.splitlines()[-1] == f"{count} alerts changed"
    header, *rules = tried.stdout.splitlines()[:-2]
    assert header.split() == ["rule", "before", "after", "appeared", "vanished", "moved"]
    assert sorted(line.split()[1:] for line in rules) == [["0", "2", "2", "0", "0"]] * (count // 2)
    again = evenkeel("reassess", name)
    assert again.stdout.splitlines()[-1] == "0 alerts changed"
    assert world.count("jobs") == 3


def test_what_was_interrupted_goes_on(evenkeel: Evenkeel, world: World) -> None:
    begun(world, "night", dry_run=False)
    begun(world, "trial", dry_run=True)
    done = evenkeel("reassess", str(world.organization_id), "--dry-run")
    assert (done.exit_code, world.count("jobs")) == (0, 2)
    assert "goes on with trial" in done.stderr
    assert world.count("alerts") == 0
    done = evenkeel("reassess", str(world.organization_id), "--id", "night")
    assert (done.exit_code, world.count("jobs")) == (0, 2)
    assert world.count("alerts") > 0


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("--id", "trial"), 2, "another job has this id"),
        (("--id", "over"), 1, "it was cancelled"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    evenkeel: Evenkeel, world: World, arguments: tuple[str, ...], code: int, line: str
) -> None:
    begun(world, "trial", dry_run=True)
    begun(world, "over", dry_run=False, cancelled=True)
    refused = evenkeel("reassess", str(world.organization_id), *arguments)
    assert (refused.exit_code, refused.stdout) == (code, "")
    assert line in refused.stderr.splitlines()[-1]


def test_an_organization_that_is_not_there(evenkeel: Evenkeel) -> None:
    refused = evenkeel("reassess", f"clinic {uuid4()}")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == "evenkeel: No organization has this name or id.\n"


def test_a_case_that_cannot_be_judged(evenkeel: Evenkeel, world: World) -> None:
    async def spoil(engine: AsyncEngine) -> None:
        async with transaction(engine, world.organization_id) as db:
            spoiled = "UPDATE cases SET facts = '{\"subsystems\": []}' WHERE organization_id = $1 AND case_id = 'a'"
            await db.driver.execute(spoiled, world.organization_id)

    with_engine(world.database_url, spoil)
    failed = evenkeel("reassess", str(world.organization_id), "--id", "night", "--processes", "1")
    assert failed.exit_code == 1
    assert "cases that could not be judged: 1; --id night tries them again" in failed.stderr
    assert world.count("alerts") > 0  # those of the other one, which shared its chunk
