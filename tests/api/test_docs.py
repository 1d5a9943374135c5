"""The page of the contract: it loads what it needs, and from nowhere else."""

import re

import httpx
import pytest
from fastapi import FastAPI

from tests.api.conftest import client_of

pytestmark = pytest.mark.anyio

LOADED = re.compile(r"""(?:src|href|url)(?:=|: *)["']([^"']+)["']""")


async def test_it_needs_no_key_and_loads_only_what_is_here(app: FastAPI) -> None:
    async with client_of(app, None) as stranger:
        page = await stranger.get("/docs")
        found = LOADED.findall(page.text)
        files = {name: await stranger.get(f"/{name}") for name in found}
    assert set(files) == {"docs/swagger-ui-bundle.js", "docs/swagger-ui.css", "docs/favicon.png", "openapi.json"}
    assert {name: file.status_code for name, file in files.items()} == dict.fromkeys(files, 200)
    assert {name: file.headers["content-type"].partition(";")[0] for name, file in files.items()} == {
        "docs/swagger-ui-bundle.js": "text/javascript",
        "docs/swagger-ui.css": "text/css",
        "docs/favicon.png": "image/png",
        "openapi.json": "application/json",
    }


async def test_no_other_host_may_have_a_word_in_it(client: httpx.AsyncClient) -> None:
    policy = (await client.get("/docs")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy


async def test_its_files_may_be_kept(client: httpx.AsyncClient) -> None:
    first = await client.get("/docs/swagger-ui.css")
    assert first.headers["cache-control"] == "public, max-age=86400"
    again = await client.get("/docs/swagger-ui.css", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code in (200, 304)


@pytest.mark.parametrize("name", ["redoc.standalone.js", "..", "%2e%2e%2fcore.py", "nothing"])
async def test_nothing_else_is_given_out(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/docs/{name}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
