"""The published contract: what the framework derives, the key schemes, and one shared answer per kind of refusal."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from service.api.errors import TITLES

KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, `ek_…`. The names beside it in a call are the scopes that the key needs.",
}
TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A front-end token of `POST /v1/tokens`, `et_…`, or one of the organization's own OpenID provider, "
    "beside the header `Evenkeel-Organization` with the organization's id. It sees the caseload of its person only.",
}
CONTENT_LANGUAGE = {
    "schema": {"type": "string"},
    "description": "in which language its sentences are; not there where it has none",
}
METHODS = ("get", "put", "post", "patch", "delete")


def operation_id(route: APIRoute) -> str:
    """Return the name of a call in generated clients: that of its function."""
    return route.name


def install(app: FastAPI) -> None:
    """Make an application publish its contract so."""
    derive = app.openapi

    def published() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(derive())
        return app.openapi_schema

    app.openapi = published  # type: ignore[method-assign]  # how the framework wants it to be replaced


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    used: set[str] = set()
    for path in document["paths"].values():
        for method in METHODS:
            call = path.get(method, {})
            answers = call.get("responses", {})
            speaks = any(parameter["name"] == "Accept-Language" for parameter in call.get("parameters", ()))
            for status in [status for status in answers if speaks and status < "300"]:
                answers[status]["headers"] = {"Content-Language": CONTENT_LANGUAGE}
            for status in [status for status in answers if status >= "400"]:
                answers[status] = {"$ref": f"#/components/responses/{status}"}
                used.add(status)
    components = document["components"]
    components["securitySchemes"] = {"key": KEY, "token": TOKEN}
    components["responses"] = {status: _refusal(int(status)) for status in sorted(used)}
    return document


def _refusal(status: int) -> dict[str, Any]:
    """Return what every refusal of one status looks like, with the codes by which it is told from others."""
    codes = sorted(code for code, (of, _) in TITLES.items() if of == status)
    schema = {"$ref": "#/components/schemas/ProblemPublic"}
    answer: dict[str, Any] = {
        "description": f"Refused. `code` is one of: {', '.join(codes)}",
        "content": {"application/problem+json": {"schema": schema}},
    }
    if status == 503:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds to wait"}}
    return answer
