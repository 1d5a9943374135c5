"""Every error as a problem: stable codes, places, never the value that was sent."""

import json
from typing import Any

import httpx
import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.api import errors
from service.api.errors import PLAIN, TITLES, Problem, invalid, problem_of, refused, unfit
from service.db.engine import AmbiguousCommit, Unavailable
from service.domain.commands import Refusal
from service.domain.errors import Fault, InvalidAnswers
from service.grouping import QueueFull
from tests.api.bodies import rating

pytestmark = pytest.mark.anyio

FAULT = Fault("/a", "odd", "Odd.")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Problem("not-found"), 404, "not-found"),
        (InvalidAnswers(FAULT), 422, "invalid"),
        (
            RequestValidationError([{"type": "missing", "loc": ("body", "a"), "msg": "x", "input": "canary"}]),
            422,
            "invalid",
        ),
        (AmbiguousCommit("canary"), 503, "ambiguous-commit"),
        (Unavailable("canary"), 503, "unavailable"),
        (QueueFull(), 503, "queue-full"),
        (HTTPException(404, "canary"), 404, "not-found"),
        (HTTPException(405, "canary"), 405, "method-not-allowed"),
        (HTTPException(400, "canary"), 400, "not-json"),
        (HTTPException(418, "canary"), 500, "internal-error"),
        (RuntimeError("canary"), 500, "internal-error"),
    ],
)
def test_what_stands_for_an_error(error: Exception, status: int, code: str) -> None:
    answer = problem_of(error).response()
    body = json.loads(bytes(answer.body))
    assert (answer.status_code, answer.media_type) == (status, "application/problem+json")
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:evenkeel:problem:{code}")
    assert set(body) == {"type", "title", "status", "detail", "code", "errors"}
    assert "canary" not in bytes(answer.body).decode()
    assert answer.headers.get("retry-after") == ("2" if status == 503 else None)


@pytest.mark.parametrize("code", TITLES)
def test_every_code_has_a_status_a_title_and_a_detail(code: str) -> None:
    document = Problem(code).document()
    assert (document["status"], document["title"]) == TITLES[code]
    assert document["detail"]
    headers = Problem(code).response().headers
    assert ("www-authenticate" in headers) == (document["status"] == 401)


def test_one_fault_is_its_detail_and_several_are_not() -> None:
    other = Fault("/b", "odd", "Odder.")
    assert invalid(FAULT).document()["detail"] == "Odd."
    assert invalid(FAULT, other).document()["detail"] == TITLES["invalid"][1]
    assert invalid(FAULT, other).document()["errors"] == [
        {"pointer": "/a", "code": "odd", "detail": "Odd."},
        {"pointer": "/b", "code": "odd", "detail": "Odder."},
    ]


def test_what_the_domain_refused() -> None:
    known = refused(Refusal("rating-differs", (FAULT,), {"rating_id": "r"})).document()
    assert (known["status"], known["code"], known["rating_id"]) == (409, "rating-differs", "r")
    other = refused(Refusal("unknown-member", (FAULT,))).document()
    assert (other["status"], other["code"], other["errors"][0]["code"]) == (422, "invalid", "odd")


@pytest.mark.parametrize(
    ("place", "pointer"),
    [
        (("body",), ""),
        (("body", "a", 2, "b"), "/a/2/b"),
        (("body", "members", "a b", "role"), "/members/role"),  # what is no plain word stays unsaid
        (("body", "attendance", "x", "[key]"), "/attendance/x"),
        (("query", "limit"), "?limit"),
        (("query", "state", 1), "?state"),
        (("path", "rating_id"), "path:rating_id"),
        ((), ""),
    ],
)
def test_where_a_fault_is(place: tuple[Any, ...], pointer: str) -> None:
    (fault,) = unfit([{"type": "missing", "loc": place}]).faults
    assert (fault.pointer, fault.code) == (pointer, "missing")


def test_faults_are_told_once_and_unknown_kinds_by_their_name() -> None:
    found = unfit([{"type": "date_parsing", "loc": ("body", "a")}] * 2).faults
    assert found == (Fault("/a", "date-parsing", "This does not fit."),)


def test_a_value_error_that_is_none_of_ours_says_nothing() -> None:
    (fault,) = unfit([{"type": "value_error", "loc": ("body",), "ctx": {"error": ValueError("canary")}}]).faults
    assert fault == Fault("", "value-error", "This does not fit.")
    (told,) = unfit([{"type": "value_error", "loc": ("body",), "ctx": {"error": errors.Told("odd", "Odd.")}}]).faults
    assert told == Fault("", "odd", "Odd.")


def test_details_are_sentences() -> None:
    assert all(detail.endswith(".") for _, detail in PLAIN.values())


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/cases", "HEAD, GET"),
        ("/v1/cases/fam-42", "HEAD, GET, PUT, PATCH"),
        ("/v1/ratings", "HEAD, GET, POST"),
        ("/v1/batch", "POST"),
        ("/livez", "HEAD, GET"),
    ],
)
async def test_an_address_names_its_methods(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    for method in ("OPTIONS", "TRACE", "DELETE"):
        answered = await client.request(method, path)
        assert (answered.status_code, answered.json()["code"]) == (405, "method-not-allowed")
        assert answered.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/v1/canary", "/v1/ratings/", "/v1/cases/canary/", "//v1/cases/canary", "/livez/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_address(client: httpx.AsyncClient, method: str, path: str) -> None:
    """Nobody is sent on to a known one: the key would go along, to whatever host the request named."""
    answered = await client.request(method, path, headers={"Host": "canary.example"})
    assert (answered.status_code, answered.json()["code"]) == (404, "not-found")
    assert "location" not in answered.headers
    assert answered.headers["content-type"] == "application/problem+json"
    assert "canary" not in answered.text


async def test_nothing_that_was_sent_comes_back(client: httpx.AsyncClient) -> None:
    facts: list[dict[str, Any]] = [
        {"case_id": "canary canary"},
        {"rater": {"id": "ana", "role": "canary"}},
        {"answers": {"canary!": 3}},
        {"answers": {"goals": "canary"}},
        {"held_at": "canary"},
        {"about": "canary"},
        {"instrument": "canary"},
        {"canary field": 1},
    ]
    for other in facts:
        answered = await client.post("/v1/ratings", json=rating(**other))
        assert answered.status_code == 422
        assert "canary" not in answered.text
