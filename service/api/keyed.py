"""The door of the API: who asks, with which scopes; then the media type, the size and the strictness of the body."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.responses import Response

from service.api.broadcast import Broadcasts
from service.api.contract import operation_id
from service.api.errors import Problem, invalid, refused
from service.api.key_ring import Caller, KeyRing
from service.api.media_types import JSON_TYPES, PATCH_TYPES, check_media_type
from service.api.strict_json import NotJson, UnfitJson, parse
from service.db.engine import Db, transaction
from service.domain.commands import AnyCommand, Result
from service.domain.errors import Fault
from service.grouping import Writer
from service.languages import NAMES, SOURCE, Language
from service.languages.accepting import accepted
from service.settings import Settings
from service.ticketing import redeem
from service.waking import Waker
from service.writing import Outcome, write

LARGEST_BODY = 64 * 1024
READ_SECONDS = 30  # for all of a body; a slower client holds a connection for nothing

Handler = Callable[[Request], Awaitable[Response]]
Found = TypeVar("Found")


@dataclass(slots=True)
class Service:
    """What a running process holds; `draining` once it was asked to stop, `batches` on their way per organization."""

    settings: Settings
    engine: AsyncEngine
    writer: Writer
    keys: KeyRing
    clock: Callable[[], datetime]
    waker: Waker
    draining: bool = False
    batches: Counter[UUID] = field(default_factory=Counter)
    broadcasts: Broadcasts = field(default_factory=Broadcasts)


class KeyedRequest(Request):
    """A request of a known caller whose body is bounded and strict."""

    caller: Caller
    spoken: Language | None = None  # once something was said in it

    @property
    def service(self) -> Service:
        found: Service = self.app.state.service
        return found

    @property
    def now(self) -> datetime:
        return self.service.clock()

    @property
    def language(self) -> Language:
        """Return the language in which the caller wants to read; the answer says so where it was asked for."""
        if self.spoken is None:
            self.spoken = accepted(self.headers.get("accept-language", ""))
        return self.spoken

    async def body(self) -> bytes:
        """Return the body; raises the 413 of one too large, before all of it was read, and the 408 of one too slow."""
        if not hasattr(self, "_body"):
            try:
                async with asyncio.timeout(READ_SECONDS):
                    self._body = await self._bounded()
            except TimeoutError:
                raise Problem("request-timeout") from None
        return self._body

    async def _bounded(self) -> bytes:
        chunks, size = [], 0
        async for chunk in self.stream():
            size += len(chunk)
            if size > LARGEST_BODY:
                raise Problem("too-large", f"At most {LARGEST_BODY // 1024} KiB are taken in.")
            chunks.append(chunk)
        return b"".join(chunks)

    async def json(self) -> Any:
        """Return the body as strict JSON; raises the 400 or 422 of one that is not."""
        try:
            return parse(await self.body())
        except NotJson:
            raise Problem("not-json") from None
        except UnfitJson as error:
            raise invalid(*error.faults) from None

    async def show_ticket(self) -> None:
        """Let a ticket in the address stand for the credentials for which it was issued, as if they had been sent.

        Raises the 401 of one that is none, was used or is over.
        """
        found = await redeem(self.service.engine, self.query_params["ticket"], self.now)
        if found is None:
            raise Problem("no-key")
        shown = [(name.encode(), text.encode()) for name, text in found.items()]
        self.scope["headers"] = [*(pair for pair in self.scope["headers"] if pair[0].decode() not in found), *shown]
        self.__dict__.pop("_headers", None)  # what was read of them before

    async def recheck_key(self) -> None:
        """Raise the 401 of a key or token that ended while this request waited."""
        await self.service.keys.caller(self.headers, self.now, asked_again=False)

    def reading(self, therapist: str | None = None) -> AbstractAsyncContextManager[Db]:
        """Return the transaction in which this request reads: all of its caller's, or a therapist's part of it."""
        caller, own = self.caller, self.caller.caseload
        theirs = own if therapist is None else (therapist,) if own is None or therapist in own else ()
        return transaction(self.service.engine, caller.organization_id, caseload=theirs)

    @property
    def dry_run(self) -> bool:
        """Tell whether the caller only wants to know what would become of this; raises the 422 of another word."""
        asked = self.query_params.get("dry_run", "false")
        if asked not in ("true", "false"):
            raise invalid(Fault("?dry_run", "not-a-boolean", "true or false is needed."))
        return asked == "true"

    async def submit(self, command: AnyCommand) -> Outcome:
        """Return what became of a command once it is stored; raises the 401 of a key revoked meanwhile.

        A dry run is no way to ask what one may not read, so it needs the scope for that too.
        """
        if self.dry_run:
            self.caller.require("course:read")
            (outcome,) = await write(self.service.engine, self.caller.organization_id, [command], keep=False)
        else:
            outcome = await self.service.writer.submit(self.caller.organization_id, command)
        refusal = outcome.decision.refusal
        if refusal is not None and refusal.code == "key-revoked":
            self.service.keys.forget(self.caller)
            raise refused(refusal)
        return outcome


class KeyedRoute(APIRoute):
    """A route that knows its caller before it looks at anything else."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **{**options, "generate_unique_id_function": operation_id})

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return the handler: key, scope, media type, then what the framework does."""
        handle = self._straight(super().get_route_handler())
        ways: list[dict[str, list[str]]] = (self.openapi_extra or {}).get("security") or [{"key": []}]
        scopes, for_tokens = ways[0]["key"], any("token" in way for way in ways)
        methods = self.methods or set()
        # a batch, which needs no scope itself, may have no line that comes as far as the unit of writing
        asked_again = bool(scopes) and not methods.isdisjoint({"POST", "PUT", "PATCH", "DELETE"})
        types = PATCH_TYPES if "PATCH" in methods else JSON_TYPES
        takes_body = self.body_field is not None
        parameters = (self.openapi_extra or {}).get("parameters", ())
        takes_tickets = TICKET in parameters
        stores_always, speaks = asked_again and DRY_RUN not in parameters, ACCEPT_LANGUAGE in parameters

        async def guarded(request: Request) -> Response:
            keyed = KeyedRequest(request.scope, request.receive)
            if takes_tickets and "ticket" in keyed.query_params:
                await keyed.show_ticket()
            keyed.caller = await keyed.service.keys.caller(keyed.headers, keyed.now, asked_again)
            try:
                if keyed.caller.caseload is not None and not for_tokens:
                    raise Problem("not-for-tokens")
                for scope in scopes:
                    keyed.caller.require(scope)
                if stores_always and "dry_run" in keyed.query_params:
                    raise invalid(Fault("?dry_run", "unknown-field", "This call knows no dry run."))
                if takes_body:
                    check_media_type(request, types)
                answered: Response = await handle(keyed)
                return said(answered, keyed.spoken) if speaks else answered
            except (Problem, RequestValidationError):
                # a refusal before the unit of writing has not asked whether the key still stands
                await keyed.service.keys.caller(keyed.headers, keyed.now, asked_again=False)
                raise

        return guarded

    def _straight(self, handle: Handler) -> Handler:
        """Return a shorter way for a call that takes a body and nothing else; other calls are handled as before.

        The framework looks for parameters and dependencies that such a call has not, which costs as much as all else.
        """
        of, field = self.dependant, self.body_field
        others = (of.path_params, of.query_params, of.header_params, of.cookie_params, of.dependencies)
        if field is None or any(others) or of.request_param_name is None:
            return handle
        request_name, body_name, validate = of.request_param_name, of.body_params[0].name, field.validate

        async def straight(request: Request) -> Response:
            sent = await request.json() if await request.body() else None
            if sent is None:
                return await handle(request)
            body, faults = validate(sent, {}, loc=("body",))
            if faults:
                raise RequestValidationError(faults)
            answer: Response = await self.endpoint(**{request_name: request, body_name: body})
            return answer

        return straight


def said(response: Response, language: Language | None) -> Response:
    """Return an answer that says in which language its sentences are, if it has any; another reader may get others."""
    if language is not None:
        response.headers["Content-Language"] = language.code
    response.headers.add_vary_header("Accept-Language")
    return response


IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": 'the revision that was seen, such as "3"; another one by now is 412',
}

ACCEPT_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "default": SOURCE},
    "description": "in which language sentences are said; those that there are: " + ", ".join(NAMES),
}

DRY_RUN = {
    "name": "dry_run",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "true: answer as if, and store nothing; needs the scope course:read too",
}

TICKET = {
    "name": "ticket",
    "in": "query",
    "required": False,
    "schema": {"type": "string"},
    "description": "in place of the header, for browsers: from POST /v1/changes/stream/tickets, good once",
}


def needs(
    *scopes: str,
    if_match: bool = False,
    dry_run: bool = False,
    tokens: bool = False,
    speaks: bool = False,
    tickets: bool = False,
) -> dict[str, Any]:
    """Return what marks a route in the contract as needing a key with some scopes; the route itself reads it.

    No front-end token opens it but with `tokens`, which is for a call that never leaves the handle's caseload; with
    `speaks` something in its answer is said in the language of the reader; with `tickets` one may stand for the key.
    """
    asked = ((if_match, IF_MATCH), (dry_run, DRY_RUN), (speaks, ACCEPT_LANGUAGE), (tickets, TICKET))
    parameters = [parameter for there, parameter in asked if there]
    ways = [{name: list(scopes)} for name in (["key", "token"] if tokens else ["key"])]
    return {"security": ways, **({"parameters": parameters} if parameters else {})}


def refuse(outcome: Outcome) -> None:
    """Raise the problem of a refused command."""
    if outcome.decision.result is Result.refused and outcome.decision.refusal is not None:
        raise refused(outcome.decision.refusal)


def there(found: Found | None) -> Found:
    """Return what was looked up; raises the 404 of what is not there, or is another organization's."""
    if found is None:
        raise Problem("not-found")
    return found


def revision_asked(request: Request) -> int | None:
    """Return the revision that If-Match names; None without the header, -1 for a tag that is none of ours."""
    header = request.headers.get("if-match")
    if header is None or header.strip() == "*":
        return None
    tag = header.strip().strip('"')
    return int(tag) if header.strip() == f'"{tag}"' and tag.isdecimal() and len(tag) < 10 else -1
