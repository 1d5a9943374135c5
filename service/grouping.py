"""Natural group commit: a bounded queue per organization, one flusher takes whatever waits, no timer.

A live command waits for at most the one transaction under way, and goes into the next before bulk ones.
"""

import asyncio
import contextlib
import contextvars
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from service.db.engine import Unavailable
from service.domain.commands import AnyCommand
from service.writing import Outcome

QUIET_TURNS = 4  # of the loop: as many as a request takes from its socket into the queue
LARGEST = 64  # commands in one transaction: enough to share its cost, short enough for the first to wait
MOST_BULK = 480  # bulk ones while no live one waits: a course in one piece is folded once; half a queue holds them
SHORT = 0.25  # seconds; while they take longer, bulk transactions become smaller: a live command may come meanwhile
GIVE_UP_AFTER = 2  # commands in a row that could not reach the database alone

Write = Callable[[UUID, Sequence[AnyCommand]], Awaitable[list[Outcome]]]
Flushed = Callable[[int, int], None]

log = structlog.get_logger()


class QueueFull(Exception):
    """An organization sends faster than its writes can be stored; only it has to wait."""


@dataclass(slots=True)
class Waiting:
    """One command in a queue and the promise of its outcome."""

    command: AnyCommand
    outcome: asyncio.Future[Outcome]


