from datetime import time

import pytest

from service.db.delivery_settings import (
    EVERYBODY,
    NEVER_SET,
    StoredSettings,
    organizations_escalating,
    settings_for,
    stored_settings,
    write_settings,
)
from service.db.engine import transaction
from service.domain.holding import USUAL, DeliverySettings
from tests.factories import NOW
from tests.writes import Desk

pytestmark = pytest.mark.anyio

THEIRS = DeliverySettings(time_zone="Europe/Berlin", most_per_day=4, escalate_after=30)
OWN = DeliverySettings(most_per_day=0, digest_at=time(17, 30))


async def test_each_has_its_own_over_what_lies_below(desk: Desk) -> None:
    async with transaction(desk.engine, desk.organization) as db:
        assert await stored_settings(db, "dr-7") == NEVER_SET
        assert await settings_for(db, ["dr-7"]) == {"dr-7": USUAL}
        for who, wishes in (("dr-7", DeliverySettings()), ("dr-7", OWN), (EVERYBODY, THEIRS)):
            await write_settings(db, who, StoredSettings(wishes, 2), NOW)
        assert await stored_settings(db, "dr-7") == StoredSettings(OWN, 2)
        found = await settings_for(db, ["dr-7", "dr-8", EVERYBODY])
    usual = THEIRS.over(USUAL)
    assert found == {"dr-7": OWN.over(usual), "dr-8": usual, EVERYBODY: usual}


async def test_who_escalates(desk: Desk) -> None:
    assert desk.organization not in await organizations_escalating(desk.engine)
    async with transaction(desk.engine, desk.organization) as db:
        await write_settings(db, EVERYBODY, StoredSettings(THEIRS, 1), NOW)
    assert (await organizations_escalating(desk.engine))[desk.organization] == 30
    async with transaction(desk.engine, desk.organization) as db:
        await write_settings(db, EVERYBODY, StoredSettings(OWN, 2), NOW)
    assert desk.organization not in await organizations_escalating(desk.engine)
