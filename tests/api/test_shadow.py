"""A rule in shadow over the API: stored, shown to those who ask, and nowhere else; on and off again."""

from typing import Any

import httpx
import pytest

from tests.api.bodies import Document, episode, hostile, members, rating, repair, session
from tests.api.conftest import Clock

pytestmark = pytest.mark.anyio

HOSTILITY = "hostility-to-therapist"
BEFORE = {"now": "2026-01-01T00:00:00Z"}


async def set_to(client: httpx.AsyncClient, mode: str, program: str | None = None) -> None:
    params = {} if program is None else {"program": program}
    answered = await client.put(f"/v1/rules/{HOSTILITY}/parameters", json={"mode": mode}, params=params)
    assert answered.status_code in (200, 201)


async def listed(client: httpx.AsyncClient, path: str = "/v1/alerts", **asked: Any) -> list[Document]:
    answered = await client.get(path, params=asked)
    assert answered.status_code == 200
    items: list[Document] = answered.json()["items" if path == "/v1/alerts" else "concerns"]
    return items


@pytest.fixture
async def whispered(client: httpx.AsyncClient) -> Document:
    """Return the alert of a rule that speaks in shadow, in a case that is founded after it was set so."""
    await set_to(client, "shadow")
    await client.put("/v1/cases/fam-42", json={"members": members("ana", "eva"), "therapists": ["dr-7"]})
    answered = await client.put("/v1/cases/fam-42/sessions/s1", json=hostile(severity=3))
    assert answered.status_code == 201
    (alert,) = await listed(client, shadow="true")
    return alert


async def test_only_those_who_ask_see_it(client: httpx.AsyncClient, whispered: Document) -> None:
    assert (whispered["rule"], whispered["severity"], whispered["shadow"]) == (HOSTILITY, "critical", True)
    one = f"/v1/alerts/{whispered['alert_id']}"
    assert await listed(client) == await listed(client, shadow="false") == []
    assert await listed(client, "/v1/cases/fam-42/course") == []
    assert await listed(client, "/v1/cases/fam-42/course", shadow="true") == [whispered]
    for path in (one, f"{one}/basis"):
        assert (await client.get(path)).status_code == 404
        assert (await client.get(path, params={"shadow": "true"})).status_code == 200
    basis = (await client.get(f"{one}/basis", params={"shadow": "true"})).json()
    assert basis["grounds"][0]["given"][HOSTILITY]["mode"] == "shadow"


async def test_nobody_acts_on_it(client: httpx.AsyncClient, whispered: Document) -> None:
    one = f"/v1/alerts/{whispered['alert_id']}"
    act = {"id": "h-1", "action": "acknowledge", "by": "dr-7"}
    assert (await client.post(f"{one}/handling", json=act)).status_code == 404
    assert (await client.post(f"{one}/repairs", json=repair())).status_code == 404
    assert (await client.get(f"{one}/repairs")).status_code == 404
    told = episode(whispered["alert_id"])
    assert (await client.post("/v1/cases/fam-42/episodes", json=told)).status_code == 404
    assert (await client.get("/v1/cases/fam-42/episodes")).status_code == 404


async def test_it_is_in_no_answer_and_no_summary(client: httpx.AsyncClient, whispered: Document) -> None:
    posted = await client.post("/v1/ratings", json=rating("ana"))
    assert posted.json()["alerts"] == []
    dry = await client.post("/v1/ratings", json=rating("eva"), params={"dry_run": "true"})
    assert dry.json()["alerts"] == []
    assert (await client.get("/v1/therapists/dr-7/monday")).json()["families"] == []
    briefing = (await client.get("/v1/cases/fam-42/briefing")).json()
    assert [line["rules"] for line in briefing["lines"] if line["rules"]] == []


@pytest.mark.parametrize("asked", ["yes", "1", "", "True"])
@pytest.mark.parametrize("path", ["/v1/alerts", "/v1/cases/fam-42/course"])
async def test_it_is_asked_for_by_one_word(client: httpx.AsyncClient, path: str, asked: str) -> None:
    answered = await client.get(path, params={"shadow": asked})
    assert (answered.status_code, answered.json()["errors"][0]["pointer"]) == (422, "?shadow")


async def test_a_page_of_alerts_goes_on_where_it_was_with_and_without(client: httpx.AsyncClient) -> None:
    await set_to(client, "shadow", "trauma")
    for place in range(6):
        body = {"program": "trauma" if place % 2 else None, "members": members("ana")}
        await client.put(f"/v1/cases/case-{place}", json=body)
        await client.put(f"/v1/cases/case-{place}/sessions/s1", json=hostile())
    for asked, expected in (("true", [5, 4, 3, 2, 1, 0]), ("false", [4, 2, 0])):
        found: list[tuple[str, bool]] = []
        cursor: str | None = None
        while len(found) < 9:
            params: dict[str, str | int] = {"limit": 2, "shadow": asked, **({"cursor": cursor} if cursor else {})}
            page = (await client.get("/v1/alerts", params=params)).json()
            found += [(item["case_id"], item["shadow"]) for item in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert found == [(f"case-{place}", bool(place % 2)) for place in expected]


async def test_a_rule_turned_off_closes_what_stands_with_the_next_session(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    clock.now = clock.now.replace(month=1, day=7)  # between the first session and the second
    await client.put("/v1/cases/fam-42", json={"members": members("ana")})
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile())
    await set_to(client, "off")
    (alert,) = await listed(client)
    assert alert["state"] == "open"  # no session was judged since
    clock.pass_by(days=7)
    await client.put("/v1/cases/fam-42/sessions/s2", json=hostile(2))
    (alert,) = await listed(client)
    assert (alert["state"], alert["state_reason"]) == ("closed", "mode-changed")
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile(1, severity=3))  # late, and judged as in time
    (alert,) = await listed(client)
    assert (alert["severity"], alert["state"], alert["sessions_open"]) == ("critical", "closed", 1)


async def test_an_alert_keeps_and_shows_the_parameters_that_it_opened_under(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    clock.now = clock.now.replace(month=1, day=7)
    await client.put("/v1/cases/fam-42", json={"members": members("ana", "eva")})
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile())
    own = (await listed(client))[0]["basis"]["parameters"]
    body = {"parameters": {"clear": 3, "needed": 3}}
    assert (await client.put(f"/v1/rules/{HOSTILITY}/parameters", json=body)).status_code == 201
    clock.pass_by(days=7)
    await client.put("/v1/cases/fam-42/sessions/s2", json=hostile(2))
    (alert,) = await listed(client)
    assert (alert["basis"]["parameters"], alert["severity"]) == (own, "critical")  # 2 in 2 of 3, as it was
    assert own["clear"] == 2
    later = session(1, held_at="2026-01-12T17:00:00Z", indicators_observed=True, indicators=hostile(1, 3)["indicators"])
    await client.put("/v1/cases/other", json={"members": members("ana")})
    await client.put("/v1/cases/other/sessions/s1", json=later)
    (anew,) = await listed(client, case_id="other")
    assert anew["basis"]["parameters"] == {**own, **body["parameters"]}
    basis = (await client.get(f"/v1/alerts/{alert['alert_id']}/basis")).json()
    (ground,) = basis["grounds"]
    assert ground["given"][HOSTILITY]["parameters"]["clear"] == 3  # for what opens
    assert ground["before"]["concerns"][0]["parameters"] == own  # for what stands
