import asyncio
import contextvars
from collections.abc import Sequence
from functools import partial
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import Unavailable
from service.db.identity import create_organization
from service.domain.commands import AnyCommand, PostRating, Result
from service.domain.decision import Decision
from service.grouping import LARGEST, MOST_BULK, SHORT, Queue, QueueFull, Waiting, Writer
from service.writing import Outcome, write
from tests.factories import NOW, post, rating_facts
from tests.writes import Desk, let_in

pytestmark = pytest.mark.anyio

HERE, THERE = UUID(int=1), UUID(int=2)
OUTCOME = Outcome(decision=Decision(result=Result.created))


def _command(name: str) -> PostRating:
    return post(rating_facts(case_id=name))


def _name(command: AnyCommand) -> str:
    assert isinstance(command, PostRating)
    return command.facts.case_id


class Ledger:
    """A way of writing that keeps what it is given, waits at a gate, and refuses what it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self.bad: dict[str, Exception] = {}

    async def write(self, organization: UUID, commands: Sequence[AnyCommand]) -> list[Outcome]:
        self.batches.append([_name(command) for command in commands])
        self.entered.set()
        await self.gate.wait()
        for command in commands:
            if _name(command) in self.bad:
                raise self.bad[_name(command)]
        return [OUTCOME for _ in commands]

    async def busy(self, writer: Writer, organization: UUID = HERE) -> asyncio.Task[Outcome]:
        """Let a first command stand at the closed gate, so that whatever comes now has to wait."""
        self.gate.clear()
        first = asyncio.create_task(writer.submit(organization, _command("first")))
        await self.entered.wait()
        return first


async def test_a_command_alone_is_stored_at_once() -> None:
    ledger = Ledger()
    assert await Writer(ledger.write, 10).submit(HERE, _command("a")) is OUTCOME
    assert ledger.batches == [["a"]]


async def test_what_waits_goes_together_in_order() -> None:
    ledger = Ledger()
    writer = Writer(ledger.write, 1000)
    first = await ledger.busy(writer)
    others = [writer.accept(HERE, _command(f"c{place}")) for place in range(LARGEST + 3)]
    ledger.gate.set()
    await asyncio.gather(first, *others)
    names = [f"c{place}" for place in range(LARGEST + 3)]
    assert ledger.batches == [["first"], names[:LARGEST], names[LARGEST:]]


async def test_live_goes_before_bulk() -> None:
    ledger = Ledger()
    writer = Writer(ledger.write, 1000)
    first = await ledger.busy(writer)
    waiting = [writer.accept(HERE, _command(f"b{place}"), bulk=True) for place in range(LARGEST)]
    waiting += [writer.accept(HERE, _command(f"l{place}")) for place in range(2)]
    ledger.gate.set()
    await asyncio.gather(first, *waiting)
    bulk = [f"b{place}" for place in range(LARGEST)]
    assert ledger.batches == [["first"], ["l0", "l1", *bulk[:-2]], bulk[-2:]]


async def test_bulk_transactions_grow_while_nobody_waits_for_them() -> None:
    ledger = Ledger()
    writer = Writer(ledger.write, 10_000)
    first = await ledger.busy(writer)
    waiting = [writer.accept(HERE, _command(f"b{place}"), bulk=True) for place in range(2000)]
    ledger.gate.set()
    await asyncio.gather(first, *waiting)
    sizes = [len(batch) for batch in ledger.batches]
    assert sizes == [1, 64, 128, 256, MOST_BULK, MOST_BULK, MOST_BULK, 2000 - 448 - 3 * MOST_BULK]
    assert [name for batch in ledger.batches[1:] for name in batch] == [f"b{place}" for place in range(2000)]


async def test_with_live_commands_there_are_no_large_transactions() -> None:
    queue = Queue(most=MOST_BULK)
    promise: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    queue.bulk.extend(Waiting(_command("b"), promise) for _ in range(MOST_BULK))
    queue.live.append(Waiting(_command("l"), promise))
    assert [_name(waiting.command) for waiting in queue.take()] == ["l", *["b"] * (LARGEST - 1)]
    assert len(queue.take()) == LARGEST  # and they grow anew, since more may come


GROWTH = [  # at most before, stored, seconds, at most after
    (LARGEST, LARGEST, 0.0, 2 * LARGEST),
    (LARGEST, LARGEST - 1, 0.0, LARGEST),
    (LARGEST, LARGEST, SHORT * 0.6, LARGEST),
    (MOST_BULK, MOST_BULK, 0.0, MOST_BULK),
    (MOST_BULK, 1, SHORT * 1.1, MOST_BULK // 2),
    (LARGEST, LARGEST, 60.0, LARGEST),
]


@pytest.mark.parametrize(("before", "size", "seconds", "after"), GROWTH)
async def test_long_bulk_transactions_become_smaller(before: int, size: int, seconds: float, after: int) -> None:
    queue = Queue(most=before)
    queue.took(size, seconds)
    assert queue.most == after


async def test_a_bad_command_in_a_large_transaction_costs_only_its_neighbours_a_second_try() -> None:
    """The large one is tried in smaller ones, of which one falls apart; the order stays, live ones come in between."""
    ledger = Ledger()
    ledger.bad["b100"] = ValueError("a bug")
    writer = Writer(ledger.write, 10_000)
    first = await ledger.busy(writer)
    waiting = [writer.accept(HERE, _command(f"b{place}"), bulk=True) for place in range(300)]
    ledger.gate.set()
    results = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [place for place, result in enumerate(results[1:]) if result is not OUTCOME] == [100]
    sizes = [len(batch) for batch in ledger.batches]
    assert sizes == [1, 64, 128, 64, *[1] * 64, 128, 44]  # 64 stored; 128 failed; 64 failed, one by one; the rest
    stored = [batch for place, batch in enumerate(ledger.batches) if place not in (0, 2, 3)]
    assert [name for batch in stored for name in batch] == [f"b{place}" for place in range(300)]


async def test_a_full_queue_makes_only_its_own_organization_wait() -> None:
    ledger = Ledger()
    writer = Writer(ledger.write, 3)
    first = await ledger.busy(writer)
    waiting = [writer.accept(HERE, _command("a"), bulk=place == 0) for place in range(3)]
    with pytest.raises(QueueFull):
        await writer.submit(HERE, _command("b"))
    with pytest.raises(QueueFull):
        writer.accept(HERE, _command("b"), bulk=True)
    elsewhere = writer.accept(THERE, _command("c"))
    ledger.gate.set()
    await asyncio.gather(first, *waiting, elsewhere)
    await writer.submit(HERE, _command("d"))
    assert "b" not in [name for batch in ledger.batches for name in batch]


async def test_bulk_leaves_half_of_the_queue_to_live_commands() -> None:
    ledger = Ledger()
    writer = Writer(ledger.write, 4)
    first = await ledger.busy(writer)
    waiting = [writer.accept(HERE, _command("a"), bulk=True) for _ in range(2)]
    with pytest.raises(QueueFull):
        writer.accept(HERE, _command("b"), bulk=True)
    waiting += [writer.accept(HERE, _command("c")) for _ in range(2)]
    with pytest.raises(QueueFull):
        writer.accept(HERE, _command("d"))
    ledger.gate.set()
    await asyncio.gather(first, *waiting)


async def test_who_finds_no_room_may_wait_for_it() -> None:
    ledger = Ledger()
    writer = Writer(ledger.write, 1)
    await writer.moved(HERE)  # nothing waits
    first = await ledger.busy(writer)
    last = writer.accept(HERE, _command("a"))
    waiting = asyncio.create_task(writer.moved(HERE))
    await asyncio.sleep(0)
    assert not waiting.done()
    ledger.gate.set()
    await waiting
    assert first.done()
    await last


async def test_organizations_do_not_wait_for_each_other() -> None:
    async def write(organization: UUID, commands: Sequence[AnyCommand]) -> list[Outcome]:
        if organization == HERE:
            await elsewhere.wait()
        return [OUTCOME for _ in commands]

    elsewhere = asyncio.Event()
    writer = Writer(write, 10)
    slow = writer.accept(HERE, _command("a"))
    await writer.submit(THERE, _command("b"))
    assert not slow.done()
    elsewhere.set()
    await slow


async def test_one_bad_command_never_fails_its_neighbours() -> None:
    ledger = Ledger()
    ledger.bad["c1"] = ValueError("a bug")
    writer = Writer(ledger.write, 10)
    first = await ledger.busy(writer)
    waiting = [writer.accept(HERE, _command(f"c{place}")) for place in range(3)]
    ledger.gate.set()
    results = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [result if result is OUTCOME else type(result) for result in results] == [
        OUTCOME,
        OUTCOME,
        ValueError,
        OUTCOME,
    ]
    assert ledger.batches[1:] == [["c0", "c1", "c2"], ["c0"], ["c1"], ["c2"]]


@pytest.mark.parametrize(
    ("bad", "tried"),
    [
        ({"c1"}, ["c0", "c1", "c2", "c3", "c4"]),  # one that takes too long
        ({"c0", "c1", "c2", "c3", "c4"}, ["c0", "c1"]),  # the database is gone
        ({"c0", "c2", "c3", "c4"}, ["c0", "c1", "c2", "c3"]),
    ],
)
async def test_nobody_waits_long_for_a_database_that_is_gone(bad: set[str], tried: list[str]) -> None:
    ledger = Ledger()
    ledger.bad = dict.fromkeys(bad, Unavailable("08006"))
    writer = Writer(ledger.write, 10)
    first = await ledger.busy(writer)
    waiting = [writer.accept(HERE, _command(f"c{place}")) for place in range(5)]
    ledger.gate.set()
    _, *results = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [isinstance(result, Unavailable) for result in results] == [f"c{place}" in bad for place in range(5)]
    assert [batch[0] for batch in ledger.batches[2:]] == tried


async def test_a_caller_who_leaves_takes_nothing_back() -> None:
    ledger = Ledger()
    writer = Writer(ledger.write, 10)
    first = await ledger.busy(writer)
    leaving = asyncio.create_task(writer.submit(HERE, _command("a")))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    ledger.gate.set()
    await first
    await writer.drain()
    assert ledger.batches == [["first"], ["a"]]


async def test_a_failure_that_nobody_waits_for_is_no_noise(recwarn: pytest.WarningsRecorder) -> None:
    ledger = Ledger()
    ledger.bad["a"] = ValueError("a bug")
    writer = Writer(ledger.write, 10)
    first = await ledger.busy(writer)
    writer.accept(HERE, _command("a"))
    ledger.gate.set()
    await first
    await writer.drain()
    assert list(recwarn) == []


async def test_drain_waits_for_all_that_was_accepted() -> None:
    ledger = Ledger()
    writer = Writer(ledger.write, 100)
    first = await ledger.busy(writer)
    waiting = [writer.accept(organization, _command("a")) for organization in (HERE, THERE) for _ in range(20)]
    draining = asyncio.create_task(writer.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    ledger.gate.set()
    await draining
    assert all(promise.done() for promise in (first, *waiting))
    await writer.drain()


async def test_each_batch_is_told_with_what_still_waits() -> None:
    told: list[tuple[int, int]] = []
    ledger = Ledger()
    writer = Writer(ledger.write, 1000, lambda size, waiting: told.append((size, waiting)))
    first = await ledger.busy(writer)
    others = [writer.accept(HERE, _command("a")) for _ in range(LARGEST + 1)]
    ledger.gate.set()
    await asyncio.gather(first, *others)
    await writer.drain()
    assert told == [(1, LARGEST + 1), (LARGEST, 1), (1, 0)]


async def test_if_writing_itself_breaks_down_nobody_waits_for_ever() -> None:
    def broken(size: int, waiting: int) -> None:
        raise RuntimeError("a bug")

    ledger = Ledger()
    writer = Writer(ledger.write, 1000, broken)
    first = await ledger.busy(writer)
    other = writer.accept(HERE, _command("a"))
    flusher = writer._queues[HERE].flusher
    ledger.gate.set()
    assert await first is OUTCOME
    with pytest.raises(asyncio.CancelledError):
        await other
    assert flusher is not None
    with pytest.raises(RuntimeError):
        await flusher


async def test_the_flusher_knows_nothing_of_the_request_that_woke_it() -> None:
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")
    seen = []

    async def write(organization: UUID, commands: Sequence[AnyCommand]) -> list[Outcome]:
        seen.append(request.get())
        return [OUTCOME for _ in commands]

    request.set("the first one")
    await Writer(write, 10).submit(HERE, _command("a"))
    assert seen == ["none"]


# --- on the database


async def test_sixteen_equal_posts_at_once_make_one_row(desk: Desk) -> None:
    writer = Writer(partial(write, desk.engine), 1000)
    outcomes = await asyncio.gather(*(writer.submit(desk.organization, post()) for _ in range(16)))
    results = sorted(outcome.decision.result for outcome in outcomes)
    assert results == [Result.created] + [Result.same] * 15
    assert len({outcome.rating.rating_id for outcome in outcomes if outcome.rating}) == 1
    assert len((await desk.stored()).ratings) == 1


async def test_a_unit_that_breaks_on_the_database_is_stored_one_by_one(desk: Desk) -> None:
    """A NUL, which PostgreSQL cannot store, stands for whatever nobody thought of."""
    writer = Writer(partial(write, desk.engine), 1000)
    bad = post(rating_facts(case_id="c\0"))
    commands = [post(rating_facts(case_id="c1")), bad, post(rating_facts(case_id="c2"))]
    results = await asyncio.gather(
        *(writer.submit(desk.organization, command) for command in commands), return_exceptions=True
    )
    assert [isinstance(result, Exception) for result in results] == [False, True, False]
    assert not isinstance(results[1], Unavailable)
    stored = await desk.stored()
    assert set(stored.cases) == {"c1", "c2"}
    stored.check()


async def test_many_organizations_share_few_connections(engine: AsyncEngine) -> None:
    made = [await create_organization(engine, f"clinic {uuid4()}", True, NOW) for _ in range(12)]
    for organization in made:
        await let_in(engine, organization.organization_id)
    writer = Writer(partial(write, engine), 1000)  # the engine has four connections
    outcomes = await asyncio.gather(
        *(
            writer.submit(organization.organization_id, post(rating_facts(case_id=f"c{case}")))
            for organization in made
            for case in range(6)
        )
    )
    assert {outcome.decision.result for outcome in outcomes} == {Result.created}
