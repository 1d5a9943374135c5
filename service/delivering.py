"""Delivering: take up what is due, send it through its channel, note what came of it; any number of workers at once.

Every subscription has a lane of its own in which few messages are under way, so one that is slow or dead holds up
nobody else. What a worker took up and never settled, because it died, is due again after LEASE and goes out a second
time under the same id.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.ext.asyncio import AsyncEngine

from service.channels import Means, Told, channels
from service.connecting import Connections
from service.db import claims, deliveries, escalations, subscriptions
from service.db.claims import Claimed, Outcome
from service.db.delivery_settings import organizations_escalating
from service.db.engine import Unavailable, make_engine, transaction
from service.db.listening import keep_listening
from service.db.rule_health import alerts_since
from service.domain.delivery import Delivery, DeliveryState, payload
from service.domain.notices import LOCK_SCREEN, SEVERAL, WHY_MAIL
from service.domain.retrying import Attempt, Verdict, judged
from service.domain.subscription import StateReason, Subscription
from service.egress import Egress
from service.encrypting import PEOPLE, WEBHOOKS, NoKeys, Unreadable, decrypt
from service.languages import SOURCE, language
from service.observing import DeliveryMetrics, error_fields
from service.pacing import paced
from service.settings import Settings

LEASE = timedelta(seconds=60)  # longer than an attempt may take
AT_ONCE = 8  # messages under way to one subscription
LANES = 64  # subscriptions that one worker serves at once, of all organizations
POOL = 2  # database connections of a worker
ESCALATED_WITHIN = timedelta(days=7)  # of its time; later it is no news
OF_LATE = timedelta(days=30)  # alerts whose handling is counted
KEPT = timedelta(days=30)  # how long what was settled can be read and sent again

POLL_SECONDS = 1.0  # where the database cannot say that there is something to do, or its word was lost
MEASURE_SECONDS = 15.0
TIDY_SECONDS = 3600.0
ESCALATE_SECONDS = 60.0
ENDING_SECONDS = 5.0  # for what is under way when a worker ends; the rest goes out again, under the same id

log = structlog.get_logger()

Lane = tuple[UUID, str]  # organization, subscription


@dataclass(slots=True)
class Deliverer:
    """One worker: the clock and the chance by which it goes, and the lanes in which messages are under way.

    `served` is when each organization last had its turn; `crowded`, whether something due had no room then.
    """

    engine: AsyncEngine
    keys: Sequence[bytes] = field(repr=False)
    means: Means
    metrics: DeliveryMetrics
    clock: Callable[[], datetime]
    chance: Callable[[], float] = random.random
    lanes: dict[Lane, asyncio.Task[None]] = field(default_factory=dict)
    served: dict[UUID, float] = field(default_factory=dict)
    crowded: bool = False
    more: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, ended: asyncio.Event) -> None:
        """Deliver until told to end."""
        measured = tidied = escalated = -TIDY_SECONDS
        while not ended.is_set():
            now = time.monotonic()
            try:
                if now - escalated >= ESCALATE_SECONDS:
                    await self.escalate()
                    escalated = now
                await self.take_up()
                await self.means.connections.close_idle()
                if now - measured >= MEASURE_SECONDS:
                    await self.measure()
                    measured = now
                if now - tidied >= TIDY_SECONDS:
                    await self.count_alerts()
                    await self.forget()
                    tidied = now
            except Unavailable as error:
                log.warning("deliveries_unavailable", error=type(error).__name__)
            except Exception as error:
                log.error("unforeseen", **error_fields(error))
            await self._pause(ended)
        await self._end()

    async def take_up(self) -> None:
        """Begin to deliver all that is due now and for which there is room; whose turn was longest ago is first."""
        now = self.clock()
        self.more.clear()
        self.crowded = False
        due = await subscriptions.organizations_due(self.engine, now)
        for organization_id in sorted(due, key=lambda item: self.served.get(item, 0.0)):
            busy = {subscription_id for whose, subscription_id in self.lanes if whose == organization_id}
            room = min(LANES - len(self.lanes), share(len(due)) - len(busy))
            taken = await self._take_up_of(organization_id, now, busy, room) if room > 0 else 0
            self.crowded |= bool(busy) or taken >= room

    async def _take_up_of(self, organization_id: UUID, now: datetime, busy: Collection[str], room: int) -> int:
        """Begin to deliver what is due to so many subscriptions of one organization; return how many had something."""
        self.served[organization_id] = time.monotonic()
        async with transaction(self.engine, organization_id) as db:
            claimed = await claims.claim(db, now, now + LEASE, AT_ONCE, busy, room)
            going, stopped = await paced(db, claimed, now)
            await claims.settle(db, stopped, now)
        if stopped:
            self.more.set()  # it needs no room after all
        for subscription_id in {item.subscription.subscription_id for item in going}:
            mine = [item for item in going if item.subscription.subscription_id == subscription_id]
            self._open((organization_id, subscription_id), mine)
        return len({item.subscription.subscription_id for item in claimed})

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self.lanes:
            await asyncio.wait(self.lanes.values())
            await asyncio.sleep(0)  # for those who close a lane

    async def measure(self) -> None:
        """Tell how old the oldest change is that somebody still waits to hear of."""
        oldest = await subscriptions.oldest_waiting(self.engine)
        self.metrics.oldest(0.0 if oldest is None else (self.clock() - oldest).total_seconds())

    async def escalate(self) -> None:
        """Tell supervisors of what is critical and nobody has handled in the time that their organization gives."""
        now = self.clock()
        for organization_id, minutes in (await organizations_escalating(self.engine)).items():
            before = now - timedelta(minutes=minutes)
            async with transaction(self.engine, organization_id) as db:
                await escalations.escalate(db, now, before, before - ESCALATED_WITHIN)

    async def count_alerts(self) -> None:
        """Tell how alerts that opened of late were handled."""
        self.metrics.alerts(await alerts_since(self.engine, self.clock() - OF_LATE))

    async def forget(self) -> None:
        """Delete what was settled long ago."""
        before = self.clock() - KEPT
        for organization_id in await subscriptions.organizations_subscribed(self.engine):
            async with transaction(self.engine, organization_id) as db:
                await deliveries.forget(db, before)

    def _open(self, lane: Lane, claimed: Sequence[Claimed]) -> None:
        task = asyncio.create_task(self._serve(lane, claimed))
        self.lanes[lane] = task
        task.add_done_callback(lambda _: self.lanes.pop(lane, None))

    async def _serve(self, lane: Lane, claimed: Sequence[Claimed]) -> None:
        """Send what was taken up for one subscription, and settle it."""
        try:
            if claimed[0].subscription.person is None:
                done = await asyncio.gather(*(self._delivered(lane[0], item) for item in claimed))
            else:
                done = await self._told(lane[0], claimed)
            await self._settle(lane[0], claimed[0].subscription, done)
        except Unavailable as error:  # all of it is due again after the lease
            log.warning("deliveries_unsettled", error=type(error).__name__)
        except Exception as error:
            log.error("unforeseen", **error_fields(error))
        else:
            more = self.crowded or len(done) == AT_ONCE
            if more and {verdict.state for _, _, verdict in done} <= {DeliveryState.delivered, DeliveryState.merged}:
                self.more.set()  # more may be due; a receiver that fails waits for the next turn

    async def _delivered(self, organization_id: UUID, claimed: Claimed) -> Outcome:
        """Return a delivery with the attempt that was made and what it leads to."""
        delivery, subscription = claimed.delivery, claimed.subscription
        attempt = await self._attempt(organization_id, subscription, delivery, body=payload(delivery))
        return delivery, attempt, judged(attempt, delivery.tried, subscription.failing_since, self.chance())

    async def _told(self, organization_id: UUID, claimed: Sequence[Claimed]) -> list[Outcome]:
        """Tell a person of all that was taken up for them, by one message; return what became of each delivery."""
        first, *others = (item.delivery for item in claimed)
        subscription, several = claimed[0].subscription, len({item.delivery.alert_id for item in claimed})
        line = SEVERAL if several > 1 else LOCK_SCREEN
        say = language(subscription.language or SOURCE).say
        said = say(line).format(count=several)
        attempt = await self._attempt(
            organization_id,
            subscription,
            first,
            subject=said,
            text=f"{said}\n\n{say(WHY_MAIL)}\n",
            urgent=any(item.delivery.urgent for item in claimed),
        )
        verdict = judged(attempt, first.tried, subscription.failing_since, self.chance())
        merged = Verdict(DeliveryState.merged, merged_into=first.event_id)
        theirs = (None, merged) if verdict.state is DeliveryState.delivered else (attempt, verdict)
        return [(first, attempt, verdict), *((other, *theirs) for other in others)]

    async def _attempt(
        self, organization_id: UUID, subscription: Subscription, delivery: Delivery, **said: Any
    ) -> Attempt:
        """Return what came of one try to send a message."""
        attempt = await self._sent(organization_id, subscription, delivery, said)
        self.metrics.attempted(subscription.channel, attempt)
        return attempt

    async def _sent(
        self, organization_id: UUID, subscription: Subscription, delivery: Delivery, said: Mapping[str, Any]
    ) -> Attempt:
        now, purpose = self.clock(), WEBHOOKS if subscription.person is None else PEOPLE
        try:
            secrets = [decrypt(self.keys, purpose, organization_id, item) for item in subscription.secrets(now)]
        except (NoKeys, Unreadable):
            return Attempt(at=now, milliseconds=0, error="secret-unreadable")
        told = Told(
            message_id=delivery.message_id, at=now, address=subscription.address, secrets=tuple(secrets), **said
        )
        try:
            channel = channels()[subscription.channel]
            return await channel.send(channel.compose(told), self.means)
        except Exception as error:  # or one message would keep its neighbours from being settled, for ever
            log.error("unforeseen", **error_fields(error))
            return Attempt(at=now, milliseconds=0, error="unforeseen")

    async def _settle(self, organization_id: UUID, served: Subscription, done: Sequence[Outcome]) -> None:
        """Note what became of deliveries and, by it, how their subscription does; committed when this returns."""
        now = self.clock()
        async with transaction(self.engine, organization_id) as db:
            stored = await subscriptions.subscription_by_id(db, served.subscription_id, lock=True)
            await claims.settle(db, done, now)
            if stored is None or stored.changed_at != served.changed_at:
                return  # somebody changed it meanwhile: what came of the former one says nothing of it
            ends = _ends(done)
            if ends is not None:
                await subscriptions.disable(db, served.subscription_id, ends, now)
                await deliveries.give_up(db, served.subscription_id, "disabled", now)
            elif (failed := _failed(done)) is not None and failed != (stored.failing_since is not None):
                await subscriptions.note_health(db, served.subscription_id, now if failed else None)
        if ends is not None:
            self.metrics.disabled(ends)
            told = {"organization_id": str(organization_id), "subscription_id": served.subscription_id}
            log.warning("subscription_disabled", reason=ends.value, **told)

    async def _pause(self, ended: asyncio.Event) -> None:
        """Wait until there may be something to do."""
        waits = [asyncio.create_task(event.wait()) for event in (ended, self.more)]
        await asyncio.wait(waits, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def _end(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDING_SECONDS):
                await self.settled()
        for task in self.lanes.values():
            task.cancel()
        await self.settled()


def share(organizations: int) -> int:
    """Return how many lanes one of so many organizations may have: one more would find as many still free."""
    return max(1, LANES // (organizations + 1))


def _ends(done: Sequence[Outcome]) -> StateReason | None:
    return next((verdict.ends for _, _, verdict in done if verdict.ends is not None), None)


def _failed(done: Sequence[Outcome]) -> bool | None:
    """Tell whether a receiver took nothing; None if nothing was tried."""
    tried = [attempt.delivered for _, attempt, _ in done if attempt is not None]
    return not any(tried) if tried else None


@contextlib.asynccontextmanager
async def delivering(
    settings: Settings, registry: CollectorRegistry, clock: Callable[[], datetime]
) -> AsyncIterator[asyncio.Task[None]]:
    """Let a worker deliver until the block ends, with connections of its own."""
    engine, ended = make_engine(settings, pool_size=POOL), asyncio.Event()
    connections = Connections(Egress(settings.webhook_allow_loopback, settings.webhook_ca_file))
    worker = Deliverer(engine, settings.keys, Means(connections, settings.mail), DeliveryMetrics(registry), clock)
    task = asyncio.create_task(worker.run(ended))
    hearing = asyncio.create_task(keep_listening(settings.listen_address, worker.more.set))
    try:
        yield task
    finally:
        ended.set()
        hearing.cancel()
        await asyncio.wait([task, hearing])
        await connections.close_idle(0)
        await engine.dispose()
