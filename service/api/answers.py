"""How answers leave: JSON built once, and with which problems instead."""

from collections.abc import Mapping
from typing import Any

from msgspec.json import Encoder
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


def content_of(document: Any) -> bytes:
    """Return a document as the bytes in which it goes out; its numbers are finite, or rounding had refused them."""
    return _encode(document)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route names the statuses with which it may refuse; the contract says what they look like."""
    return {status: {"model": ProblemPublic} for status in statuses}


READING = refusals(400, 401, 403, 404, 422, 503)
WRITING = refusals(400, 401, 403, 404, 408, 409, 412, 413, 415, 422, 428, 503)
