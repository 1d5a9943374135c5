"""`python -m bench [--quick]`: measures the service against its neighbours and prints one table.

It starts a PostgreSQL and every process by itself, in a folder that is gone afterwards. The ratios count: everything
in a table was measured in one run on one machine, in turn.
"""

import argparse
import platform
import sys
from collections.abc import Iterable
from math import isnan

from bench.batches import batches
from bench.feeds import feeds, streams
from bench.measures import QUICK, Size, growth, posts_and_pages, staged, starts
from bench.rows import Row
from bench.stage import database_of, folder
from bench.webhooks import webhooks
from service.db.embedded import EmbeddedServer

HEAD = "| what | per second | p50 ms | p99 ms | server µs | database µs | ratio | |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the service against its neighbours.")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it runs; the figures say little")
    size = QUICK if parser.parse_args().quick else Size()
    rows: list[Row] = []
    with folder() as place, EmbeddedServer(place / "data").running() as url:
        database = database_of(url).empty("bench")
        with staged(size, database, place) as stage:
            for measure in (posts_and_pages, feeds, streams, webhooks, growth, batches, starts):
                print(f"{measure.__name__} …", file=sys.stderr, flush=True)
                rows += measure(stage)
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {size.rounds} rounds")
    print(table(rows))


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [HEAD, "|---|---:|---:|---:|---:|---:|---:|---|"]
    for row in rows:
        figures = (
            _figure(row.rate, 0),
            _figure(row.p50, 2),
            _figure(row.p99, 2),
            _figure(row.server_cpu, 0),
            _figure(row.postgres_cpu, 0),
            _figure(row.ratio, 2),
        )
        lines.append(f"| {row.what} | {' | '.join(figures)} | {row.note} |")
    return "\n".join(lines)


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None or isnan(value) else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
