"""The published contract: the keys, and one shared answer for each kind of refusal."""

from typing import Any

import pytest
from fastapi import FastAPI

from service.api.contract import KEY, TOKEN
from service.api.errors import TITLES
from service.main import create_app
from service.settings import Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def test_it_is_derived_once() -> None:
    app: FastAPI = create_app(Settings())
    assert app.openapi() is app.openapi()


def test_the_key_and_the_token(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"] == {"key": KEY, "token": TOKEN}


def test_refusals_of_one_status_are_one_answer(document: dict[str, Any]) -> None:
    shared = document["components"]["responses"]
    for path, calls in document["paths"].items():
        for call in calls.values():
            for status, told in call["responses"].items():
                if status >= "400":
                    assert told == {"$ref": f"#/components/responses/{status}"}, path
                    assert status in shared
    assert all(status >= "400" for status in shared)


def test_a_refusal_names_the_codes_by_which_it_is_told_from_others(document: dict[str, Any]) -> None:
    for status, told in document["components"]["responses"].items():
        codes = [code for code, (of, _) in TITLES.items() if of == int(status)]
        assert all(code in told["description"] for code in codes)
        assert list(told["content"]) == ["application/problem+json"]
        assert ("Retry-After" in told.get("headers", {})) == (status == "503")


def test_names_of_calls_are_those_of_their_functions(document: dict[str, Any]) -> None:
    assert document["paths"]["/v1/ratings"]["post"]["operationId"] == "post_rating"


def test_writes_that_may_name_a_revision_say_so(document: dict[str, Any]) -> None:
    named = [
        (method, path)
        for path, calls in document["paths"].items()
        for method, call in calls.items()
        if any(item["name"] == "If-Match" for item in call.get("parameters", ()))
    ]
    assert sorted(named) == [
        ("delete", "/v1/ratings/{rating_id}"),
        ("patch", "/v1/cases/{case_id}"),
        ("patch", "/v1/cases/{case_id}/sessions/{session_id}"),
        ("put", "/v1/cases/{case_id}"),
        ("put", "/v1/cases/{case_id}/sessions/{session_id}"),
        ("put", "/v1/delivery-settings"),
        ("put", "/v1/instruments/{code}/references"),
        ("put", "/v1/persons/{person}/delivery-settings"),
        ("put", "/v1/ratings/{rating_id}"),
        ("put", "/v1/rules/{code}/parameters"),
    ]


def test_calls_that_speak_a_language_say_which(document: dict[str, Any]) -> None:
    speaking = 0
    for calls in document["paths"].values():
        for call in calls.values():
            asked = any(item["name"] == "Accept-Language" for item in call.get("parameters", ()))
            for status, told in call["responses"].items():
                assert ("Content-Language" in told.get("headers", {})) == (asked and status < "300")
            speaking += asked
    assert speaking >= 13
