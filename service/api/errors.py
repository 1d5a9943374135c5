"""Every error as problem+json (RFC 9457): a stable code, JSON Pointers, never the value that was sent."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from service.api.strict_json import pointer_to
from service.db.engine import AmbiguousCommit, Unavailable
from service.domain.commands import Refusal
from service.domain.errors import DomainError, Fault
from service.grouping import QueueFull
from service.waking import TooManyWait

RETRY_SECONDS = 2
METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")

TITLES = {
    "bad-cursor": (400, "This cursor does not belong to this list"),
    "not-json": (400, "The body is not JSON"),
    "no-key": (401, "A valid API key is needed"),
    "key-revoked": (401, "A valid API key is needed"),
    "missing-scope": (403, "The key may not do this"),
    "not-for-tokens": (403, "Front-end tokens may not do this"),
    "only-for-tokens": (403, "Only a front-end token may do this, for its own person"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "This address has no such method"),
    "request-timeout": (408, "The body did not arrive in time"),
    "rating-differs": (409, "Another rating of this natural key is stored"),
    "rating-retracted": (409, "The rating of this natural key was retracted"),
    "record-id-used": (409, "The record id belongs to another rating"),
    "member-has-ratings": (409, "A member with ratings cannot be left out"),
    "handling-differs": (409, "This handling id was used for something else"),
    "repair-differs": (409, "This repair id was used for something else"),
    "good-news": (409, "Good news is no rupture: it asks for no repair"),
    "episode-differs": (409, "This episode id was used for something else"),
    "episode-replaced": (409, "The episode to replace was replaced already"),
    "job-differs": (409, "This id was used for something else"),
    "too-few-cases": (409, "There are too few cases to show figures"),
    "too-many-jobs": (409, "Too many jobs are not over yet; cancel some or wait"),
    "cursor-expired": (410, "This cursor is from before a restore; read the alerts anew and go on from there"),
    "too-many-webhooks": (409, "There are as many webhooks as an organization may have"),
    "too-many-subscriptions": (409, "There are as many subscriptions of people as an organization may have"),
    "subscription-id-used": (409, "This id was used for something else"),
    "no-mail-server": (409, "This service has no mail server; its operator gives one"),
    "no-secret-keys": (409, "This service has no secret keys; its operator gives them"),
    "precondition-failed": (412, "The thing has changed meanwhile"),
    "too-large": (413, "The body is too large"),
    "wrong-media-type": (415, "This media type is not taken in"),
    "invalid": (422, "The request does not fit"),
    "immutable": (422, "What names a rating cannot change"),
    "precondition-required": (428, "If-Match is needed"),
    "internal-error": (500, "Something went wrong here"),
    "unavailable": (503, "The database cannot be reached; try again"),
    "ambiguous-commit": (503, "Stored or not, nobody knows; sending the same again is safe"),
    "provider-unreachable": (503, "The organization's OpenID provider cannot be reached; try again"),
    "queue-full": (503, "Too many writes wait; try again"),
    "too-many-wait": (503, "Too many wait for changes here; try again, or ask without waiting"),
    "not-ready": (503, "The service is not ready"),
}


class FaultPublic(BaseModel):
    """One fault and its place."""

    pointer: str = Field(description="JSON Pointer to the place, or ?name for a query parameter")
    code: str
    detail: str


class ProblemPublic(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FaultPublic]


class Problem(HTTPException):
    """A refusal on its way out; `extra` are further members, such as the rating that it collides with."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        faults: Iterable[Fault] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        status, title = TITLES.get(code, TITLES["invalid"])
        super().__init__(status, detail or title, dict(headers or {}))
        self.code = code
        self.title = title
        self.faults = tuple(faults)
        self.extra = dict(extra or {})

    def document(self) -> dict[str, Any]:
        """Return the problem as JSON."""
        return {
            "type": f"urn:evenkeel:problem:{self.code}",
            "title": self.title,
            "status": self.status_code,
            "detail": self.detail,
            "code": self.code,
            "errors": [{"pointer": item.pointer, "code": item.code, "detail": item.detail} for item in self.faults],
            **self.extra,
        }

    def response(self) -> Response:
        content = json.dumps(self.document(), ensure_ascii=False).encode()
        headers = {**(self.headers or {})}
        if self.status_code == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self.status_code == 503:
            headers["Retry-After"] = str(RETRY_SECONDS)
        return Response(content, self.status_code, headers, "application/problem+json")


def refused(refusal: Refusal) -> Problem:
    """Return the problem for what the domain refused; a code without a title of its own is a fault of the request."""
    faults = refusal.faults
    code = refusal.code if refusal.code in TITLES else "invalid"
    detail = faults[0].detail if len(faults) == 1 else ""
    return Problem(code, detail, faults, refusal.extra)


