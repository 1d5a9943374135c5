"""`python -m bench.reassess`: how fast an organization is judged anew, what it costs, and where the limit is.

A history is copied in and judged once. Then its carries are called those of other rules, as after new parameters, and
`evenkeel reassess` judges all of it again: that run is measured, from the command to its end. Processor time is what
counts on a machine that others use too; parts of it are told by judging some of the same cases in this process.
"""

import argparse
import asyncio
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.clocks import postgres_seconds
from bench.history import History, copy_in
from bench.stage import Database, database_of, evenkeel, folder
from bench.workload import MEMBERS
from service import reassessing
from service.db.embedded import EmbeddedServer
from service.db.engine import make_engine, transaction
from service.processes import spare_the_collector
from service.reassessing import reassess
from service.settings import Settings

SESSIONS = 10
SAMPLE = 50  # chunks of ten cases that are judged in this process
OTHER_RULES = "UPDATE carries SET folded_with = 'other rules'"
PARTS = {
    "courses_among": "reading courses",
    "fold_parts": "judging",
    "_alerts": "reading alerts",
    "_changes": "reconciling",
    "_store": "storing carries",
    "write_reconciled": "storing alerts",
    "_result": "comparing",
}


@dataclass(slots=True)
class Seen:
    """What one run took: seconds by the clock, and of processors by the workers and by PostgreSQL."""

    wall: float
    workers: float
    postgres: float


@dataclass(slots=True)
class Clocks:
    """Processor seconds of this process by part."""

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def running(self, part: str) -> Iterator[None]:
        begun = time.process_time()
        try:
            yield
        finally:
            self.spent[part] = self.spent.get(part, 0.0) + time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.reassess", description="Measure a reassessment.")
    parser.add_argument("--ratings", type=int, default=100_000, help="how many there are, in families of four")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    with folder() as place, EmbeddedServer(place / "data").running() as url:
        database = database_of(url).empty("bench")
        evenkeel(database, "migrate")
        organization_id = UUID(evenkeel(database, "organization", "create", "bench", "--test"))
        history = History(organization_id, max(1, given.ratings // (SESSIONS * len(MEMBERS))), SESSIONS)
        copy_in(database, history)
        first = _run(database, place / "data", given.processes)
        database.run(OTHER_RULES, "VACUUM ANALYZE", "SELECT 1")
        again = _run(database, place / "data", given.processes)
        database.run(OTHER_RULES, "SELECT 1")
        parts = asyncio.run(_parts(database, history))
    print(f"{history.ratings} ratings of {history.cases} cases, {given.processes} processes, {os.cpu_count()} cores")
    print(_table({"judged for the first time": first, "judged anew": again}, history.ratings))
    print("\n".join(f"{part}: {seconds:.0f} µs a rating" for part, seconds in parts.items()))


def _run(database: Database, data_dir: Path, processes: int) -> Seen:
    before = time.perf_counter(), _children_seconds(), postgres_seconds(data_dir)
    evenkeel(database, "reassess", "bench", "--processes", str(processes))
    after = time.perf_counter(), _children_seconds(), postgres_seconds(data_dir)
    wall, workers, postgres = (
        now - then if now and then else float("nan") for then, now in zip(before, after, strict=True)
    )
    return Seen(wall, workers, postgres)


def _children_seconds() -> float:
    """Return the processor time of all processes that this one started and that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _table(runs: dict[str, Seen], ratings: int) -> str:
    lines = [
        "| run | ratings a second | workers µs | PostgreSQL µs | of the cores in use |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, seen in runs.items():
        cost = [1e6 * seconds / ratings for seconds in (seen.workers, seen.postgres)]
        used = (seen.workers + seen.postgres) / seen.wall / (os.cpu_count() or 1)
        lines.append(f"| {name} | {ratings / seen.wall:.0f} | {cost[0]:.0f} | {cost[1]:.0f} | {used:.2f} |")
    return "\n".join(lines)


async def _parts(database: Database, history: History) -> dict[str, float]:
    """Return how many microseconds of this process each part of a reassessment takes for a rating."""
    engine, clocks = make_engine(Settings().with_database(database.address()), pool_size=1), Clocks()
    spare_the_collector()
    cases = min(history.cases, 10 * SAMPLE)
    for name, part in PARTS.items():
        setattr(reassessing, name, _clocked(clocks, part, getattr(reassessing, name)))
    with clocks.running("in all"):
        for first in range(0, cases, 10):
            among = (f"family-{first:07}", f"family-{first + 9:07}")
            async with transaction(engine, history.organization_id) as db:
                await reassess(db, among, datetime.now(UTC), keep=True)
    await engine.dispose()
    ratings = cases * history.sessions * len(MEMBERS)
    return {part: 1e6 * seconds / ratings for part, seconds in sorted(clocks.spent.items())}


def _clocked(clocks: Clocks, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with its processor time noted."""

    def plain(*given: Any, **named: Any) -> Any:
        with clocks.running(part):
            return function(*given, **named)

    async def waiting(*given: Any, **named: Any) -> Any:
        with clocks.running(part):
            return await function(*given, **named)

    return waiting if asyncio.iscoroutinefunction(function) else plain


if __name__ == "__main__":
    main()
