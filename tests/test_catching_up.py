"""Late acts as they are stored: one transaction, one change for each alert, nothing new when they are sent again."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from service.catching_up import CaughtUp, Ended, Late, catch_up
from service.db.identity import revoke_key
from service.domain.catching_up import Fate
from service.domain.handling import Act, Action, DismissalReason
from service.domain.reconcile import Alert, Handling
from service.handling import handle
from tests.db.test_changes import low
from tests.factories import KEY, NOW, retract
from tests.test_handling import _noted
from tests.writes import Desk

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(hours=9)


def act(key: str, hours: float, action: Action = Action.acknowledge, by: str = "dr-7") -> Act:
    """Return an act that was done some hours after the alerts opened."""
    reason = DismissalReason.duplicate if action is Action.dismiss else None
    return Act(id=key, action=action, by=by, at=NOW + timedelta(hours=hours), reason=reason)


async def alerts(desk: Desk, *case_ids: str) -> list[Alert]:
    for case_id in case_ids:
        await desk.one(low(case_id))
    stored = await desk.stored()
    return [stored.live_alerts(case_id)[0] for case_id in case_ids]


async def caught_up(desk: Desk, *late: tuple[Alert, Act], told_of_state: bool = True) -> list[CaughtUp]:
    acts: list[Late] = [(UUID(alert.alert_id), done) for alert, done in late]
    return await catch_up(desk.engine, desk.bearer(), acts, LATER, told_of_state)


def fates(done: Sequence[CaughtUp]) -> list[str]:
    return [item.fate.value for item in done]


async def now(desk: Desk, alert: Alert) -> Alert:
    return next(item for item in (await desk.stored()).alerts if item.alert_id == alert.alert_id)


async def test_acts_apply_in_the_order_in_which_they_were_done(desk: Desk) -> None:
    one, other = await alerts(desk, "a", "b")
    newest = other.change_number
    done = await caught_up(
        desk,
        (one, act("third", 3)),
        (other, act("alone", 1)),
        (one, act("first", 1, Action.dismiss)),
        (one, act("second", 2, Action.unhandle)),
    )
    assert fates(done) == ["applied"] * 4
    stored = [await now(desk, one), await now(desk, other)]
    assert [item.handling for item in stored] == [Handling.acknowledged] * 2
    assert stored[0].handled is not None
    assert stored[0].handled["id"] == "third"
    assert (stored[0].handling_revision, stored[0].revision) == (3, 4)
    assert sorted(item.change_number for item in stored) == [newest + 1, newest + 2]  # one change for each alert
    assert [item.alert.alert for item in done if item.alert is not None] == [stored[0], stored[1], stored[0], stored[0]]
    noted = [("alert.dismiss", 2), ("alert.unhandle", 3), ("alert.acknowledge", 4)]
    assert sorted((action, revision) for _, action, revision in await _noted(desk, one)) == sorted(noted)


async def test_sent_again_nothing_changes(desk: Desk) -> None:
    (alert,) = await alerts(desk, "a")
    late = [(alert, act("one", 1)), (alert, act("two", 2, Action.dismiss))]
    await caught_up(desk, *late)
    before = await now(desk, alert)
    done = await caught_up(desk, *late[::-1], *late)
    assert fates(done) == ["already"] * 4
    assert await now(desk, alert) == before
    assert [item.alert.alert for item in done if item.alert is not None] == [before] * 4


async def test_twice_in_one_batch(desk: Desk) -> None:
    (alert,) = await alerts(desk, "a")
    other_content = act("one", 1, by="dr-8")
    done = await caught_up(desk, (alert, act("one", 1)), (alert, act("one", 1)), (alert, other_content))
    assert fates(done) == ["applied", "already", "refused"]
    assert done[2].refusal is not None
    assert done[2].refusal.code == "handling-differs"


async def test_who_did_something_later_was_first_to_be_heard_and_stands(desk: Desk) -> None:
    (alert,) = await alerts(desk, "a")
    online = act("online", 2, Action.dismiss, by="dr-8")
    await handle(desk.engine, desk.bearer(), UUID(alert.alert_id), online, NOW + timedelta(hours=2))
    before = await now(desk, alert)
    late = [(alert, act("before", 1)), (alert, replace(act("unseen", 4), handling_revision=0))]
    for _ in range(2):  # and still when it is sent again
        done = await caught_up(desk, *late)
        assert fates(done) == ["overtaken"] * 2
        for item in done:
            assert item.first is not None
            assert (item.first.body["id"], item.first.body["by"]) == ("online", "dr-8")
        assert await now(desk, alert) == before
    assert fates(await caught_up(desk, (alert, act("after", 3)))) == ["applied"]


async def test_what_an_alert_asked_since_is_not_answered_by_it(desk: Desk) -> None:
    """It recovered and came back while the phone was offline: had the act come in time, it would be new again."""
    (alert,) = await alerts(desk, "a")
    await desk.one(low("a", 2, 9.9, at=NOW + timedelta(hours=2)))
    await desk.one(low("a", 3, 2.0, at=NOW + timedelta(hours=4)))
    again = await now(desk, alert)
    assert again.concern.active
    assert again.asked_at == NOW + timedelta(hours=4)
    done = await caught_up(desk, (alert, act("before", 3)))
    assert (fates(done), done[0].first) == (["overtaken"], None)
    assert (await now(desk, alert)).handling is Handling.new
    assert fates(await caught_up(desk, (alert, act("after", 5)))) == ["applied"]


async def test_what_is_not_there_any_more(desk: Desk) -> None:
    (alert,) = await alerts(desk, "a")
    await desk.one(low("a", 1, 2.0))
    unknown = replace(alert, alert_id=str(uuid4()))
    done = await caught_up(desk, (unknown, act("one", 1)))
    assert (fates(done), done[0].alert) == (["gone"], None)
    rating = next(item for item in (await desk.stored()).ratings if item.facts.case_id == "a")
    await desk.one(retract(rating.rating_id))
    assert (await now(desk, alert)).retracted
    done = await caught_up(desk, (alert, act("two", 1)))
    assert fates(done) == ["gone"]
    assert done[0].alert is not None
    assert (await now(desk, alert)).handling is Handling.new
    hushed = await caught_up(desk, (alert, act("three", 1)), told_of_state=False)  # who may not know of ratings
    assert fates(hushed) == ["applied"]


async def test_an_ended_key_does_nothing(desk: Desk) -> None:
    (alert,) = await alerts(desk, "a")
    await revoke_key(desk.engine, desk.organization, KEY, NOW)
    with pytest.raises(Ended):
        await caught_up(desk, (alert, act("one", 1)))
    assert await now(desk, alert) == alert


async def test_two_phones_with_all_they_did_at_once(desk: Desk) -> None:
    """Whichever is first, each alert ends as the latest act leaves it, and each act is taken in or overtaken."""
    found = await alerts(desk, *(f"c{number}" for number in range(6)))
    phones = [
        [(alert, act(f"{by}-{number}", number + odd, by=by)) for number, alert in enumerate(found)]
        for by, odd in (("dr-7", 0.0), ("dr-8", 0.5))
    ]
    both = await asyncio.gather(caught_up(desk, *phones[0]), caught_up(desk, *reversed(phones[1])))
    for done in both:
        assert {item.fate for item in done} <= {Fate.applied, Fate.overtaken}
    assert {item.fate for item in both[1]} == {Fate.applied}
    for alert in found:
        handled = (await now(desk, alert)).handled
        assert handled is not None
        assert handled["by"] == "dr-8"
