"""Jobs and their chunks: a queue in a table, of which each worker takes what no other has locked.

The lock on a chunk's row is held for as long as its transaction lasts: it is the lease. Who is killed loses both, and
the chunk is as it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, bindparam, cast, delete, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.columns import Code
from service.db.engine import Db, connected
from service.db.rows import Row
from service.db.statements import ORGANIZATION, Statement, same
from service.db.tables import CaseRow, ChunkRow, JobRow, table_of
from service.domain.job import Job, JobKind, Progress

cases, jobs, chunks = table_of(CaseRow), table_of(JobRow), table_of(ChunkRow)

OF_ITS_JOB = same(chunks, jobs, "kind", "job_id")
AT_ONCE = 200  # held sessions of one chunk: a tenth of a second, of which its cases are locked for less

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some cases of a job, from one id to another, that this transaction alone may do."""

    job: Job
    place: int
    first_case_id: str
    last_case_id: str

    @property
    def alone(self) -> bool:
        """Tell whether it is of one case."""
        return self.first_case_id == self.last_case_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a chunk: counts by rule, and the differences worth showing."""

    alerts_changed: int = 0
    member_sessions: int = 0
    counts: Document = field(default_factory=dict)
    differences: Sequence[Document] = ()


async def write_job(db: Db, job: Job) -> bool:
    """Store a job, cut into chunks of neighbouring cases; False if one of its id is there, which nobody changes.

    Cases that come later are judged anew anyway.
    """
    known = select(func.count()).where(cases.c.organization_id == db.organization_id, cases.c.revision > 0)
    row = {"kind": job.kind.value, "job_id": job.id, "asked": dict(job.asked), "created_at": job.created_at}
    values = {"organization_id": db.organization_id, "cases": known.scalar_subquery(), **row}
    new = await db.execute(insert(jobs).values(values).on_conflict_do_nothing().returning(jobs.c.job_id))
    if new.one_or_none() is None:
        return False
    await db.execute(_cut(db, job))
    return True


def _cut(db: Db, job: Job) -> Any:
    """Return the insertion of a job's chunks; between their places there is one for each of their cases."""
    weight = func.sum(cases.c.held_sessions + 1).over(order_by=cases.c.case_id)
    place = cast((weight - 1) // AT_ONCE * AT_ONCE, Integer())
    mine = (cases.c.organization_id == db.organization_id, cases.c.revision > 0)
    return _chunks(db, job, select(cases.c.case_id, place.label("place")).where(*mine))


def _chunks(db: Db, job: Job, placed: Select[Any]) -> Any:
    """Return the insertion of chunks of cases that each have a place: those of one place are one chunk."""
    each = placed.subquery("placed")
    values: dict[str, Any] = {
        "organization_id": literal(db.organization_id),
        "kind": literal(job.kind.value, Code()),
        "job_id": literal(job.id, Code()),
        "place": each.c.place,
        "first_case_id": func.min(each.c.case_id),
        "last_case_id": func.max(each.c.case_id),
        "cases": func.count(),
        "alerts_changed": literal(0),
        "member_sessions": literal(0),
    }
    return insert(chunks).from_select(list(values), select(*values.values()).group_by(each.c.place))


async def split_chunk(db: Db, chunk: Chunk) -> None:
    """Let each case of a chunk be one of its own, so that the one that cannot be done fails no other."""
    mine = (*_of(db, chunks, chunk.job.kind), chunks.c.job_id == chunk.job.id, chunks.c.place == chunk.place)
    gone = await db.execute(delete(chunks).where(*mine, chunks.c.over_at.is_(None)).returning(chunks.c.place))
    if gone.one_or_none() is None:
        return  # somebody else was at it, and is through
    place = cast(chunk.place - 1 + func.row_number().over(order_by=cases.c.case_id), Integer())
    among = (cases.c.case_id >= chunk.first_case_id, cases.c.case_id <= chunk.last_case_id)
    known = (cases.c.organization_id == db.organization_id, cases.c.revision > 0, *among)
    await db.execute(_chunks(db, chunk.job, select(cases.c.case_id, place.label("place")).where(*known)))


def _progress_of() -> Any:
    over, failed = chunks.c.over_at.is_not(None), chunks.c.failed.is_not(None)
    return (
        select(
            func.coalesce(func.sum(chunks.c.cases).filter(over, ~failed), 0).label("cases_done"),
            func.coalesce(func.sum(chunks.c.cases).filter(failed), 0).label("cases_failed"),
            func.coalesce(func.sum(chunks.c.alerts_changed), 0).label("alerts_changed"),
            func.coalesce(func.sum(chunks.c.member_sessions), 0).label("member_sessions"),
            func.count().filter(~over).label("open"),
            func.count().filter(over).label("over"),
            func.max(chunks.c.over_at).label("latest_at"),
        )
        .where(OF_ITS_JOB)
        .lateral("progress")
    )


def _told() -> Any:
    progress = _progress_of()
    return select(jobs, *(column for column in progress.c)).join_from(jobs, progress, literal(True))


async def job_by_id(db: Db, kind: JobKind, job_id: str) -> tuple[Job, Progress] | None:
    """Return the job that was asked for under an id, and how far it has come."""
    row = (await db.execute(_told().where(*_of(db, jobs, kind), jobs.c.job_id == job_id))).mappings().one_or_none()
    return None if row is None else (_job(row), _progress(row))


async def job_page(
    db: Db, kind: JobKind, before: tuple[datetime, str] | None, limit: int
) -> list[tuple[Job, Progress]]:
    """Return the jobs of a kind, the newest first."""
    place = (jobs.c.created_at, jobs.c.job_id)
    statement = _told().where(*_of(db, jobs, kind))
    if before is not None:
        statement = statement.where(tuple_(*place) < tuple_(*before))
    rows = await db.execute(statement.order_by(*(column.desc() for column in place)).limit(limit))
    return [(_job(row), _progress(row)) for row in rows.mappings()]


async def job_counts(db: Db, kind: JobKind, job_id: str) -> list[dict[str, dict[str, int]]]:
    """Return the counts of each chunk of a job."""
    mine = (*_of(db, chunks, kind), chunks.c.job_id == job_id, chunks.c.counts.is_not(None))
    return [row.counts for row in await db.execute(select(chunks.c.counts).where(*mine))]


async def difference_page(
    db: Db, kind: JobKind, job_id: str, after: tuple[int, int], limit: int
) -> list[tuple[tuple[int, int], dict[str, Any]]]:
    """Return some differences that a job found, each with its place: chunk, and which of it."""
    chunk, passed = after
    mine = (*_of(db, chunks, kind), chunks.c.job_id == job_id, chunks.c.place >= chunk)
    some = func.jsonb_array_length(chunks.c.differences) > 0
    statement = select(chunks.c.place, chunks.c.differences).where(*mine, some).order_by(chunks.c.place)
    found: list[tuple[tuple[int, int], dict[str, Any]]] = []
    for row in await db.execute(statement.limit(limit + 1)):
        first = passed if row.place == chunk else 0
        found += [((row.place, which + 1), item) for which, item in enumerate(row.differences) if which >= first]
    return found[:limit]


async def open_jobs(db: Db) -> list[tuple[JobKind, str]]:
    """Return the jobs of which there is something to do, the oldest first."""
    some = select(chunks.c.place).where(OF_ITS_JOB, chunks.c.over_at.is_(None)).exists()
    statement = select(jobs.c.kind, jobs.c.job_id).where(jobs.c.organization_id == db.organization_id, some)
    rows = await db.execute(statement.order_by(jobs.c.created_at, jobs.c.kind, jobs.c.job_id))
    return [(JobKind(row.kind), row.job_id) for row in rows]


async def organizations_at_work(engine: AsyncEngine) -> list[UUID]:
    """Return the organizations of which some job has something to do; like their list, this looks across all."""
    statement = select(chunks.c.organization_id).where(chunks.c.over_at.is_(None)).distinct()
    async with connected(engine) as connection:
        return [row.organization_id for row in await connection.execute(statement)]


async def forget(db: Db, before: datetime) -> None:
    """Delete the jobs that were over before a time with all that came of them; none that somebody is at."""
    lately = chunks.c.over_at.is_(None) | (chunks.c.over_at >= before)
    over = ~select(chunks.c.place).where(OF_ITS_JOB, lately).exists()
    old = (jobs.c.organization_id == db.organization_id, jobs.c.created_at < before)
    locked = select(jobs.c.kind, jobs.c.job_id).where(*old, over).with_for_update(skip_locked=True)
    gone = [(row.kind, row.job_id) for row in await db.execute(locked)]
    for table in (chunks, jobs):
        mine = tuple_(table.c.kind, table.c.job_id).in_(gone)
        await db.execute(delete(table).where(table.c.organization_id == db.organization_id, mine))


async def lock_job(db: Db, kind: JobKind, job_id: str) -> Job | None:
    """Return a job that nobody else cancels or takes up again until the transaction ends."""
    mine = (*_of(db, jobs, kind), jobs.c.job_id == job_id)
    row = (await db.execute(select(jobs).where(*mine).with_for_update())).mappings().one_or_none()
    return None if row is None else _job(row)


async def cancel_job(db: Db, kind: JobKind, job_id: str, at: datetime) -> None:
    """Drop what is still to be done; a chunk that somebody is at is waited for, and stands if it was done."""
    await db.execute(
        delete(chunks).where(*_of(db, chunks, kind), chunks.c.job_id == job_id, chunks.c.over_at.is_(None))
    )
    await db.execute(update(jobs).where(*_of(db, jobs, kind), jobs.c.job_id == job_id).values(cancelled_at=at))


async def try_again(db: Db, kind: JobKind, job_id: str) -> None:
    """Let the chunks that failed be done once more."""
    failed = (*_of(db, chunks, kind), chunks.c.job_id == job_id, chunks.c.failed.is_not(None))
    await db.execute(update(chunks).where(*failed).values(over_at=None, failed=None))


KIND, JOB = bindparam("of_kind", type_=Code()), bindparam("of_job", type_=Code())
MINE = (chunks.c.organization_id == ORGANIZATION, chunks.c.kind == KIND, chunks.c.job_id == JOB)


def _take() -> Any:
    free = select(chunks, jobs.c.asked, jobs.c.created_at, jobs.c.cancelled_at).join_from(chunks, jobs, OF_ITS_JOB)
    return (
        free.where(*MINE, chunks.c.over_at.is_(None))
        .order_by(chunks.c.place)
        .limit(1)
        .with_for_update(of=chunks, skip_locked=True)
    )


TAKE = Statement(_take())


async def take_chunk(db: Db, kind: JobKind, job_id: str) -> Chunk | None:
    """Return the next chunk of a job that nobody is at, locked until the transaction ends; None if there is none."""
    rows = await db.fetch(TAKE, of_kind=kind.value, of_job=job_id)
    return Chunk(_job(rows[0]), rows[0]["place"], rows[0]["first_case_id"], rows[0]["last_case_id"]) if rows else None


WRITTEN = ("over_at", "failed", "alerts_changed", "member_sessions", "counts", "differences")
CLOSE = Statement(
    update(chunks)
    .where(*MINE, chunks.c.place == bindparam("this", type_=Integer()), chunks.c.over_at.is_(None))
    .values({name: bindparam(name, type_=chunks.c[name].type) for name in WRITTEN})
)


async def close_chunk(db: Db, chunk: Chunk, at: datetime, result: Result, failed: str | None = None) -> None:
    """Note that a chunk is over, and what came of it; one that is over already stays as it is."""
    await db.fetch(
        CLOSE,
        of_kind=chunk.job.kind.value,
        of_job=chunk.job.id,
        this=chunk.place,
        over_at=at,
        failed=failed,
        alerts_changed=result.alerts_changed,
        member_sessions=result.member_sessions,
        counts=result.counts,
        differences=list(result.differences),
    )


def _of(db: Db, table: Any, kind: JobKind) -> tuple[Any, Any]:
    return (table.c.organization_id == db.organization_id, table.c.kind == kind.value)


def _job(row: Row) -> Job:
    return Job(
        kind=JobKind(row["kind"]),
        id=row["job_id"],
        asked=row["asked"],
        created_at=row["created_at"],
        cancelled_at=row["cancelled_at"],
    )


def _progress(row: Row) -> Progress:
    names = ("cases", "cases_done", "cases_failed", "alerts_changed", "member_sessions", "open", "over", "latest_at")
    return Progress(**{name: row[name] for name in names})
