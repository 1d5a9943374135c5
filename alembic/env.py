"""How migrations run: one at a time on a database, each in its own transaction, each noting the release it makes.

The address comes from the settings; `service.db.migrations` hands over its own, the command line reads the environment.
"""

import asyncio
from collections.abc import Collection
from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from sqlalchemy import Connection, delete, insert, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from service.db import tables
from service.db.engine import DIALECT, connect_arguments
from service.settings import Settings, read_settings

MIGRATING = 0x45_56_4B  # any number that nobody else locks

release = tables.table_of(tables.ReleaseRow)


def note_release(ctx: MigrationContext, step: MigrationInfo, heads: Collection[Any], run_args: Any) -> None:
    """Write the one row of `release` as the migration now in force declares it; with the first one gone, no table is.

    Alembic calls this inside the transaction of each migration.
    """
    now = step.up_revision if step.is_upgrade else next(iter(step.down_revisions), None)
    if isinstance(now, Script):
        ctx.execute(delete(release))
        ctx.execute(insert(release).values(head=now.revision, min_app_version=now.module.min_app_version))


def configure(**options: Any) -> None:
    context.configure(
        target_metadata=SQLModel.metadata,
        transaction_per_migration=True,
        on_version_apply=note_release,
        **options,
    )


def migrate(connection: Connection) -> None:
    configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def migrate_alone(settings: Settings) -> None:
    """Migrate while a second connection holds a lock in an open transaction, which a pooler leaves alone, too."""
    engine = create_async_engine(DIALECT, poolclass=NullPool, connect_args=connect_arguments(settings, patient=True))
    try:
        async with engine.begin() as guard:
            await guard.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            await guard.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATING})
            async with engine.connect() as connection:
                await connection.run_sync(migrate)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    configure(dialect_name="postgresql", literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(migrate_alone(context.config.attributes.get("settings") or read_settings()))
