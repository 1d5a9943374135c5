"""An old secret key is taken out: what was kept with it is opened by the new one."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from service.db.migrations import upgrade
from service.settings import Settings
from tests.cli.processes import environment, invoke
from tests.conftest import SECRET_KEYS
from tests.serving import serving
from tests.worlds import World, caller, new_world

OTHER_KEY = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="
BOTH = f"{OTHER_KEY},{SECRET_KEYS}"


@contextmanager
def asking(world: World, secret_keys: str) -> Iterator[httpx.Client]:
    """Yield a client of a service with some secret keys."""
    with (
        serving(world.database_url, secret_keys=secret_keys) as process,
        caller(process.address, world.key()) as client,
    ):
        yield client


@pytest.mark.parametrize("renewed", [True, False])
def test_pushes_go_on_with_the_new_key_alone(empty_database_url: str, renewed: bool) -> None:
    upgrade(Settings().with_database(empty_database_url))
    world = new_world(empty_database_url)
    with (
        serving(empty_database_url, secret_keys=SECRET_KEYS) as process,
        caller(process.address, world.key()) as client,
    ):
        before = client.get("/v1/web-push").json()
        client.put("/v1/webhooks/ehr", json={"url": "https://ehr.example.org/evenkeel"}).raise_for_status()
    if renewed:
        found = invoke("renew-secrets", env=environment(database_url=empty_database_url, secret_keys=BOTH))
        assert (found.exit_code, found.stdout) == (0, "2 secrets are encrypted with the first key.\n")
    with asking(world, OTHER_KEY) as client:
        after = client.get("/v1/web-push")
    assert (after.status_code, after.json() == before) == ((200, True) if renewed else (409, False))


def test_what_is_missing_is_said(empty_database_url: str) -> None:
    upgrade(Settings().with_database(empty_database_url))
    world = new_world(empty_database_url)
    with (
        serving(empty_database_url, secret_keys=SECRET_KEYS) as process,
        caller(process.address, world.key()) as client,
    ):
        client.get("/v1/web-push").raise_for_status()
    without = invoke("renew-secrets", env=environment(database_url=empty_database_url))
    assert (without.exit_code, without.stderr) == (1, "evenkeel: There are no EVENKEEL_SECRET_KEYS.\n")
    lost = invoke("renew-secrets", env=environment(database_url=empty_database_url, secret_keys=OTHER_KEY))
    assert lost.exit_code == 1
    assert "1 secrets are opened by none of the keys" in lost.stderr
