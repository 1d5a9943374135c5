"""The outermost layer: a request id, safe headers, HEAD for every GET, and a plain 500 for what nobody foresaw."""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid7

from service.api.errors import problem_of
from service.observing import error_fields

log = structlog.get_logger()

SAFE = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)  # unless an answer has its own; as they go out, since every answer takes them along


class Transport:
    """What holds for every answer, whatever gave it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = str(uuid7())
        head = scope["method"] == "HEAD"
        scope.setdefault("state", {}).update(request_id=request_id, head=head)
        inner = {**scope, "method": "GET"} if head else scope
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _dress(message, scope, request_id)
            elif head:
                message = {**message, "body": b""}
            await send(message)

        try:
            await self.app(inner, receive, sending)
        except Exception as error:
            log.error("unforeseen", request_id=request_id, **error_fields(error))
            if begun:
                raise ConnectionAbortedError("the answer had begun") from None
            await problem_of(error).response()(scope, receive, sending)
        finally:
            scope["route"] = inner.get("route")


def _dress(message: Message, scope: Scope, request_id: str) -> None:
    headers = message["headers"]
    given = {name for name, _ in headers}
    headers.extend(pair for pair in SAFE if pair[0] not in given)
    headers.append((b"x-request-id", request_id.encode()))
