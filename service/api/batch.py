"""Many lines at once, in order, each with a fate of its own: an upload that may be sent again until its last line."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import IO, Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, TypeAdapter, ValidationError
from starlette.responses import Response, StreamingResponse

from service.api.answers import WRITING, content_of
from service.api.cases import CaseUpdate, case_facts
from service.api.errors import Problem, invalid, refused, unfit
from service.api.fields import Body, Id
from service.api.key_ring import Caller
from service.api.keyed import KeyedRequest, KeyedRoute, Service
from service.api.media_types import check_media_type
from service.api.ratings import RatingCreate, rating_facts
from service.api.sessions import SessionUpdate, session_facts
from service.api.spool import LONGEST_LINE, fill, lines, spool
from service.api.strict_json import NotJson, UnfitJson, parse
from service.domain.commands import AnyCommand, PostRating, PutCase, PutSession, Result, RetractionReason, RetractRating
from service.grouping import MOST_BULK, QueueFull
from service.writing import Outcome, write

router = APIRouter(route_class=KeyedRoute, tags=["batch"])

LINES = ("application/x-ndjson", "application/jsonl", "application/ndjson")
AHEAD = 2 * MOST_BULK  # lines that may wait for their outcome: while some are stored, the next are read
TOGETHER = 64  # answers in one chunk
IN_A_ROW = 8  # lines that are read before others get a turn: reading fills the time in which the database works
MOST_AT_ONCE = 8  # batches that one process reads or answers
MOST_OF_ONE = 4  # of them of one organization, so that none keeps the others out


class CaseLine(CaseUpdate):
    type: Literal["case"]
    case_id: Id


class SessionLine(SessionUpdate):
    type: Literal["session"]
    case_id: Id
    session_id: Id


class RatingLine(RatingCreate):
    type: Literal["rating"]


class RetractionLine(Body):
    type: Literal["retraction"]
    rating_id: UUID
    reason: RetractionReason = RetractionReason.entered_in_error


Line = CaseLine | SessionLine | RatingLine | RetractionLine
LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="type")])
NAMED = frozenset({"case", "session", "rating", "retraction"})  # a discriminator's name in the place of a fault

STATUS = {Result.created: 201, Result.same: 200, Result.stale: 200, Result.changed: 200}
COUNTED = {Result.created: "created", Result.same: "same", Result.stale: "same", Result.changed: "changed"}


@dataclass(slots=True)
class Asked:
    """A line, with the command that it asks for and its outcome once there was room for it, or why it is refused."""

    number: int
    command: AnyCommand | None = None
    outcome: "asyncio.Future[Outcome] | None" = None
    problem: Problem | None = None


@router.post(
    "/v1/batch",
    response_class=StreamingResponse,
    responses={200: {"content": {LINES[0]: {}}, "description": "One line per line, and a last one"}, **WRITING},
    openapi_extra={
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": {LINES[0]: {"schema": {"type": "string"}}}},
    },
)
async def post_batch(
    request: KeyedRequest, deliver: Annotated[bool, Query()] = True, dry_run: Annotated[bool, Query()] = False
) -> Response:
    """Store cases, sessions, ratings and retractions line by line; without the last line, send all of it again.

    With `dry_run` a short batch is answered as if, and nothing is stored; that needs the scope course:read.
    """
    check_media_type(request, LINES)
    if dry_run:
        request.caller.require("course:read")
    service = request.service
    with ExitStack() as held:
        held.enter_context(_place(service, request.caller.organization_id))
        file = held.enter_context(spool(service.settings.spool_dir))
        await fill(file, request)
        if dry_run:
            return await _rehearsed(request, file, backfill=not deliver)
        kept = held.pop_all()
    return StreamingResponse(_answers(request, file, backfill=not deliver, held=kept), media_type=LINES[0])


@contextmanager
def _place(service: Service, organization_id: UUID) -> Iterator[None]:
    """Hold one of the few places for batches in this process; raises the 503 when none is free."""
    held = service.batches
    if held.total() >= MOST_AT_ONCE or held[organization_id] >= MOST_OF_ONE:
        raise Problem("queue-full", "Too many batches are on their way.")
    held[organization_id] += 1
    try:
        yield
    finally:
        held[organization_id] -= 1
        if not held[organization_id]:
            del held[organization_id]


async def _answers(request: KeyedRequest, file: IO[bytes], backfill: bool, held: ExitStack) -> AsyncIterator[bytes]:
    """Yield the answers in order; an error of the database ends them without the last line."""
    counts: Counter[str] = Counter()
    waiting: deque[Asked] = deque()
    with held:
        ready: list[bytes] = []
        for number, line in lines(file):
            if number % IN_A_ROW == 0:
                await asyncio.sleep(0)  # lines that are blank or refused at once wait for nothing
            if line is not None and not line.strip():
                continue
            asked = _asked(request, number, line, backfill)
            if len(waiting) >= AHEAD:
                ready.append(await _answer(waiting.popleft(), counts))
            while not _accepted(request, asked):
                await request.service.writer.moved(request.caller.organization_id)
            waiting.append(asked)
            if len(ready) >= TOGETHER:
                yield b"".join(ready)
                ready.clear()
        while waiting:
            ready.append(await _answer(waiting.popleft(), counts))
        yield b"".join([*ready, _end(counts)])


async def _rehearsed(request: KeyedRequest, file: IO[bytes], backfill: bool) -> Response:
    """Return the answers of a batch that is applied in one transaction, and taken back."""
    some = (item for item in lines(file) if item[1] is None or item[1].strip())
    asked = [_asked(request, *item, backfill) for item in islice(some, MOST_BULK + 1)]
    if len(asked) > MOST_BULK:
        raise Problem("too-large", f"A dry run takes at most {MOST_BULK} lines.")
    commands = [item.command for item in asked if item.command is not None]
    done = await write(request.service.engine, request.caller.organization_id, commands, keep=False) if commands else []
    outcomes, counts = iter(done), Counter[str]()
    new = {item.rating.rating_id for item in done if item.rating and item.decision.result is Result.created}
    told = [_told(item, None if item.command is None else next(outcomes), counts, new) for item in asked]
    return Response(b"".join([*told, _end(counts)]), media_type=LINES[0])


def _asked(request: KeyedRequest, number: int, line: bytes | None, backfill: bool) -> Asked:
    try:
        return Asked(number, _command(request, _read(line), backfill))
    except Problem as problem:
        return Asked(number, problem=problem)


def _accepted(request: KeyedRequest, asked: Asked) -> bool:
    """Put a line's command into the queue; tell whether there was room for it."""
    if asked.command is not None:
        try:
            asked.outcome = request.service.writer.accept(request.caller.organization_id, asked.command, bulk=True)
        except QueueFull:
            return False
        asked.command = None  # while the line waits, its outcome is all that is needed
    return True


