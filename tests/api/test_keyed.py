"""The door: the size and place of bodies."""

import httpx
import pytest
from fastapi import FastAPI, Request

from service.api.keyed import LARGEST_BODY, revision_asked
from tests.api.conftest import client_of

pytestmark = pytest.mark.anyio


class TestBodies:
    @pytest.mark.parametrize(("size", "status"), [(LARGEST_BODY, 201), (LARGEST_BODY + 1, 413)])
    async def test_sizes(self, client: httpx.AsyncClient, size: int, status: int) -> None:
        headers = {"Content-Type": "application/json"}
        content = b"{" + b" " * (size - 2) + b"}"
        answered = await client.put("/v1/cases/fam-42", content=content, headers=headers)
        assert answered.status_code == status

    async def test_the_key_is_asked_before_the_body(self, app: FastAPI) -> None:
        async with client_of(app, None) as stranger:
            answered = await stranger.put("/v1/cases/fam-42", content=b"x" * 100_000)
        assert answered.status_code == 401


@pytest.mark.parametrize(
    ("header", "revision"),
    [
        (None, None),
        ("*", None),
        ('"3"', 3),
        (' "3" ', 3),
        ("3", -1),
        ('W/"3"', -1),
        ('"x"', -1),
        ('""', -1),
        ('"-3"', -1),
        ('"3", "4"', -1),
        ('"9999999999"', -1),
        ('"³"', -1),
    ],
)
def test_the_revision_that_was_seen(header: str | None, revision: int | None) -> None:
    headers = [] if header is None else [(b"if-match", header.encode("latin-1", "replace"))]
    assert revision_asked(Request({"type": "http", "headers": headers})) == revision
