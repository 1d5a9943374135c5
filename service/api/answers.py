"""How answers leave: JSON built once, and the problems that every call may answer with."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from service.api.errors import TITLES, ProblemPublic


def answer(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a document as JSON."""
    return Response(content_of(document), status, headers, "application/json")


def content_of(document: Any) -> bytes:
    """Return a document as the bytes in which it goes out."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _described(status: int) -> dict[str, Any]:
    codes = sorted(code for code, (of, _) in TITLES.items() if of == status)
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemPublic"}}}
    return {"model": ProblemPublic, "description": f"Refused: {', '.join(codes)}", "content": content}


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: _described(status) for status in (400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 503)
}
