"""A phone that comes back: what it did is sent at once, and each act hears what became of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from tests.api.bodies import Document, hostile
from tests.api.conftest import Clock, NewKey, client_of
from tests.factories import NOW

pytestmark = pytest.mark.anyio

PATH = "/v1/handling/batch"


async def opened(client: httpx.AsyncClient, case_id: str = "a", **facts: Any) -> str:
    """Let an alert open in a case; return its id."""
    await client.put(f"/v1/cases/{case_id}/sessions/s1", json=hostile(**facts))
    (alert,) = (await client.get("/v1/alerts", params={"case_id": case_id})).json()["items"]
    found: str = alert["alert_id"]
    return found


def act(alert_id: str, key: str = "h-1", minutes: float = 0, **facts: Any) -> Document:
    at = (NOW + timedelta(minutes=minutes)).isoformat()
    return {"alert_id": alert_id, "id": key, "action": "acknowledge", "by": "dr-7", "at": at, **facts}


async def sent(client: httpx.AsyncClient, *items: Any) -> list[Document]:
    answered = await client.post(PATH, json={"items": items})
    assert answered.status_code == 200, answered.text
    found: list[Document] = answered.json()["items"]
    return found


async def test_each_act_has_its_fate(client: httpx.AsyncClient, clock: Clock) -> None:
    one, other = await opened(client, "a"), await opened(client, "b")
    clock.pass_by(hours=1)
    await client.post(f"/v1/alerts/{one}/handling", json={"id": "online", "action": "acknowledge", "by": "dr-8"})
    clock.pass_by(hours=1)
    gone = str(uuid4())
    fates = await sent(
        client,
        act(one, "late", 30),
        act(other, "snooze", 20, action="snooze", until={"sessions": 2}),
        act(other, "snooze", 20, action="snooze", until={"sessions": 2}),
        act(gone, "nothing", 10),
        act(other, "odd", 10, action="dismiss"),
        {"alert_id": "x"},
        None,
    )
    told = [item["outcome"] for item in fates]
    assert told == ["overtaken", "applied", "already", "gone", "refused", "refused", "refused"]
    assert fates[0]["first"] == {
        "id": "online",
        "action": "acknowledge",
        "by": "dr-8",
        "at": "2026-06-01T13:00:00.000Z",
    }
    assert [item["first"] for item in fates[1:]] == [None] * 6
    current = {item["alert_id"]: item for item in (await client.get("/v1/alerts")).json()["items"]}
    assert [item["alert"] for item in fates[:4]] == [current[one], current[other], current[other], None]
    assert (current[other]["handling"], current[other]["handled"]["until"]) == ("snoozed", {"sessions": 2})
    pointers = [[fault["pointer"] for fault in item["problem"]["errors"]] for item in fates[4:]]
    assert pointers[0] == ["/items/4/reason"]
    assert set(pointers[1]) == {"/items/5/alert_id", "/items/5/id", "/items/5/action", "/items/5/by"}
    assert pointers[2] == ["/items/6"]


async def test_a_time_ahead_of_ours_counts_as_now(client: httpx.AsyncClient, clock: Clock) -> None:
    alert_id = await opened(client)
    (fate,) = await sent(client, act(alert_id, minutes=60 * 24 * 365))
    assert (fate["outcome"], fate["alert"]["handled"]["at"]) == ("applied", "2026-06-01T12:00:00.000Z")
    clock.pass_by(minutes=1)
    (fate,) = await sent(client, act(alert_id, "h-2", 1, action="dismiss", reason="duplicate"))
    assert fate["outcome"] == "applied"  # the clock that ran fast does not keep others from acting


async def test_200_acts_of_a_phone_that_comes_back(client: httpx.AsyncClient) -> None:
    alert_ids = [await opened(client, f"c{number}") for number in range(20)]
    acts = [act(alert_id, f"h-{n}", n - 300) for n in range(10) for alert_id in alert_ids]
    shuffled = sorted(acts, key=lambda item: hash((item["id"], item["alert_id"])))
    first = await sent(client, *shuffled)
    assert {item["outcome"] for item in first} == {"applied"}
    assert {item["alert"]["handled"]["id"] for item in first} == {"h-9"}
    changes = (await client.get("/v1/changes")).json()
    again = await sent(client, *acts)  # the answer was lost on its way
    assert {item["outcome"] for item in again} == {"already"}
    assert (await client.get("/v1/changes", params={"after": changes["cursor"]})).json()["items"] == []


@pytest.mark.parametrize("items", [[], [{}] * 201, "x", {}, None])
async def test_between_one_and_200(client: httpx.AsyncClient, items: Any) -> None:
    refused = await client.post(PATH, json={"items": items})
    assert (refused.status_code, {item["pointer"] for item in refused.json()["errors"]}) == (422, {"/items"})


async def test_the_same_id_for_something_else(client: httpx.AsyncClient) -> None:
    alert_id = await opened(client)
    await sent(client, act(alert_id))
    (fate,) = await sent(client, act(alert_id, action="dismiss", reason="duplicate"))
    assert (fate["outcome"], fate["problem"]["code"], fate["alert"]["handling"]) == (
        "refused",
        "handling-differs",
        "acknowledged",
    )


async def test_who_may_not_read_alerts_hears_of_their_handling_alone(
    app: FastAPI, client: httpx.AsyncClient, new_key: NewKey
) -> None:
    alert_id = await opened(client)
    async with client_of(app, await new_key("alerts:handle")) as hand:
        (fate,) = await sent(hand, act(alert_id))
        assert set(fate["alert"]) == {"handling", "handled", "handling_revision"}
        await client.put("/v1/cases/a/sessions/s1", json={"held_at": hostile()["held_at"]})  # it is retracted
        (fate,) = await sent(hand, act(alert_id, "h-2", 1))
        assert fate["outcome"] == "applied"
    (fate,) = await sent(client, act(alert_id, "h-3", 2))
    assert (fate["outcome"], fate["alert"]["state"]) == ("gone", "retracted")


async def test_another_organization_has_no_such_alert(
    app: FastAPI, client: httpx.AsyncClient, new_key: NewKey, other_organization: UUID
) -> None:
    alert_id = await opened(client)
    async with client_of(app, await new_key(of=other_organization)) as other:
        (fate,) = await sent(other, act(alert_id))
    assert (fate["outcome"], fate["alert"]) == ("gone", None)


async def test_a_front_end_token_acts_for_its_own_person_and_caseload(app: FastAPI, client: httpx.AsyncClient) -> None:
    mine, theirs = await opened(client, "a", therapists=["dr-7"]), await opened(client, "b", therapists=["dr-8"])
    wish = {"person": "dr-7", "scopes": ["alerts:read", "alerts:handle"]}
    token = (await client.post("/v1/tokens", json=wish)).json()["token"]
    async with client_of(app, token) as phone:
        fates = await sent(phone, act(mine), act(mine, "h-2", by="dr-8"), act(theirs))
    assert [item["outcome"] for item in fates] == ["applied", "refused", "gone"]
    assert fates[1]["problem"]["errors"][0]["pointer"] == "/items/1/by"
