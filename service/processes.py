"""Jobs in processes of their own, so that they take no turn of the loop that serves; one connection each.

They run at a lower priority, and end with the process that started them.
"""

import asyncio
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import make_engine
from service.db.jobs import organizations_at_work
from service.domain.job import JobKind
from service.observing import configure_logs, error_fields
from service.settings import Settings
from service.working import do_all, do_job

NICE = 10  # how much others go before: of a busy processor a job gets a tenth
LOOK_AGAIN = 60.0  # seconds; what another process left unfinished is found then

SPAWN = multiprocessing.get_context("spawn")  # a copy of a process that serves would hold its connections

Which = tuple[UUID, JobKind, str]  # organization, kind and id of one job

log = structlog.get_logger()


def spare_the_collector() -> None:
    """Keep what lives as long as the process out of garbage collections, and have fewer of them.

    Courses are trees that reference counting frees; walking all of them again and again costs a fifth of a write.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@contextmanager
def at_work(settings: Settings, count: int, which: Which | None = None) -> Iterator[Sequence[BaseProcess]]:
    """Yield some processes that do one job, or all there are; they are ended with the block, which is always safe."""
    processes = [SPAWN.Process(target=_run, args=(settings, which), daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def _run(settings: Settings, which: Which | None) -> None:
    """Be such a process; whoever is at the keyboard speaks to the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    configure_logs(settings.log_level)
    spare_the_collector()
    try:
        asyncio.run(_work(settings, which))
    except Exception as error:
        log.error("job_process_failed", **error_fields(error))
        sys.exit(1)


async def _work(settings: Settings, which: Which | None) -> None:
    engine = make_engine(settings, pool_size=1)
    try:
        if which is None:
            await do_all(engine, _is_wanted)
        else:
            await do_job(engine, *which, _is_wanted)
    finally:
        await engine.dispose()


def _is_wanted() -> bool:
    """Tell whether the process that started this one still lives."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()


class Runner:
    """Has jobs done beside a service that runs: when one was asked for, and now and then what others left."""

    def __init__(self, settings: Settings, engine: AsyncEngine) -> None:
        self._settings = settings
        self._engine = engine
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Have a look soon; a job was stored."""
        self._asked.set()

    async def run(self) -> None:
        """Have jobs done until cancelled; without any process of ours, others do them."""
        while self._settings.job_processes:
            self._asked.clear()
            try:
                if await organizations_at_work(self._engine):
                    await self._done()
            except Exception as error:  # such as a database that cannot be had, or is not migrated yet
                log.warning("jobs_not_done", **error_fields(error))
            try:
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def _done(self) -> None:
        """Wait until processes of ours have done what there is to do."""
        with at_work(self._settings, self._settings.job_processes) as processes:
            for process in processes:
                await _ended(process)


async def _ended(process: BaseProcess) -> None:
    """Wait until a process has ended."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)
    process.join()
