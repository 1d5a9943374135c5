"""A batch against COPY: storing and judging apart, and how much memory the server takes for it."""

import asyncio
import io
import json
import time
from dataclasses import dataclass
from statistics import median

import asyncpg

from bench.measures import Stage
from bench.rows import Row, ratio
from bench.stage import Database, ingest, serving, settings_of
from bench.workload import Past


@dataclass(slots=True)
class Ingested:
    """The seconds of one batch and of COPY for the same rows, and the server's memory before and at its height."""

    whole: float
    judging: float
    copying: float
    before: float
    most: float


def batches(stage: Stage) -> list[Row]:
    """Compare a batch of ratings with COPY of the rows that it stored into a table with the same keys."""
    found = [_ingested(stage, number) for number in range(stage.size.rounds)]
    count = Past("", stage.size.batch_families, stage.size.weeks)
    ratings = count.cases * count.sessions * count.raters
    copying = [item.copying for item in found]

    def row(what: str, seconds: list[float], note: str) -> Row:
        return Row(what, ratings / median(seconds), ratio=ratio(seconds, copying), note=note)

    return [
        Row(f"COPY of {ratings} ratings, same keys", ratings / median(copying), note="ratings per second"),
        row("batch: judging", [item.judging for item in found], "its time ÷ that of COPY"),
        row("batch: storing", [item.whole - item.judging for item in found], "the rest; some is done while we judge"),
        row("batch: in all", [item.whole for item in found], "its time ÷ that of COPY"),
        Row(
            "batch: memory, MiB",
            ratio=median(item.most / item.before for item in found),
            note=f"before {median(i.before for i in found):.0f}, at most {median(i.most for i in found):.0f}",
        ),
    ]


def _ingested(stage: Stage, number: int) -> Ingested:
    """Ingest one batch into a fresh process, then copy its rows."""
    past = Past(f"batch-{number}-", stage.size.batch_families, stage.size.weeks)
    lines = past.lines
    clocks = stage.folder / f"clocks-{number}.json"
    env = {**settings_of(stage.database), "BENCH_CLOCKS": str(clocks)}
    with serving("bench.timed", "serve", "--port", "0", env=env) as server:
        ingest(server, stage.token, Past(f"warm-{number}-", 4, stage.size.weeks).lines)
        before = server.memory
        begun = time.perf_counter()
        ingest(server, stage.token, lines)
        whole = time.perf_counter() - begun
        most = server.peak
    judging = sum(json.loads(clocks.read_text(encoding="utf-8")).values())
    return Ingested(whole, judging, _copied(stage.database, past.prefix), before, most)


def _copied(database: Database, prefix: str) -> float:
    """Return how long COPY takes for the ratings of some cases, into a table with the same keys."""

    async def copy() -> float:
        connection = await asyncpg.connect(database.address())
        try:
            rows = io.BytesIO()
            await connection.copy_from_query(
                "SELECT * FROM ratings WHERE case_id LIKE $1 ORDER BY rating_id", f"{prefix}%", output=rows
            )
            await connection.execute("CREATE TABLE copied (LIKE ratings INCLUDING ALL)")
            await connection.execute(
                "ALTER TABLE copied ADD FOREIGN KEY (organization_id, case_id, session_id) "
                "REFERENCES sessions (organization_id, case_id, session_id)"
            )
            rows.seek(0)
            begun = time.perf_counter()
            await connection.copy_to_table("copied", source=rows)
            taken = time.perf_counter() - begun
            await connection.execute("DROP TABLE copied")
            return taken
        finally:
            await connection.close()

    return asyncio.run(copy())
