"""A restore from backup: what a reader had seen is given out again under the same numbers, and nothing is hidden."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from service.db.migrations import upgrade
from service.settings import Settings
from tests.api.bodies import hostile
from tests.cli.processes import environment, invoke
from tests.serving import serving
from tests.worlds import World, caller, new_world

TABLES = ("cases", "sessions", "ratings", "carries", "alerts")  # of what a world here stores; children last


def listed(client: httpx.Client, **query: str) -> dict[str, Any]:
    answered = client.get("/v1/changes", params=query)
    assert answered.status_code == 200, answered.text
    body: dict[str, Any] = answered.json()
    return body


async def _go_back(world: World) -> None:
    """Make of the database what a backup from before any alert holds."""
    connection = await asyncpg.connect(world.database_url)
    async with connection.transaction():
        for table in reversed(TABLES):
            await connection.execute(f"DELETE FROM {table} WHERE organization_id = $1", world.organization_id)
        await connection.execute(
            "UPDATE organizations SET change_number = 0, epoch = 0 WHERE organization_id = $1", world.organization_id
        )
    await connection.close()


@pytest.mark.parametrize("announced", [True, False])
def test_what_happened_after_the_restore_is_not_hidden(empty_database_url: str, announced: bool) -> None:
    """The control: unannounced, a reader who was at change 1 never hears of the new change 1."""
    upgrade(Settings().with_database(empty_database_url))
    world = new_world(empty_database_url)
    with serving(world.database_url) as process, caller(process.address, world.key()) as client:
        client.put("/v1/cases/before/sessions/s1", json=hostile())
        seen = listed(client)
        assert [item["case_id"] for item in seen["items"]] == ["before"]
        asyncio.run(_go_back(world))
        if announced:
            done = invoke("restored", env=environment(database_url=world.database_url))
            assert (done.exit_code, done.stdout.split()[0]) == (0, "1")
        client.put("/v1/cases/after/sessions/s1", json=hostile())
        if not announced:
            assert listed(client, after=seen["cursor"])["items"] == []
            return
        refused = client.get("/v1/changes", params={"after": seen["cursor"]})
        assert (refused.status_code, refused.json()["code"]) == (410, "cursor-expired")
        anew = listed(client)
        assert [item["case_id"] for item in anew["items"]] == ["after"]
        assert listed(client, after=anew["cursor"])["items"] == []


def test_a_reader_ahead_of_all_changes_is_told_even_if_nobody_announced_it(empty_database_url: str) -> None:
    upgrade(Settings().with_database(empty_database_url))
    world = new_world(empty_database_url)
    with serving(world.database_url) as process, caller(process.address, world.key()) as client:
        client.put("/v1/cases/before/sessions/s1", json=hostile())
        cursor = listed(client)["cursor"]
        asyncio.run(_go_back(world))
        assert client.get("/v1/changes", params={"after": cursor}).status_code == 410


def test_it_is_noted(empty_database_url: str) -> None:
    upgrade(Settings().with_database(empty_database_url))
    worlds = [new_world(empty_database_url) for _ in range(2)]
    done = invoke("restored", env=environment(database_url=empty_database_url))
    assert done.stdout == (
        "2 organizations: every cursor of their changes from before the restore is refused from now on\n"
    )
    assert [world.count("audit") for world in worlds] == [2, 2]  # made, restored


def test_on_a_database_that_is_not_migrated(empty_database_url: str) -> None:
    done = invoke("restored", env=environment(database_url=empty_database_url))
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
