"""A briefing is read from the running case: its alerts, its last sessions, its safety hold."""

import httpx
import pytest
from fastapi import FastAPI

from service.domain.next_steps import HOLD_TEXT, WALL_TEXT
from tests.api.bodies import Document, members, rating, session
from tests.api.conftest import NewKey, client_of
from tests.factories import CASE

pytestmark = pytest.mark.anyio

PATH = f"/v1/cases/{CASE}/briefing"


async def lines(client: httpx.AsyncClient) -> dict[str, Document]:
    answered = await client.get(PATH)
    assert answered.status_code == 200
    return {line["topic"]: line for line in answered.json()["lines"]}


async def fallen(client: httpx.AsyncClient) -> list[Document]:
    """Let Ana's ratings fall in the fifth session while Eva's stay, and nothing come of Tom; return the alerts."""
    await client.put(f"/v1/cases/{CASE}", json={"members": members("eva", "tom", "ana")})
    for number in range(1, 6):
        for who, total in (("eva", 92.0), ("ana", 90.0 if number < 5 else 40.0)):
            answered = await client.post("/v1/ratings", json=rating(who, total, number))
    found: list[Document] = answered.json()["alerts"]
    return found


async def test_five_lines_about_the_case_as_it_stands(client: httpx.AsyncClient) -> None:
    await fallen(client)
    body = (await client.get(PATH)).json()
    assert (body["case_id"], body["held_sessions"], body["last_session_id"]) == (CASE, 5, "s5")
    told = await lines(client)
    assert list(told) == ["ask-first", "changed", "no-voice", "not-jointly", "say"]
    assert (told["ask-first"]["members"], told["ask-first"]["rules"]) == (["member/ana"], ["trust-bond-loss"])
    assert told["changed"]["members"] == ["member/ana"]
    assert told["no-voice"]["members"] == ["member/tom"]
    assert told["say"]["rules"] == ["trust-bond-loss"]


async def test_a_no_show_is_no_session_in_which_one_could_be_heard(client: httpx.AsyncClient) -> None:
    await fallen(client)
    await client.put(f"/v1/cases/{CASE}/sessions/s6", json=session(6, status="no-show"))
    assert (await client.get(PATH)).json()["last_session_id"] == "s5"
    assert (await lines(client))["no-voice"]["members"] == ["member/tom"]


async def test_what_was_dismissed_is_not_brought_up(client: httpx.AsyncClient) -> None:
    for alert in await fallen(client):
        act = {"id": f"h-{alert['alert_id']}", "action": "dismiss", "by": "dr-7", "reason": "already-addressed"}
        (await client.post(f"/v1/alerts/{alert['alert_id']}/handling", json=act)).raise_for_status()
    assert (await lines(client))["ask-first"]["members"] == []


async def test_on_safety_hold(client: httpx.AsyncClient) -> None:
    await fallen(client)
    held = {"members": members("eva", "tom", "ana"), "safety_hold": True}
    (await client.put(f"/v1/cases/{CASE}", json=held)).raise_for_status()
    told = await lines(client)
    assert told["not-jointly"] == {"topic": "not-jointly", "text": HOLD_TEXT, "members": [], "rules": []}
    assert "bond-asymmetry" not in {code for line in told.values() for code in line["rules"]}


async def test_across_a_wall_and_with_less_hope(client: httpx.AsyncClient) -> None:
    await fallen(client)
    walled = {"walls": [["tom", "eva"]]}
    (await client.patch(f"/v1/cases/{CASE}", json=walled)).raise_for_status()
    for number, value in ((4, 7), (5, 3)):
        hope = {"tom": {"value": value, "source": "member/tom"}}
        (await client.put(f"/v1/cases/{CASE}/sessions/s{number}", json=session(number, hope=hope))).raise_for_status()
    told = await lines(client)
    assert (told["not-jointly"]["text"], told["not-jointly"]["members"]) == (WALL_TEXT, ["member/eva", "member/tom"])
    assert (told["changed"]["members"], "Hope" in told["changed"]["text"]) == (["member/ana", "member/tom"], True)


async def test_an_unknown_case(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/cases/nobody/briefing")).status_code == 404


@pytest.mark.parametrize("scope", ["course:read", "alerts:read", "ratings:write"])
async def test_needs_to_read_both_the_course_and_alerts(app: FastAPI, new_key: NewKey, scope: str) -> None:
    async with client_of(app, await new_key(scope)) as client:
        assert (await client.get(PATH)).status_code == 403
