"""`evenkeel doctor`: look at everything an operator would look at first; never print a secret."""

import os
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.metadata import version
from typing import Any

import typer
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from service.cli.database import engine_of, reachable
from service.cli.ending import FAILED, Failure, wait_for
from service.db.embedded import EmbeddedServerError
from service.db.engine import Unavailable, connected
from service.db.identity import list_keys, organizations
from service.db.migrations import head, readiness
from service.db.subscriptions import oldest_waiting
from service.settings import Settings, read_settings

OLDEST = 15  # PostgreSQL's major version
SKEW_SECONDS = 2.0
SOON = timedelta(days=14)
LATE = timedelta(minutes=5)
ADVICE = {
    "not-migrated": "run `evenkeel migrate`",
    "migration-pending": "run `evenkeel migrate`",
    "version-too-old": "a newer version migrated this database; install that one",
    "database-unavailable": "see above",
}


class Level(StrEnum):
    good = "ok"
    notable = "note"
    bad = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    line: str


def doctor() -> None:
    """Check settings, folders, database, migrations, clock, keys and deliveries; fail if something is wrong."""
    settings = read_settings()
    findings = [Finding(Level.good, f"settings: valid; evenkeel {version('evenkeel')}")]
    findings += [*_data_folder(settings), *_spool(settings)]
    if all(finding.level is not Level.bad for finding in findings):
        findings += _database(settings)
    for finding in findings:
        typer.echo(f"{finding.level:<4}  {finding.line}")
    if any(finding.level is Level.bad for finding in findings):
        raise typer.Exit(FAILED)


def _data_folder(settings: Settings) -> Iterator[Finding]:
    """Look at the rights of the embedded database's folder."""
    if settings.database_url is not None:
        yield Finding(Level.good, "data folder: not used, EVENKEEL_DATABASE_URL is set")
    elif not settings.data_dir.is_dir():
        yield Finding(Level.notable, "data folder: not there yet; `evenkeel serve` makes it")
    elif stat.S_IMODE(settings.data_dir.stat().st_mode) & 0o077:
        yield Finding(Level.notable, "data folder: others may look into it; the next start closes it to 0700")
    elif not os.access(settings.data_dir, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(Level.bad, "data folder: this user may not write to EVENKEEL_DATA_DIR")
    else:
        yield Finding(Level.good, "data folder: private and writable")


def _spool(settings: Settings) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryFile(dir=settings.spool_dir) as spool:
            spool.write(b"1")
        yield Finding(Level.good, "spool: writable")
    except OSError as error:
        yield Finding(Level.bad, f"spool: EVENKEEL_SPOOL_DIR cannot be written to ({type(error).__name__})")


def _database(settings: Settings) -> list[Finding]:
    """Look at the database; an embedded one that was never made is left so."""
    if settings.database_url is None and not (settings.data_dir / "postgres").is_dir():
        return [Finding(Level.notable, "database: none yet; `evenkeel serve` makes the embedded one")]
    try:
        with reachable(settings) as found:
            return wait_for(_of_engine(found))
    except (EmbeddedServerError, Failure) as error:
        return [Finding(Level.bad, f"database: {error}")]
    except (Unavailable, DBAPIError):
        return [Finding(Level.bad, "database: cannot be reached, or refuses this user, or does not answer in time")]


async def _of_engine(settings: Settings) -> list[Finding]:
    looks: tuple[Callable[[AsyncEngine, Settings], AsyncIterator[Finding]], ...]
    looks = (_version, _migrations, _clock, _connections)
    async with engine_of(settings) as engine:
        findings = [finding for look in looks async for finding in look(engine, settings)]
        if await readiness(engine) is None:
            findings += [finding for look in (_keys, _deliveries) async for finding in look(engine)]
    return findings


async def _version(engine: AsyncEngine, settings: Settings) -> AsyncIterator[Finding]:
    major = int(await _ask(engine, "SELECT current_setting('server_version_num')")) // 10_000
    level = Level.good if major >= OLDEST else Level.bad
    yield Finding(level, f"database: PostgreSQL {major}" + ("" if major >= OLDEST else f"; {OLDEST} is the oldest"))


async def _migrations(engine: AsyncEngine, settings: Settings) -> AsyncIterator[Finding]:
    unfit = await readiness(engine)
    if unfit is None:
        yield Finding(Level.good, f"migrations: fit for this version, whose newest is {head()}")
    else:
        yield Finding(Level.bad, f"migrations: {unfit}; {ADVICE[unfit]}")


async def _clock(engine: AsyncEngine, settings: Settings) -> AsyncIterator[Finding]:
    before = datetime.now(UTC)
    told: datetime = await _ask(engine, "SELECT clock_timestamp()")
    skew = abs((told - (before + (datetime.now(UTC) - before) / 2)).total_seconds())
    far = skew > SKEW_SECONDS
    advice = "; ends of keys and of snoozes go by this machine's clock" if far else ""
    yield Finding(Level.notable if far else Level.good, f"clock: {skew:.1f} s from the database's{advice}")


async def _connections(engine: AsyncEngine, settings: Settings) -> AsyncIterator[Finding]:
    """Say how many processes the database has room for: connections are replicas × pool."""
    taken = "current_setting('superuser_reserved_connections')::int"
    room = int(await _ask(engine, f"SELECT current_setting('max_connections')::int - {taken}"))
    replicas = room // settings.pool_size
    line = f"connections: {room} allowed, {settings.pool_size} a process; room for {replicas} of them without a pooler"
    yield Finding(Level.good if replicas >= 2 else Level.notable, line)


async def _keys(engine: AsyncEngine) -> AsyncIterator[Finding]:
    now, total = datetime.now(UTC), 0
    for organization in await organizations(engine):
        for key in await list_keys(engine, organization.organization_id):
            total += key.valid(now)
            if key.valid(now) and key.expires_at is not None and key.expires_at - now < SOON:
                yield Finding(Level.notable, f"keys: {key.key_id} ends on {key.expires_at:%Y-%m-%d %H:%M}Z; rotate it")
    yield Finding(Level.good if total else Level.notable, f"keys: {total} valid")


async def _deliveries(engine: AsyncEngine) -> AsyncIterator[Finding]:
    oldest = await oldest_waiting(engine)
    waits = timedelta(0) if oldest is None else datetime.now(UTC) - oldest
    if waits > LATE:
        minutes = round(waits.total_seconds() / 60)
        advice = "does `evenkeel worker` run? GET /v1/webhooks names receivers that fail"
        yield Finding(Level.notable, f"deliveries: the oldest waits for {minutes} minutes; {advice}")
    else:
        yield Finding(Level.good, "deliveries: none waits for long")


async def _ask(engine: AsyncEngine, question: str) -> Any:
    async with connected(engine) as connection:
        return (await connection.execute(text(question))).scalar_one()
