"""The media types that are taken in, and those that are not."""

import httpx
import pytest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ('APPLICATION/JSON;charset="UTF-8"', 201),
        ("application/json; charset=latin-1", 415),
        ("application/json; charset=utf-16", 415),
        ("application/merge-patch+json", 415),
        ("text/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
async def test_media_types(client: httpx.AsyncClient, media_type: str, status: int) -> None:
    answered = await client.put("/v1/cases/fam-42", content=b"{}", headers={"Content-Type": media_type})
    assert answered.status_code == status
    assert answered.headers.get("accept") == (None if status == 201 else "application/json")


async def test_a_patch_takes_both_kinds(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42", json={})
    for media_type in ("application/json", "application/merge-patch+json"):
        answered = await client.patch(
            "/v1/cases/fam-42", content=b"{}", headers={"Content-Type": media_type}
        )  # fmt: skip
        assert answered.status_code == 200
    answered = await client.patch("/v1/cases/fam-42", content=b"{}", headers={"Content-Type": "text/plain"})
    assert (answered.status_code, answered.headers["accept-patch"]) == (415, "application/merge-patch+json")


async def test_a_packed_body_is_not_taken_in(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert (await client.put("/v1/cases/fam-42", content=b"{}", headers=headers)).status_code == 415
