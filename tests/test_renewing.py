from typing import Any

import pytest

from service import subscribing
from service.db.engine import transaction
from service.db.subscriptions import push_key, subscription_by_id
from service.encrypting import PEOPLE, WEBHOOKS, NoKeys, Unreadable, decrypt, encrypt
from service.renewing import renew
from tests.factories import NOW
from tests.subscribed import subscribe, subscription
from tests.writes import Desk

pytestmark = pytest.mark.anyio

OLD, NEW, LOST = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32


async def test_the_first_key_opens_everything_and_the_old_one_can_go(desk: Desk) -> None:
    kept = {name: encrypt([OLD], WEBHOOKS, desk.organization, name) for name in ("now", "before")}
    person: dict[str, Any] = {
        "person": "dr-7",
        "channel": "email",
        "secret": encrypt([OLD], PEOPLE, desk.organization, "where"),
    }
    await subscribe(
        desk,
        subscription("ehr", secret=kept["now"], former_secret=kept["before"], former_until=NOW),
        subscription("mail", **person),
        subscription("gone", secret=b""),
    )
    signed_by = await subscribing.push_key(desk.engine, desk.organization, [OLD])
    for _ in range(2):  # again, too
        found = await renew(desk.engine, [NEW, OLD])
        assert found.done >= 4
    async with transaction(desk.engine, desk.organization) as db:
        ehr, mail, gone = [await subscription_by_id(db, name) for name in ("ehr", "mail", "gone")]
        key = await push_key(db)
    assert ehr and mail and gone and ehr.former_secret and key  # noqa: PT018
    opened = [(WEBHOOKS, ehr.secret), (WEBHOOKS, ehr.former_secret), (PEOPLE, mail.secret), (PEOPLE, key)]
    told = [decrypt([NEW], purpose, desk.organization, item) for purpose, item in opened]
    assert told == ["now", "before", "where", signed_by]
    assert (gone.secret, ehr.changed_at) == (b"", NOW)


async def test_what_no_key_opens_is_left_as_it_is(desk: Desk) -> None:
    lost = encrypt([LOST], WEBHOOKS, desk.organization, "now")
    await subscribe(desk, subscription("ehr", secret=lost))
    assert (await renew(desk.engine, [NEW, OLD])).unreadable >= 1
    async with transaction(desk.engine, desk.organization) as db:
        ehr = await subscription_by_id(db, "ehr")
    assert ehr is not None
    assert ehr.secret == lost
    with pytest.raises(Unreadable):
        decrypt([NEW], WEBHOOKS, desk.organization, ehr.secret)


async def test_without_keys_nothing_is_done(desk: Desk) -> None:
    kept = encrypt([OLD], WEBHOOKS, desk.organization, "now")
    await subscribe(desk, subscription("ehr", secret=kept))
    with pytest.raises(NoKeys):
        await renew(desk.engine, [])
