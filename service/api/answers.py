"""How answers leave: JSON built once, and with which problems instead."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from msgspec.json import Encoder
from starlette.requests import Request
from starlette.responses import Response

from service.api.errors import ProblemPublic
from service.domain.commands import Result
from service.writing import Outcome

_encode = Encoder().encode


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a document as JSON."""
    return Response(content_of(document), status, headers, "application/json")


def written(outcome: Outcome, document: dict[str, Any], revision: int, address: str, dry_run: bool) -> Response:
    """Return the answer to a write: what stands at an address now, or with a dry run what would."""
    if dry_run:
        return answer({**document, "dry_run": True})
    headers = {"ETag": f'"{revision}"'}
    if outcome.decision.result is not Result.created:
        return answer(document, 200, headers)
    return answer(document, 201, {**headers, "Location": address})


def unless_known(request: Request, content: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body with an ETag made from it, or 304 to a reader who has it already."""
    tag = f'"{sha256(content).hexdigest()[:32]}"'
    told = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization", **(headers or {})}
    known = {item.strip().removeprefix("W/") for item in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(None, 304, told)
    return Response(content, 200, told, "application/json")


def content_of(document: Any) -> bytes:
    """Return a document as the bytes in which it goes out; its numbers are finite, or rounding had refused them."""
    return _encode(document)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route names the statuses with which it may refuse; the contract says what they look like."""
    return {status: {"model": ProblemPublic} for status in statuses}


UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing changed since the ETag in If-None-Match"},
}
READING = refusals(400, 401, 403, 404, 422, 503)
WRITING = refusals(400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 428, 503)