@dataclass(slots=True)
class Queue:
    """One organization's waiting commands, live ones before bulk ones, and the task that flushes them.

    `most` is how many bulk ones the next transaction may hold; `moved` is set, and replaced, whenever there is room.
    """

    live: deque[Waiting] = field(default_factory=deque)
    bulk: deque[Waiting] = field(default_factory=deque)
    most: int = LARGEST
    flusher: asyncio.Task[None] | None = None
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def __len__(self) -> int:
        return len(self.live) + len(self.bulk)

    def take(self) -> list[Waiting]:
        """Return the next batch: all live commands that fit, then bulk ones; where one came, others may follow."""
        if self.live:
            self.most = LARGEST
        batch = [self.live.popleft() for _ in range(min(LARGEST, len(self.live)))]
        return batch + [self.bulk.popleft() for _ in range(min(self.most - len(batch), len(self.bulk)))]

    def took(self, size: int, seconds: float) -> None:
        """Let bulk transactions grow while the largest of them are short, and shrink when one is long."""
        if seconds > SHORT:
            self.most = max(LARGEST, self.most // 2)
        elif size == self.most and seconds < SHORT / 2:
            self.most = min(MOST_BULK, self.most * 2)

    def put_back(self, batch: Sequence[Waiting]) -> None:
        """Let bulk commands that could not be stored in one large transaction wait for smaller ones, in order."""
        self.bulk.extendleft(reversed(batch))
        self.most = LARGEST


class Writer:
    """The way in for commands of a running service: one per process.

    `write` stores a batch in one transaction, `limit` bounds each organization's queue, `flushed` is told the size
    of each batch and how many still wait.
    """

    def __init__(self, write: Write, limit: int, flushed: Flushed = lambda size, waiting: None) -> None:
        self._write = write
        self._limit = limit
        self._flushed = flushed
        self._queues: dict[UUID, Queue] = {}

    async def submit(self, organization_id: UUID, command: AnyCommand) -> Outcome:
        """Return the outcome of one live command once it is committed; a caller who leaves does not take it back.

        Raises QueueFull, and whatever the database raised when this command alone could not be stored.
        """
        return await asyncio.shield(self.accept(organization_id, command))

    def accept(self, organization_id: UUID, command: AnyCommand, bulk: bool = False) -> asyncio.Future[Outcome]:
        """Take a command into its organization's queue, behind those before it; return the promise of its outcome.

        Bulk commands leave half of the queue to live ones.
        """
        queue = self._queues.get(organization_id)
        if queue is None:  # a new one is dear, so none is made for the dictionary to throw away
            queue = self._queues[organization_id] = Queue()
        if len(queue) >= self._limit or (bulk and len(queue.bulk) >= max(1, self._limit // 2)):
            raise QueueFull
        waiting = Waiting(command, asyncio.get_running_loop().create_future())
        (queue.bulk if bulk else queue.live).append(waiting)
        if queue.flusher is None:
            flushing = self._flush(organization_id, queue)
            # a context of its own: it also serves others than the request that happens to wake it
            queue.flusher = asyncio.create_task(flushing, context=contextvars.Context())
        return waiting.outcome

    async def moved(self, organization_id: UUID) -> None:
        """Wait until some of an organization's waiting commands are being stored; not at all if none wait."""
        queue = self._queues.get(organization_id)
        if queue is not None:
            await queue.moved.wait()

    async def drain(self) -> None:
        """Wait until everything that was accepted is stored."""
        flushers = [queue.flusher for queue in self._queues.values() if queue.flusher is not None]
        await asyncio.gather(*flushers)

    async def _flush(self, organization_id: UUID, queue: Queue) -> None:
        batch: list[Waiting] = []
        try:
            while len(queue):
                await _gathered(queue)
                batch = queue.take()
                queue.moved.set()
                queue.moved = asyncio.Event()
                begun = time.monotonic()
                if not await self._store(organization_id, batch):
                    queue.put_back(batch)
                    continue
                queue.took(len(batch), time.monotonic() - begun)
                self._flushed(len(batch), len(queue))
        finally:
            queue.moved.set()
            queue.flusher = None
            self._queues.pop(organization_id, None)
            for waiting in (*batch, *queue.live, *queue.bulk):  # none, unless the process ends
                waiting.outcome.cancel()

    async def _store(self, organization_id: UUID, batch: list[Waiting]) -> bool:
        """Store a batch, or settle why not; False if, after an unexpected error, it is to be tried in smaller ones.

        Of a batch that is small enough each command then runs alone, so that one cannot fail the others.
        """
        try:
            await self._store_together(organization_id, batch)
        except Exception as error:
            log.warning("batch_failed", size=len(batch), error=type(error).__name__)
            if len(batch) > LARGEST:
                return False
            if len(batch) == 1:
                _settle(batch[0], error)
            else:
                await self._store_one_by_one(organization_id, batch)
        return True

    async def _store_one_by_one(self, organization_id: UUID, batch: list[Waiting]) -> None:
        """Store each command alone; when the database cannot be had twice in a row, the rest hear the same at once."""
        unavailable = 0
        for place, waiting in enumerate(batch):
            try:
                await self._store_together(organization_id, [waiting])
                unavailable = 0
            except Exception as error:
                _settle(waiting, error)
                unavailable = unavailable + 1 if isinstance(error, Unavailable) else 0
                if unavailable == GIVE_UP_AFTER:
                    for other in batch[place + 1 :]:
                        _settle(other, error)
                    return

    async def _store_together(self, organization_id: UUID, batch: list[Waiting]) -> None:
        outcomes = await self._write(organization_id, [waiting.command for waiting in batch])
        for waiting, outcome in zip(batch, outcomes, strict=True):
            _settle(waiting, outcome)


async def _gathered(queue: Queue) -> None:
    """Let requests that are just arriving ride along: wait while the queue grows, in turns of the loop, not in time.

    Without it the first of those who were answered together goes alone, and the others after it: two transactions
    where one would do.
    """
    quiet, size = 0, len(queue.live)
    while quiet < QUIET_TURNS and size < LARGEST:
        await asyncio.sleep(0)
        quiet, size = (quiet + 1, size) if len(queue.live) == size else (0, len(queue.live))


def _settle(waiting: Waiting, result: Outcome | Exception) -> None:
    """Answer a caller, who may have left meanwhile."""
    with contextlib.suppress(asyncio.InvalidStateError):
        if isinstance(result, Exception):
            waiting.outcome.set_exception(result)
            waiting.outcome.exception()  # nobody may be left to hear it
        else:
            waiting.outcome.set_result(result)