def _read(line: bytes | None) -> Line:
    if line is None:
        raise Problem("too-large", f"A line has at most {LONGEST_LINE // 1024} KiB.")
    try:
        return LINE.validate_python(parse(line))
    except NotJson:
        raise Problem("not-json") from None
    except UnfitJson as error:
        raise invalid(*error.faults) from None
    except ValidationError as error:
        raise unfit([_without_name(item) for item in error.errors()]) from None


def _without_name(error: Any) -> dict[str, Any]:
    """Return a fault without the name of the kind of line, which is no place in it."""
    places = error["loc"]
    if not places and error["type"].startswith("union_tag"):
        return {"type": "missing" if "not_found" in error["type"] else "enum", "loc": ("type",)}
    return {**error, "loc": places[1:] if places and places[0] in NAMED else places}


def _command(request: KeyedRequest, line: Line, backfill: bool) -> AnyCommand:
    caller: Caller = request.caller
    given: Any = {
        "key_id": caller.key_id,
        "received_at": request.now,
        "backfill": backfill,
        "shown": False,
    }
    match line:
        case CaseLine():
            caller.require("cases:write")
            return PutCase(case_id=line.case_id, facts=case_facts(line), **given)
        case SessionLine():
            caller.require("cases:write")
            return PutSession(case_id=line.case_id, session_id=line.session_id, facts=session_facts(line), **given)
        case RatingLine():
            caller.require("ratings:write")
            return PostRating(facts=rating_facts(line), **given)
        case RetractionLine():
            caller.require("ratings:write")
            return RetractRating(rating_id=str(line.rating_id), reason=line.reason, **given)


async def _answer(asked: Asked, counts: Counter[str]) -> bytes:
    """Return a line's answer once its fate is known."""
    return _told(asked, None if asked.outcome is None else await asyncio.shield(asked.outcome), counts)


def _told(asked: Asked, outcome: Outcome | None, counts: Counter[str], nameless: Collection[str | None] = ()) -> bytes:
    """Return the answer of a line with its outcome; None for one that was refused before.

    `nameless` are ratings that are not stored, so that nobody is told an id of theirs.
    """
    problem = asked.problem
    if outcome is not None:
        decision = outcome.decision
        if decision.refusal is None:
            counts[COUNTED[decision.result]] += 1
            named = _named(outcome)
            told = {**named, "id": None} if named["id"] in nameless else named
            return _line({"line": asked.number, "status": STATUS[decision.result], **told})
        problem = refused(decision.refusal)
    counts["refused"] += 1
    assert problem is not None
    return _line({"line": asked.number, "status": problem.status_code, "problem": problem.document()})


def _end(counts: Counter[str]) -> bytes:
    """Return the last line, which says that none is missing."""
    return _line({"end": True, **{name: counts[name] for name in ("created", "same", "changed", "refused")}})


def _named(outcome: Outcome) -> dict[str, Any]:
    """Return the id and revision of what a line was about."""
    if outcome.rating is not None:
        return {"id": outcome.rating.rating_id, "revision": outcome.rating.revision}
    if outcome.session is not None:
        return {"id": outcome.session.session_id, "revision": outcome.session.revision}
    case = outcome.case
    return {"id": case.case_id if case else None, "revision": case.revision if case else None}


def _line(document: dict[str, Any]) -> bytes:
    return content_of(document) + b"\n"
