"""When people are told, over the API: of the organization, of a person over it, and what does not fit."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.api.bodies import Document
from tests.api.conftest import client_of

pytestmark = pytest.mark.anyio

ALL = "/v1/delivery-settings"
MINE = "/v1/persons/dr-7/delivery-settings"
OPEN: Document = dict.fromkeys(
    ("time_zone", "quiet_hours", "critical_in_quiet_hours", "digest_at", "most_per_day", "escalate_after")
)
USUAL: Document = {
    **OPEN,
    "time_zone": "UTC",
    "quiet_hours": [],
    "critical_in_quiet_hours": False,
    "digest_at": "08:00",
}
NIGHT: Document = {"days": ["mon", "tue"], "begin": "20:00", "end": "07:00"}


async def test_nobody_has_set_any(client: httpx.AsyncClient) -> None:
    for path, person in ((ALL, None), (MINE, "dr-7")):
        found = await client.get(path)
        assert found.json() == {"person": person, "revision": 0, "set": OPEN, "in_force": USUAL}
        assert found.headers["etag"] == '"0"'


async def test_a_persons_own_lie_over_the_organizations(client: httpx.AsyncClient) -> None:
    theirs = {"time_zone": "Europe/Berlin", "quiet_hours": [NIGHT], "escalate_after": 60}
    put = await client.put(ALL, json=theirs)
    assert (put.status_code, put.headers["etag"], put.headers["location"]) == (201, '"1"', ALL)
    assert put.json() == {"person": None, "revision": 1, "set": {**OPEN, **theirs}, "in_force": {**USUAL, **theirs}}
    own = {"critical_in_quiet_hours": True, "digest_at": "17:30", "most_per_day": 0, "quiet_hours": []}
    put = await client.put(MINE, json=own)
    assert put.json() == {
        "person": "dr-7",
        "revision": 1,
        "set": {**OPEN, **own},
        "in_force": {**USUAL, **theirs, **own},
    }
    assert (await client.get(MINE)).json() == put.json()
    opened = await client.put(MINE, json={})
    assert (opened.json()["revision"], opened.json()["in_force"]) == (2, {**USUAL, **theirs})


async def test_the_same_again_and_what_was_overtaken(client: httpx.AsyncClient) -> None:
    await client.put(ALL, json={"most_per_day": 3})
    same = await client.put(ALL, json={"most_per_day": 3}, headers={"If-Match": '"0"'})
    assert (same.status_code, same.json()["revision"]) == (200, 1)
    stale = await client.put(ALL, json={"most_per_day": 4}, headers={"If-Match": '"0"'})
    assert (stale.status_code, stale.json()["revision"]) == (412, 1)
    assert (await client.put(ALL, json={"most_per_day": 4}, headers={"If-Match": '"1"'})).status_code == 200


@pytest.mark.parametrize(
    ("facts", "pointer", "code"),
    [
        ({"time_zone": "Berlin"}, "/time_zone", "unknown-value"),
        ({"digest_at": "8:00"}, "/digest_at", "bad-clock"),
        ({"digest_at": "24:00"}, "/digest_at", "bad-clock"),
        ({"digest_at": "T0730"}, "/digest_at", "bad-clock"),
        ({"digest_at": 8}, "/digest_at", "bad-clock"),
        ({"most_per_day": -1}, "/most_per_day", "greater-than-equal"),
        ({"most_per_day": 1.5}, "/most_per_day", "not-integer"),
        ({"most_per_day": True}, "/most_per_day", "not-integer"),
        ({"escalate_after": 0}, "/escalate_after", "greater-than-equal"),
        ({"quiet_hours": [{**NIGHT, "days": []}]}, "/quiet_hours/0/days", "too-few"),
        ({"quiet_hours": [{**NIGHT, "days": ["monday"]}]}, "/quiet_hours/0/days/0", "unknown-value"),
        ({"quiet_hours": [{**NIGHT, "begin": "25:00"}]}, "/quiet_hours/0/begin", "bad-clock"),
        ({"quiet_hours": [{**NIGHT, "begin": "0730Z"}]}, "/quiet_hours/0/begin", "bad-clock"),
        ({"quiet_hours": [{**NIGHT, "end": "07+01"}]}, "/quiet_hours/0/end", "bad-clock"),
        (
            {
                "quiet_hours": [
                    {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "begin": "00:00", "end": "00:00"}
                ]
            },
            "/quiet_hours",
            "always-quiet",
        ),
        ({"loud": True}, "/loud", "unknown-field"),
    ],
)
async def test_what_does_not_fit(client: httpx.AsyncClient, facts: Document, pointer: str, code: str) -> None:
    answered = await client.put(ALL, json=facts)
    assert answered.status_code == 422, answered.text
    assert [(item["pointer"], item["code"]) for item in answered.json()["errors"]] == [(pointer, code)]
    assert (await client.get(ALL)).json()["revision"] == 0


async def test_when_supervisors_hear_of_it_is_the_organizations_to_say(client: httpx.AsyncClient) -> None:
    answered = await client.put(MINE, json={"escalate_after": 5})
    assert (answered.status_code, answered.json()["errors"][0]["pointer"]) == (422, "/escalate_after")


async def test_with_a_front_end_token_only_ones_own(app: FastAPI, client: httpx.AsyncClient) -> None:
    body = {"person": "dr-7", "scopes": ["alerts:read", "alerts:handle"]}
    token: Any = (await client.post("/v1/tokens", json=body)).json()["token"]
    async with client_of(app, token) as mine:
        assert (await mine.put(MINE, json={"most_per_day": 1})).json()["revision"] == 1
        assert (await mine.get(MINE)).json()["set"]["most_per_day"] == 1
        for path in ("/v1/persons/dr-8/delivery-settings", ALL):
            for answered in (await mine.get(path), await mine.put(path, json={"most_per_day": 2})):
                assert answered.status_code == (403 if path == ALL else 404)
    assert (await client.get("/v1/persons/dr-8/delivery-settings")).json()["revision"] == 0
