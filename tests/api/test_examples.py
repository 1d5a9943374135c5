"""Every example of the contract, posted in order as one story; `{rating_id}` and other ids are the latest seen."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.conftest import Clock
from tests.api.contract import OPENAPI, template_of

pytestmark = pytest.mark.anyio

FILES = sorted((Path(__file__).parents[2] / "openapi/examples").glob("*.json"))
WRITES = ("put", "post", "patch", "delete")
Example = dict[str, Any]


def examples() -> list[tuple[str, Example]]:
    return [(file.stem, json.loads(file.read_text(encoding="utf-8"))) for file in FILES]


def content_of(example: Example) -> bytes | None:
    """Return the body as it is sent: a list is a batch, one line each."""
    body = example.get("body")
    if isinstance(body, list):
        return "".join(json.dumps(line) + "\n" for line in body).encode()
    return None if body is None else json.dumps(body).encode()


def filled(text: str, seen: dict[str, str]) -> str:
    for name, value in seen.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def ids_in(answered: httpx.Response) -> dict[str, str]:
    """Return the ids that an answer names."""
    body = answered.json() if answered.headers["content-type"] == "application/json" else {}
    alerts = body.get("alerts") or []
    found = {name: body.get(name) for name in ("rating_id", "token_id", "token")}
    found["alert_id"] = alerts[0]["alert_id"] if alerts else None
    return {name: value for name, value in found.items() if value is not None}


async def test_the_story_of_the_examples(client: httpx.AsyncClient, clock: Clock) -> None:
    clock.now = datetime(2026, 11, 2, 20, 0, tzinfo=UTC)
    seen: dict[str, str] = {}
    for name, example in examples():
        content = content_of(example)
        sent = {name: filled(value, seen) for name, value in example.get("headers", {}).items()}
        headers = {"Content-Type": "application/json", **sent}
        answered = await client.request(
            example["method"],
            filled(example["path"], seen),
            content=None if content is None else filled(content.decode(), seen),
            headers=headers if content is not None else sent,
        )
        assert answered.status_code == example["status"], f"{name}: {answered.text}"
        seen |= ids_in(answered)
    *lines, last = [json.loads(line) for line in answered.text.splitlines()]  # of the batch, which comes last
    assert [line["status"] for line in lines] == [201, 201, 201, 422, 200]
    assert last == {"end": True, "created": 3, "same": 1, "changed": 0, "refused": 1}


def test_every_writing_call_has_an_example() -> None:
    told = {(item["method"].lower(), template_of(item["path"].partition("?")[0])) for _, item in examples()}
    calls = {(method, path) for path, methods in OPENAPI["paths"].items() for method in methods if method in WRITES}
    assert told == calls


@pytest.mark.parametrize("name", [file.name for file in FILES])
def test_an_example_says_all_that_it_needs(name: str) -> None:
    example = dict(examples())[name.removesuffix(".json")]
    assert set(example) <= {"method", "path", "headers", "body", "status"}
    assert {"method", "path", "status"} <= set(example)
