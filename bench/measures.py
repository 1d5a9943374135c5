"""What is measured: each function takes the stage, measures the things it compares in turn, and returns its figures."""

import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median

import httpx

from bench import pgbench
from bench.clocks import per_request, postgres_seconds
from bench.load import Load, Seen
from bench.rows import Row, alternate, ratio, row_of, with_ratio
from bench.stage import (
    Database,
    Server,
    evenkeel,
    ingest,
    load,
    serving,
    settings_of,
)
from bench.workload import Past, Posts

MANY, LIMIT_CLIENTS = 16, 8
LIMIT_PREFIX = "limit-"  # pgbench writes to families of its own
GROWN = (10, 100, 500)  # sessions in a case


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done."""

    rounds: int = 3
    seconds: float = 3.0
    warm: float = 0.5
    families: int = 200
    weeks: int = 10
    batch_families: int = 300
    grown: tuple[int, ...] = GROWN
    grown_families: int = 6


QUICK = Size(rounds=1, seconds=1.0, warm=0.3, families=40, weeks=6, batch_families=50, grown=(10, 40), grown_families=2)


@dataclass(slots=True)
class Stage:
    """The service on its database, and how to ask it."""

    size: Size
    database: Database
    folder: Path
    token: str
    server: Server
    runs: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def past(self) -> Past:
        return Past("family-", self.size.families, self.size.weeks)

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def posts(
        self,
        server: Server,
        clients: int,
        prefix: str = "",
        families: int = 0,
        first: int = 0,
        together: bool = False,
    ) -> Seen:
        """Send new ratings to a server; no two calls send the same ones."""
        prefix, families = prefix or self.past.prefix, families or self.past.cases
        posts = {
            "prefix": prefix,
            "cases": families,
            "run": next(self.runs),
            "clients": clients,
            "first": first or self.past.sessions,
            "together": together,
        }
        what = Load(server.port, clients, self.size.seconds, self.size.warm, self.token, posts=posts)
        return load(what, server, self.data_dir)

    def alerts(self, server: Server) -> Seen:
        what = Load(server.port, MANY, self.size.seconds, self.size.warm, self.token, "/v1/alerts?limit=50")
        return load(what, server, self.data_dir)


@contextmanager
def staged(size: Size, database: Database, folder: Path) -> Iterator[Stage]:
    """Yield the service, migrated, with one organization, one key and the past in it."""
    evenkeel(database, "migrate")
    evenkeel(database, "organization", "create", "bench", "--test")
    token = evenkeel(database, "key", "create", "bench", "--scope", "all")
    with serving("service", "serve", "--port", "0", env=settings_of(database)) as server:
        stage = Stage(size, database, folder, token, server)
        ingest(server, token, stage.past.lines)
        yield stage


def posts_and_pages(stage: Stage) -> list[Row]:
    """Compare a POST and a page of alerts with a no-op, with pgbench and with the tutorial-style service."""
    size = stage.size
    files = [stage.folder / "rating.json", stage.folder / "alerts.json"]
    for file, content in zip(files, examples(stage), strict=True):
        file.write_bytes(content)
    script = stage.folder / "limit.sql"
    ingest(stage.server, stage.token, Past(LIMIT_PREFIX, size.families, size.weeks).lines)
    script.write_text(pgbench.script(stage.database, LIMIT_PREFIX, size.weeks), encoding="utf-8")
    tutorial_database = stage.database.empty("tutorial")
    past = json.dumps({"prefix": stage.past.prefix, "cases": size.families, "sessions": size.weeks})
    with ExitStack() as running:
        noop = running.enter_context(serving("bench.noop", *map(str, files)))
        tutorial = running.enter_context(
            serving("bench.tutorial", tutorial_database.address("postgresql+psycopg"), past)
        )

        def limit(clients: int) -> Seen:
            before = postgres_seconds(stage.data_dir)
            seen = pgbench.run(stage.database, script, clients, size.seconds, size.families, next(stage.runs))
            taken = per_request(before, postgres_seconds(stage.data_dir), seen.answered)
            return replace(seen, postgres_cpu=taken)

        found = alternate(
            size.rounds,
            {
                "noop16": lambda: stage.posts(noop, MANY),
                "ours16": lambda: stage.posts(stage.server, MANY),
                "together16": lambda: stage.posts(stage.server, MANY, together=True),
                "limit8": lambda: limit(LIMIT_CLIENTS),
                "tutorial16": lambda: stage.posts(tutorial, MANY),
                "noop1": lambda: stage.posts(noop, 1),
                "ours1": lambda: stage.posts(stage.server, 1),
                "limit1": lambda: limit(1),
                "tutorial1": lambda: stage.posts(tutorial, 1),
                "page": lambda: stage.alerts(stage.server),
                "noop page": lambda: stage.alerts(noop),
            },
        )
        memory = Row(
            "memory of a worker after this, MiB",
            note=f"ours {stage.server.memory:.0f}, no-op {noop.memory:.0f}, tutorial {tutorial.memory:.0f}",
            ratio=stage.server.memory / noop.memory,
        )
    return [*_post_rows(found), memory]


def _post_rows(found: dict[str, list[Seen]]) -> list[Row]:
    rates = {name: [item.rate for item in seen] for name, seen in found.items()}
    rows = [row_of("POST, 16 clients", found["ours16"])]
    for name, what in (
        ("noop16", "(a) no-op of the framework, 16 clients"),
        ("limit8", "(b) the same SQL by pgbench, 8 clients"),
        ("tutorial16", "(c) tutorial-style service, 16 clients"),
    ):
        against = row_of(what, found[name], note="POST ÷ this")
        rows.append(with_ratio(against, ratio(rates["ours16"], rates[name])))
    rows.append(row_of("POST, 16 clients, a session's four at the same time", found["together16"]))
    rows.append(row_of("POST, 1 client", found["ours1"]))
    for name, what in (("noop1", "(a)"), ("limit1", "(b)"), ("tutorial1", "(c)")):
        against = row_of(f"{what} with 1 client", found[name], note="POST ÷ this")
        rows.append(with_ratio(against, ratio(rates["ours1"], rates[name])))
    rows.append(row_of("GET /v1/alerts, 50, 16 clients", found["page"]))
    page = row_of("no-op that answers the same bytes", found["noop page"], note="GET ÷ this")
    return [*rows, with_ratio(page, ratio(rates["page"], rates["noop page"]))]


def examples(stage: Stage) -> tuple[bytes, bytes]:
    """Return an answer of the service to a POST and a page of its alerts, for the no-op to repeat."""
    headers = {"Authorization": f"Bearer {stage.token}"}
    body = next(
        itertools.islice(
            Posts(stage.past.prefix, stage.size.families, next(stage.runs), 1, stage.size.weeks).of(0), 3, None
        )
    )
    with httpx.Client(base_url=stage.server.address, headers=headers, trust_env=False) as client:
        posted = client.post("/v1/ratings", content=body, headers={"Content-Type": "application/json"})
        listed = client.get("/v1/alerts?limit=50")
    posted.raise_for_status()
    listed.raise_for_status()
    return posted.content, listed.content


def growth(stage: Stage) -> list[Row]:
    """Compare the time of a POST to cases with few and with many sessions, one client."""
    size = stage.size
    for sessions in size.grown:
        ingest(stage.server, stage.token, Past(f"grown-{sessions}-", size.grown_families, sessions, raters=2).lines)

    def posted(sessions: int) -> Seen:
        first = max(size.grown)
        return stage.posts(stage.server, 1, f"grown-{sessions}-", size.grown_families, first)

    found = alternate(size.rounds, {str(sessions): partial(posted, sessions) for sessions in size.grown})
    rows = []
    base = [item.p50 for item in found[str(size.grown[0])]]
    for sessions in size.grown:
        seen = found[str(sessions)]
        times = [item.p50 for item in seen]
        row = row_of(f"POST to a case with {sessions} sessions, 1 client", seen, note="its p50 ÷ that of the first")
        rows.append(with_ratio(row, ratio(times, base)))
    return rows


def starts(stage: Stage) -> list[Row]:
    """Compare the time from the start of a process to its first answer."""
    files = [str(stage.folder / "rating.json"), str(stage.folder / "alerts.json")]
    ours, noop = [], []
    for _ in range(stage.size.rounds):
        with serving("bench.noop", *files) as server:
            noop.append(server.started)
        with serving("service", "serve", "--port", "0", env=settings_of(stage.database)) as server:
            ours.append(server.started)
    return [
        Row(
            "start to first answer, s",
            ratio=ratio(ours, noop),
            note=f"ours {median(ours):.2f}, no-op {median(noop):.2f}",
        )
    ]
