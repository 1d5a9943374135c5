"""Every answer held against the published contract: its status, its media type, its shape."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs

OPENAPI: dict[str, Any] = json.loads((Path(__file__).parents[2] / "openapi/openapi.json").read_text(encoding="utf-8"))
UNPUBLISHED = re.compile(r"/docs(/.*)?|/openapi\.json")
JSON_TYPES = ("application/json", "application/problem+json")


async def check(response: httpx.Response) -> None:
    """Raise AssertionError where an answer is not what the contract says of its call; a hook of the client."""
    await response.aread()
    path, method = response.request.url.path, response.request.method.lower()
    published = template_of(path)
    if published is None:
        assert UNPUBLISHED.fullmatch(path) or response.status_code in (404, 405), f"{path} is not published"
        return
    call = OPENAPI["paths"][published].get("get" if method == "head" else method)
    if call is None:
        assert response.status_code == 405
        return
    told = call["responses"].get(str(response.status_code))
    assert told is not None, f"{method} {published}: {response.status_code} is not in the contract: {response.text}"
    if response.content:
        _check_content(response, published, method)


def _check_content(response: httpx.Response, published: str, method: str) -> None:
    media_type = response.headers["content-type"].split(";")[0]
    validator = _validator(published, method, str(response.status_code), media_type)
    if validator is not None:
        faults = [f"{list(fault.instance_path)}: {fault.message}" for fault in validator.iter_errors(response.json())]
        assert not faults, f"{method} {published} {response.status_code}: {faults}"


@cache
def template_of(path: str) -> str | None:
    """Return the published path that an address belongs to; one without parameters goes before one with."""
    for template in sorted(OPENAPI["paths"], key=lambda item: item.count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return str(template)
    return None


@cache
def _validator(published: str, method: str, status: str, media_type: str) -> Any:
    """Return what checks the JSON of an answer; None where the contract describes no shape."""
    told = OPENAPI["paths"][published]["get" if method == "head" else method]["responses"][status]
    if "$ref" in told:
        told = OPENAPI["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
    assert media_type in told["content"], f"{method} {published} {status}: {media_type} is not in the contract"
    schema = told["content"][media_type].get("schema")
    if schema is None or media_type not in JSON_TYPES:
        return None
    return jsonschema_rs.Draft202012Validator({**schema, "components": {"schemas": closed_schemas()}})


@cache
def closed_schemas() -> dict[str, Any]:
    """Return the published schemas with every field of ours named: a client may not meet one that is not described."""
    closed = {}
    for name, schema in OPENAPI["components"]["schemas"].items():
        open_ended = "properties" not in schema or "additionalProperties" in schema
        closed[name] = schema if open_ended else {**schema, "additionalProperties": False}
    return closed
