"""Pacing: of what was taken up, what may be sent now, and what becomes of the rest, with the reason."""

from collections.abc import Sequence
from datetime import datetime

from service.db.claims import Claimed, Outcome, count_told
from service.db.delivery_settings import settings_for
from service.db.engine import Db
from service.domain.delivery import DeliveryState, Event
from service.domain.holding import DeliverySettings, digest_before, held
from service.domain.retrying import Verdict


async def paced(db: Db, claimed: Sequence[Claimed], now: datetime) -> tuple[list[Claimed], list[Outcome]]:
    """Return what may be sent now; and of what may not, that it is withheld for good or waits until a time."""
    going = [item for item in claimed if item.silence is None]
    stopped: list[Outcome] = [
        (item.delivery, None, Verdict(DeliveryState.withheld, state_reason=item.silence))
        for item in claimed
        if item.silence is not None
    ]
    people = {item.subscription.subscription_id: item.subscription for item in going if item.subscription.person}
    if not people:
        return going, stopped
    wishes = await settings_for(db, {who.person for who in people.values() if who.person})
    by_name = {name: wishes[who.person] for name, who in people.items() if who.person}
    told = await count_told(db, {name: digest_before(wish, now) for name, wish in by_name.items()})
    free: list[Claimed] = []
    for item in going:
        name = item.subscription.subscription_id
        waits = _held(item, by_name[name], told.get(name, 0), now) if name in by_name else None
        if waits is None:
            free.append(item)
        else:
            stopped.append((item.delivery, None, waits))
    return free, stopped


def _held(item: Claimed, settings: DeliverySettings, told: int, now: datetime) -> Verdict | None:
    """Return until when a message to a person waits, and why; a test is to be seen at once."""
    if item.delivery.event is Event.test:
        return None
    found = held(settings, item.subscription.channel, item.delivery.urgent, item.delivery.state_reason, told, now)
    return None if found is None else Verdict(DeliveryState.waiting, found.until, found.reason.value)
