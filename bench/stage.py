"""What is measured runs here: a PostgreSQL of its own, which writes to the disk as in production, and the processes."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from sqlalchemy.engine import URL, make_url

from bench.clocks import per_request, postgres_seconds, process_seconds
from bench.load import Load, Seen

PATIENCE = 120.0
LISTENING = re.compile(r"listening on (http://\S+)")


@dataclass(slots=True)
class Server:
    """A process that listens; `started` is how many seconds it took until it answered."""

    popen: "subprocess.Popen[str]"
    address: str
    started: float = 0.0

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    @property
    def memory(self) -> float:
        """Return the resident memory of the process in MiB."""
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.popen.pid)], capture_output=True, text=True, check=True
        )
        return int(told.stdout) / 1024

    @property
    def peak(self) -> float:
        """Return the most resident memory that the process had, in MiB; what it has now where nobody keeps that."""
        status = Path(f"/proc/{self.popen.pid}/status")
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
        return int(found[1]) / 1024 if found else self.memory


@dataclass(frozen=True, slots=True)
class Database:
    """One database of the bench's own PostgreSQL."""

    url: URL

    def address(self, driver: str = "postgresql") -> str:
        return self.url.set(drivername=driver).render_as_string(hide_password=False)

    def run(self, *statements: str) -> list[Any]:
        """Run statements and return the rows of the last one."""
        return asyncio.run(self._run(statements))

    async def _run(self, statements: tuple[str, ...]) -> list[Any]:
        connection = await asyncpg.connect(self.address())
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return list(await connection.fetch(statements[-1]))
        finally:
            await connection.close()

    def empty(self, name: str) -> "Database":
        """Return a new, empty database beside this one."""
        Database(self.url.set(database="postgres")).run(f'CREATE DATABASE "{name}"')
        return Database(self.url.set(database=name))


@contextmanager
def folder() -> Iterator[Path]:
    """Yield a folder that the server's user can enter, as root too; it is gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="evenkeel-bench-"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def settings_of(database: Database) -> dict[str, str]:
    """Return the environment in which our service and its commands use a database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVENKEEL_")}
    return {
        **kept,
        "EVENKEEL_DATABASE_URL": database.address(),
        "EVENKEEL_DATABASE_PREPARE": "true",
        "EVENKEEL_DRAIN_SECONDS": "0",
        "EVENKEEL_LOG_LEVEL": "warning",
    }


def evenkeel(database: Database, *arguments: str) -> str:
    """Run one of our commands to its end; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        env=settings_of(database), capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@contextmanager
def serving(*module: str, env: dict[str, str] | None = None) -> Iterator[Server]:
    """Yield a running `python -m …` once it answers; it is asked to end with the block."""
    begun = time.perf_counter()
    popen = subprocess.Popen(
        [sys.executable, "-m", *module], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        server = Server(popen, _address(popen))
        _wait_until_it_answers(server)
        server.started = time.perf_counter() - begun
        yield server
    finally:
        popen.send_signal(signal.SIGTERM)
        popen.communicate(timeout=PATIENCE)


def _address(popen: "subprocess.Popen[str]") -> str:
    assert popen.stdout is not None
    said = []
    for line in popen.stdout:
        said.append(line)
        if found := LISTENING.search(line):
            return found[1]
    raise RuntimeError("".join(said))


def _wait_until_it_answers(server: Server) -> None:
    until = time.perf_counter() + PATIENCE
    while time.perf_counter() < until:
        try:
            httpx.get(f"{server.address}/livez", trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.005)
    raise TimeoutError(server.address)


def load(what: Load, server: Server, data_dir: Path) -> Seen:
    """Run a load on a server in a process of its own; note the processor time of the server and of PostgreSQL."""
    before = process_seconds(server.popen.pid), postgres_seconds(data_dir)
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(what)), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr)
    after = process_seconds(server.popen.pid), postgres_seconds(data_dir)
    seen = Seen(**json.loads(done.stdout))
    taken = [per_request(*pair, seen.answered) for pair in zip(before, after, strict=True)]
    return replace(seen, server_cpu=taken[0], postgres_cpu=taken[1])


def ingest(server: Server, token: str, lines: bytes) -> dict[str, Any]:
    """Send a batch and return its last line; refused lines are a fault of the bench."""
    answer = httpx.post(
        f"{server.address}/v1/batch?deliver=false",
        content=lines,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"},
        timeout=PATIENCE,
        trust_env=False,
    )
    answer.raise_for_status()
    last: dict[str, Any] = json.loads(answer.content.rsplit(b"\n", 2)[-2])
    if not last.get("end") or last["refused"]:
        raise RuntimeError(f"batch: {last}")
    return last


def database_of(url: str) -> Database:
    return Database(make_url(url))
