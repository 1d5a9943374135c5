"""A therapist's week is read from the running service: their open alerts, one for each family."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.domain.monday import MOST
from tests.api.bodies import Document, hostile
from tests.api.conftest import client_of

pytestmark = pytest.mark.anyio


async def monday(client: httpx.AsyncClient, therapist: str = "dr-7") -> list[Document]:
    answered = await client.get(f"/v1/therapists/{therapist}/monday")
    assert (answered.status_code, answered.json()["therapist_id"]) == (200, therapist)
    families: list[Document] = answered.json()["families"]
    return families


async def seen(client: httpx.AsyncClient, case_id: str, **facts: Any) -> Document:
    """Let Ana be hostile in a session of a case; return the alert."""
    path = f"/v1/cases/{case_id}/sessions/s1"
    (await client.put(path, json=hostile(**{"therapists": ["dr-7"], **facts}))).raise_for_status()
    (alert,) = (await client.get("/v1/alerts", params={"case_id": case_id})).json()["items"]
    return dict(alert)


async def act(client: httpx.AsyncClient, alert: Document, **facts: Any) -> None:
    path = f"/v1/alerts/{alert['alert_id']}/handling"
    (await client.post(path, json={"id": "h-1", "by": "dr-7", **facts})).raise_for_status()


async def test_the_gravest_first_and_only_ones_own(client: httpx.AsyncClient) -> None:
    warned, grave = await seen(client, "warned"), await seen(client, "grave", severity=3)
    await seen(client, "another", therapists=["dr-8"])
    found = await monday(client)
    assert [item["case_id"] for item in found] == ["grave", "warned"]
    for item, alert in zip(found, (grave, warned), strict=True):
        assert item == {name: alert[name] for name in item}
    assert [item["case_id"] for item in await monday(client, "dr-8")] == ["another"]
    assert await monday(client, "dr-9") == []


async def test_a_family_goes_with_its_case(client: httpx.AsyncClient) -> None:
    await seen(client, "fam-1", therapists=["dr-9"])  # for once
    weeks = []
    for therapists in (["dr-7"], ["dr-8"], []):
        (await client.put("/v1/cases/fam-1", json={"therapists": therapists})).raise_for_status()
        weeks.append([len(await monday(client, therapist)) for therapist in ("dr-7", "dr-8", "dr-9")])
    assert weeks == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


async def test_of_what_a_token_reaches(app: FastAPI, client: httpx.AsyncClient) -> None:
    for therapist in ("dr-7", "dr-8", "dr-9"):
        await seen(client, f"of-{therapist}", therapists=[therapist])
    wanted = {"person": "sup-1", "role": "supervisor", "therapists": ["dr-7", "dr-8"], "scopes": ["alerts:read"]}
    async with client_of(app, (await client.post("/v1/tokens", json=wanted)).json()["token"]) as supervisor:
        found = [[item["case_id"] for item in await monday(supervisor, who)] for who in ("dr-7", "dr-8", "dr-9")]
    assert found == [["of-dr-7"], ["of-dr-8"], []]


async def test_what_is_put_off_or_aside_is_no_reason(client: httpx.AsyncClient) -> None:
    await act(client, await seen(client, "dismissed"), action="dismiss", reason="data-error")
    await act(client, await seen(client, "snoozed"), action="snooze", until={"sessions": 2})
    await act(client, await seen(client, "known"), action="acknowledge")
    assert [(item["case_id"], item["handling"]) for item in await monday(client)] == [("known", "acknowledged")]


async def test_at_most_three(client: httpx.AsyncClient) -> None:
    for number in range(MOST + 1):
        await seen(client, f"fam-{number}")
    assert len(await monday(client)) == MOST


async def test_a_therapist_is_an_id(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/therapists/no%20id/monday")).status_code == 422
