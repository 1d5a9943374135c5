"""The feed as a stream of server-sent events: the same changes, the same cursor as the id of each event."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.api.answers import READING, WRITING, answer
from service.api.broadcast import Broadcast, Source
from service.api.change_cursor import change_place, filters_of
from service.api.changes import After, Wanted
from service.api.fields import shown_time
from service.api.key_ring import ORGANIZATION
from service.api.keyed import KeyedRequest, KeyedRoute, needs
from service.db.bearers import Bearer
from service.db.changes import Place
from service.db.engine import Unavailable
from service.ticketing import issue

CREDENTIALS = ("authorization", ORGANIZATION)  # the headers that say who asks
RETRY = b"retry: 3000\n\n"  # milliseconds until a reader whose connection broke comes back
BEAT = b": here\n\n"
RESET = b"id\nevent: reset\ndata: {}\n\n"  # an empty id: who comes back after it begins anew

router = APIRouter(route_class=KeyedRoute, tags=["alerts"])

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
        "description": "Events `alert` and `removed`, whose data is an item of the changes and whose id is the cursor "
        "after it; `reset`: forget all that you have, everything follows. A comment each 15 seconds is a sign of life.",
    }
}
LastEventId = Annotated[
    str | None, Header(alias="Last-Event-ID", max_length=1000, description="the id of the last event that was taken")
]


@router.get(
    "/v1/changes/stream",
    response_class=Response,
    responses={**EVENTS, **READING},
    openapi_extra=needs("alerts:read", tokens=True, speaks=True, tickets=True),
)
async def stream_changes(
    request: KeyedRequest, wanted: Wanted, after: After = None, last_event_id: LastEventId = None
) -> Response:
    """Stream the alerts that change after a cursor, each as it then stands; without one, first all that there are.

    A reader who comes back sends the id of the last event and misses nothing. The stream ends when the process does,
    or the key or token. No alert never means that a family is safe.
    """
    service, filters = request.service, filters_of(request)
    place = change_place(filters, last_event_id or after)
    source = Source(
        engine=service.engine,
        waker=service.waker,
        clock=service.clock,
        organization_id=request.caller.organization_id,
        caseload=request.caller.caseload,
        wanted=wanted,
        filters=filters,
        language=request.language,
    )
    return EventStream(request, source, place)


class TicketPublic(BaseModel):
    """A ticket, which is shown once and good once."""

    ticket: str
    expires_at: str


@router.post(
    "/v1/changes/stream/tickets",
    response_model=TicketPublic,
    status_code=201,
    responses=WRITING,
    openapi_extra=needs("alerts:read", tokens=True),
)
async def issue_ticket(request: KeyedRequest) -> Response:
    """Issue a ticket by which a browser opens one stream within 30 seconds, in place of the header it cannot send.

    The stream is as if the header had been sent: with its scopes and caseload, and it ends when the key or token does.
    A browser that lost its connection asks for another one.
    """
    await request.recheck_key()  # no unit of writing asks whether it still stands
    sent = {name: request.headers[name] for name in CREDENTIALS if name in request.headers}
    ticket, expires_at = await issue(request.service.engine, request.caller.organization_id, sent, request.now)
    return answer({"ticket": ticket, "expires_at": shown_time(expires_at)}, 201)


class EventStream(Response):
    """One reader's stream: the bytes are those of the broadcast, the place is its own."""

    media_type = "text/event-stream"

    def __init__(self, request: KeyedRequest, source: Source, place: Place | None) -> None:
        headers: Mapping[str, str] = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(None, 200, headers)
        del self.headers["content-length"]
        self._request = request
        self._source = source
        self._bearer: Bearer = request.caller
        self._place = place
        self._gone = False
        self._waiting: asyncio.Future[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the reader goes, the key ends, or the process."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if not scope["state"]["head"]:
            leaving = asyncio.create_task(_left(receive))
            leaving.add_done_callback(self._left)
            try:
                await self._send_all(send)
            finally:
                leaving.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, send: Send) -> None:
        with (
            self._source.waker.bell(self._source.organization_id),  # counts among those who wait
            self._request.service.broadcasts.joined(self._source, self._bearer) as broadcast,
        ):
            chunk = RETRY
            while True:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                rung = broadcast.bell.rung
                if self._over(broadcast):
                    return
                chunk = await self._next(broadcast)
                if not chunk:
                    await self._wait(broadcast, rung)
                    if self._over(broadcast):
                        return
                    chunk = await self._next(broadcast) or BEAT

    def _over(self, broadcast: Broadcast) -> bool:
        """Tell whether nothing more is to be sent; that a key or token has ended is found by who reads."""
        return self._gone or broadcast.over or self._bearer in broadcast.ended

    async def _next(self, broadcast: Broadcast) -> bytes:
        """Return what comes next, empty if nothing does yet."""
        place = self._place
        if place is not None and broadcast.covers(place):
            chunk, self._place = broadcast.after(place)
            return chunk
        with suppress(Unavailable):
            return await self._own(broadcast)
        return b""

    async def _own(self, broadcast: Broadcast) -> bytes:
        """Return what this reader reads for itself: what is not broadcast any more, or of another epoch."""
        found, ended = await self._source.read(self._place, (self._bearer,))
        broadcast.ended |= ended
        if ended:
            return b""
        if found is None:
            self._place = None
            return RESET
        before = self._place or Place(found.place.epoch, 0, found.place.since)
        self._place = found.place
        return b"".join(event for _, event in self._source.events(found, before))

    async def _wait(self, broadcast: Broadcast, rung: int) -> None:
        """Wait until the broadcast rings, or the reader goes."""
        if broadcast.bell.rung == rung:
            self._waiting = broadcast.bell.waiter()
            try:
                await self._waiting
            finally:
                broadcast.bell.waiting.discard(self._waiting)

    def _left(self, leaving: "asyncio.Task[None]") -> None:
        self._gone = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


async def _left(receive: Receive) -> None:
    """Return when the reader has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
