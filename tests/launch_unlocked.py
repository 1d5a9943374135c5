"""`python -m tests.launch_unlocked serve …`: the service as it is, but its first unit of writing is held after loading.

Two such processes meet at a barrier, a folder named by MEETING: each waits until the other has loaded too, or for as
long as it takes to be sure that the other cannot. With LOCKED=no the row lock is stripped, nothing else.
"""

import asyncio
import os
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from service import writing
from service.cli import app
from service.db import queries
from service.db.engine import Db
from service.db.queries import cases
from service.db.rows import case_of
from service.domain.commands import AnyCommand
from service.domain.records import CaseRecord
from service.loading import Unit, load

LONG_ENOUGH = 3.0  # seconds; loading takes a few milliseconds


async def lock_nothing(db: Db, case_ids: Collection[str]) -> dict[str, tuple[CaseRecord, int, str | None]]:
    """Do what `lock_cases` does, without FOR UPDATE."""
    mine = (cases.c.organization_id == db.organization_id, cases.c.case_id.in_(case_ids))
    rows = (await db.execute(select(cases).where(*mine).order_by(cases.c.case_id))).mappings()
    return {row["case_id"]: (case_of(row), row["held_sessions"], row["last_session_id"]) for row in rows}


async def load_and_meet(db: Db, commands: Sequence[AnyCommand], at: datetime) -> Unit:
    """Load, then wait for the other process, once."""
    unit = await load(db, commands, at)
    meeting = Path(os.environ["MEETING"])
    mine = meeting / str(os.getpid())
    if not mine.exists():
        mine.touch()
        until = time.monotonic() + LONG_ENOUGH
        while len(list(meeting.iterdir())) < 2 and time.monotonic() < until:
            await asyncio.sleep(0.01)
    return unit


if __name__ == "__main__":
    setattr(writing, "load", load_and_meet)  # noqa: B010 - a name that `writing` imports and does not export
    if os.environ["LOCKED"] == "no":
        queries.lock_cases = lock_nothing
    app(prog_name="evenkeel")
