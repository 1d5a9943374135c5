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
    whose = {to.subscription_id: to.person for to in (item.subscription for item in claimed) if to.person}
    wishes = await settings_for(db, set(whose.values()))
    told = await count_told(db, {name: digest_before(wishes[person], now) for name, person in whose.items()})
    going: list[Claimed] = []
    stopped: list[Outcome] = []
    for item in claimed:
        to = item.subscription
        verdict = _stops(item, wishes[to.person] if to.person else None, told.get(to.subscription_id, 0), now)
        if verdict is None:
            going.append(item)
        else:
            stopped.append((item.delivery, None, verdict))
    return going, stopped


def _stops(item: Claimed, wish: DeliverySettings | None, told: int, now: datetime) -> Verdict | None:
    """Return why a message may not go now, and until when if not for good; a test to a person is seen at once."""
    if item.silence is not None:
        return Verdict(DeliveryState.withheld, state_reason=item.silence)
    if wish is None or item.delivery.event is Event.test:
        return None
    found = held(wish, item.subscription.channel, item.delivery.urgent, item.delivery.state_reason, told, now)
    return None if found is None else Verdict(DeliveryState.waiting, found.until, found.reason.value)
