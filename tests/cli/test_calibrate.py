"""`evenkeel calibrate`: what it estimates, what it keeps, and that it tells of nobody.

Twenty youths rate three sessions each; the marks are b, b + 0.4 and b − 0.4 on every line with b = 5, 5.2, … 8.8. In
percent the means are 50, 52, … 88, on average 69. Within: (16 + 16) / 2 = 16, so 4.0. The variance of the means is
4·35 = 140, MSB = 420, B = (420 − 16) / 3 = 134.67, and √(134.67 + 16) = 12.27.
"""

from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import transaction
from service.db.rulebooks import rulebook
from service.domain.references import OwnReference
from service.domain.rulebook import ReferenceSetting
from tests.cli.conftest import Evenkeel
from tests.factories import held_at, post, rating_facts, srs
from tests.worlds import World, new_world, with_engine
from tests.writes import Desk, let_in

NUMBERS = "mean 69.0  SD 12.3  within 4.0"


@pytest.fixture
def world(database_url: str) -> World:
    """Return an organization of twenty youths and one parent."""
    world = new_world(database_url)

    async def write(engine: AsyncEngine) -> None:
        await let_in(engine, world.organization_id)
        told = [("ana", f"case-{place}", 5 + place / 5) for place in range(20)] + [("eva", "case-0", 9.0)]
        commands = [
            post(
                rating_facts(
                    who, srs(round(mark + step, 1)), case_id=case, session_id=f"s{number}", held_at=held_at(number)
                )
            )
            for who, case, mark in told
            for number, step in enumerate((0.0, 0.4, -0.4), start=1)
        ]
        await Desk(engine, world.organization_id).write(*commands)

    with_engine(database_url, write)
    return world


def kept(world: World) -> list[ReferenceSetting]:
    found: list[ReferenceSetting] = []

    async def read(engine: AsyncEngine) -> None:
        async with transaction(engine, world.organization_id) as db:
            found.extend((await rulebook(db)).references_of("srs"))

    with_engine(world.database_url, read)
    return found


def test_it_shows_and_keeps_nothing_unless_asked(evenkeel: Evenkeel, world: World) -> None:
    done = evenkeel("calibrate", str(world.organization_id))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "srs 3.0"
    (total,) = [line for line in lines if line.split()[:2] == ["youth", "total"]]
    assert total.split("  ", 3)[-1].strip().endswith(f"{NUMBERS}  alpha 1.00 (n 20)  rough")
    assert "20 persons      60 ratings" in total
    assert done.stderr == (
        "Of fewer than 20 persons or 60 ratings nothing is shown or kept.\n"
        "Estimates of fewer than 50 persons or 200 ratings are rough.\n"
    )
    assert kept(world) == []


def test_it_tells_of_many_and_of_nobody(evenkeel: Evenkeel, world: World) -> None:
    shown = evenkeel("calibrate", str(world.organization_id), "--instrument", "srs").output
    assert [name for name in ("ana", "eva", "case", "90.0", "100.0") if name in shown] == []
    parents = [line for line in shown.splitlines() if line.split()[:1] == ["parent"]]
    assert len(parents) == 5  # the total and four lines
    assert all(line.endswith("1 persons       3 ratings  too few") for line in parents)


def test_what_it_writes_are_references_and_writing_again_changes_nothing(evenkeel: Evenkeel, world: World) -> None:
    done = evenkeel("calibrate", str(world.organization_id), "--write")
    assert done.exit_code == 0
    (setting,) = kept(world)
    assert (setting.version, setting.key_id) == (1, "operator")
    assert {item.role for item in setting.references} == {"member", "youth"}
    found = {item.target: item for item in setting.references}
    assert found["total", "youth", None] == OwnReference(
        dimension="total", role="youth", sd=12.275, sp=4.0, mean=69.0, n=20, source="own-ratings"
    )
    assert evenkeel("calibrate", str(world.organization_id), "--write").exit_code == 0
    assert kept(world) == [setting]


def test_too_few_are_not_written(evenkeel: Evenkeel, world: World) -> None:
    done = evenkeel("calibrate", str(world.organization_id), "--instrument", "srs", "--locale", "nl", "--write")
    assert (done.exit_code, done.stderr) == (1, "evenkeel: There are no ratings to estimate from.\n")
    assert kept(world) == []


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--instrument", "nonesuch"], "There is no such instrument."),
        (["--locale", "Dutch"], "A language such as nl or nl-BE is needed."),
    ],
)
def test_misuse(evenkeel: Evenkeel, arguments: list[str], line: str) -> None:
    done = evenkeel("calibrate", "any", *arguments)
    assert (done.exit_code, done.stderr) == (2, f"evenkeel: {line}\n")


def test_no_such_organization(evenkeel: Evenkeel) -> None:
    done = evenkeel("calibrate", f"clinic {uuid4()}")
    assert (done.exit_code, done.stderr) == (1, "evenkeel: No organization has this name or id.\n")