class Done(Protocol):
    """What came of something that was asked for; a `refusal` says why nothing did."""

    @property
    def refusal(self) -> Refusal | None: ...


Accepted = TypeVar("Accepted", bound=Done)


def accepted(done: Accepted) -> Accepted:
    """Return what came of something; raises the problem of what was refused."""
    if done.refusal is not None:
        raise refused(done.refusal)
    return done


def invalid(*faults: Fault) -> Problem:
    """Return the problem of a request that does not fit, for the faults found."""
    return Problem("invalid", faults[0].detail if len(faults) == 1 else "", faults)


def unfit(errors: Sequence[ErrorDetails | Mapping[str, Any]]) -> Problem:
    """Return the problem for what validation found; input and context, which hold values, are left out."""
    return invalid(*dict.fromkeys(_fault(error) for error in errors))


def problem_of(error: Exception) -> Problem:
    """Return the problem that stands for an error; one that nobody foresaw says nothing of itself."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return unfit(error.errors())
        case DomainError():
            return invalid(*error.faults)
        case AmbiguousCommit():
            return Problem("ambiguous-commit")
        case Unavailable():
            return Problem("unavailable")
        case QueueFull():
            return Problem("queue-full")
        case TooManyWait():
            return Problem("too-many-wait")
        case HTTPException():
            return _of_framework(error)
        case _:
            return Problem("internal-error")


def install(app: FastAPI) -> None:
    """Make an application answer every foreseen error as a problem."""
    for kind in (HTTPException, RequestValidationError, DomainError, Unavailable, QueueFull, TooManyWait):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.status_code == 405:
        problem.headers = {"Allow": ", ".join(_methods_of(request))}
    return problem.response()


def _methods_of(request: Request) -> list[str]:
    """Return every method of an address: each has a route of its own, and the framework names those of one alone."""
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    found = [
        method
        for method, scope in scopes.items()
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]
    return ["HEAD", *found] if "GET" in found else found


def _of_framework(error: HTTPException) -> Problem:
    codes = {400: "not-json", 404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "wrong-media-type"}
    return Problem(codes.get(error.status_code, "internal-error"), headers=error.headers)


PLAIN = {
    "missing": ("missing", "This field is needed."),
    "extra_forbidden": ("unknown-field", "There is no such field."),
    "float_type": ("not-a-number", "A number is needed."),
    "int_type": ("not-integer", "A whole number is needed."),
    "int_from_float": ("not-integer", "A whole number is needed."),
    "int_parsing": ("not-integer", "A whole number is needed."),
    "bool_type": ("not-a-boolean", "true or false is needed."),
    "string_type": ("not-a-string", "A string is needed."),
    "dict_type": ("not-an-object", "An object is needed."),
    "model_attributes_type": ("not-an-object", "An object is needed."),
    "model_type": ("not-an-object", "An object is needed."),
    "list_type": ("not-a-list", "A list is needed."),
    "string_pattern_mismatch": ("bad-format", "This has not the form that is needed."),
    "enum": ("unknown-value", "This is none of the values that are known."),
    "literal_error": ("unknown-value", "This is none of the values that are known."),
    "finite_number": ("not-finite", "A finite number is needed."),
    "too_long": ("too-many", "There are too many entries."),
    "too_short": ("too-few", "There are too few entries."),
    "string_too_long": ("too-long", "This is too long."),
    "uuid_parsing": ("bad-format", "This has not the form that is needed."),
}


def _fault(error: ErrorDetails | Mapping[str, Any]) -> Fault:
    kind, place = str(error["type"]), tuple(error["loc"])
    code, detail = PLAIN.get(kind, (kind.replace("_", "-"), "This does not fit."))
    if kind == "value_error" and isinstance(told := error.get("ctx", {}).get("error"), Told):
        code, detail, place = told.code, told.detail, place + told.place
    return Fault(_pointer(place), code, detail)


def _pointer(places: Sequence[int | str]) -> str:
    """Return where a fault is: ?name in a query, a JSON Pointer in a body."""
    if places and places[0] in ("query", "header", "path"):
        name = places[min(1, len(places) - 1)]  # behind it the place within a repeated parameter
        return f"?{name}" if places[0] == "query" else f"{places[0]}:{name}"
    pointer = ""
    for place in places[1:] if places and places[0] == "body" else places:
        if place != "[key]":
            pointer = pointer_to(pointer, place)
    return pointer


class Told(ValueError):
    """A fault that a validator of ours found, at a `place` within what it looked at; its words are ours to show."""

    def __init__(self, code: str, detail: str, *place: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.place = place
