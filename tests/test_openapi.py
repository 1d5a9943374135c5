"""The published contract: it is what the service says, a generator can read it, and each of its examples holds."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI

from service.main import create_app
from service.settings import Settings

FOLDER = Path(__file__).parents[1] / "openapi"
EXAMPLES = sorted((FOLDER / "examples").glob("*.json"))
PUBLISHED: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text(encoding="utf-8"))
METHODS = ("get", "put", "post", "patch", "delete")

# every call that the contract promises
CALLS = {
    "/v1/cases": "get",
    "/v1/cases/{case_id}": "get put patch",
    "/v1/cases/{case_id}/sessions": "get",
    "/v1/cases/{case_id}/sessions/{session_id}": "get put patch",
    "/v1/ratings": "get post",
    "/v1/ratings/{rating_id}": "get put delete",
    "/v1/ratings/{rating_id}/revisions": "get",
    "/v1/batch": "post",
    "/v1/cases/{case_id}/course": "get",
    "/v1/cases/{case_id}/briefing": "get",
    "/v1/cases/{case_id}/episodes": "get post",
    "/v1/alerts": "get",
    "/v1/changes": "get",
    "/v1/changes/stream": "get",
    "/v1/alerts/{alert_id}": "get",
    "/v1/alerts/{alert_id}/basis": "get",
    "/v1/alerts/{alert_id}/handling": "post",
    "/v1/alerts/{alert_id}/repairs": "get post",
    "/v1/handling/batch": "post",
    "/v1/therapists/{therapist_id}/monday": "get",
    "/v1/reassessments": "get post",
    "/v1/reassessments/{reassessment_id}": "get delete",
    "/v1/reassessments/{reassessment_id}/differences": "get",
    "/v1/backtests": "get post",
    "/v1/backtests/{backtest_id}": "get delete",
    "/v1/backtests/{backtest_id}/differences": "get",
    "/v1/tokens": "post",
    "/v1/tokens/{token_id}": "delete",
    "/v1/webhooks": "get",
    "/v1/webhooks/{webhook_id}": "get put delete",
    "/v1/webhooks/{webhook_id}/deliveries": "get",
    "/v1/webhooks/{webhook_id}/replay": "post",
    "/v1/webhooks/{webhook_id}/rotate": "post",
    "/v1/webhooks/{webhook_id}/test": "post",
    "/v1/instruments": "get",
    "/v1/instruments/{code}": "get",
    "/v1/instruments/{code}/references": "get put",
    "/v1/instruments/{code}/references/versions": "get",
    "/v1/indicators": "get",
    "/v1/languages": "get",
    "/v1/changes/stream/tickets": "post",
    "/v1/subscriptions": "get",
    "/v1/subscriptions/{subscription_id}": "get put delete",
    "/v1/subscriptions/{subscription_id}/test": "post",
    "/v1/subscriptions/{subscription_id}/deliveries": "get",
    "/v1/web-push": "get",
    "/v1/devices/{device_id}": "put delete",
    "/v1/delivery-settings": "get put",
    "/v1/persons/{person}/delivery-settings": "get put",
    "/v1/rules": "get",
    "/v1/rules/health": "get",
    "/v1/rules/{code}": "get",
    "/v1/rules/{code}/parameters": "get put",
    "/v1/rules/{code}/parameters/versions": "get",
    "/livez": "get",
    "/readyz": "get",
    "/startupz": "get",
    "/metrics": "get",
}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(Settings())


def test_the_committed_contract_is_what_the_service_says(app: FastAPI) -> None:
    """If not: `make openapi`, and a line in openapi/CHANGELOG.md."""
    assert json.loads(json.dumps(app.openapi())) == PUBLISHED


def test_every_call_is_there() -> None:
    found = {
        path: " ".join(method for method in METHODS if method in calls) for path, calls in PUBLISHED["paths"].items()
    }
    assert found == CALLS


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()


def test_every_reference_leads_somewhere() -> None:
    for reference in _references(PUBLISHED):
        place: Any = PUBLISHED
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place


def test_every_schema_is_one() -> None:
    assert PUBLISHED["openapi"].startswith("3.1.")
    for name, schema in PUBLISHED["components"]["schemas"].items():
        jsonschema_rs.Draft202012Validator({**schema, "components": PUBLISHED["components"]})
        assert re.fullmatch(r"\w+", name), f"{name} is no name for a class in a client"


def test_names_of_calls_are_unique_and_plain() -> None:
    names = [call["operationId"] for path in PUBLISHED["paths"].values() for call in path.values()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


def test_every_call_says_what_it_does_and_how_it_refuses() -> None:
    for path, calls in PUBLISHED["paths"].items():
        for method, call in calls.items():
            assert call["description"], (method, path)
            if path.startswith("/v1/"):
                assert {"401", "403", "422", "503"} <= set(call["responses"]), (method, path)


def test_the_contract_says_that_no_alert_never_means_safe() -> None:
    assert "No alert never means that a family is safe." in PUBLISHED["info"]["description"]
