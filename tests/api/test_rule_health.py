"""How rules fare is read from the running service, held against a history that was counted by hand."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.api.rule_health import USUAL
from service.domain.rule_health import FEWEST_CASES
from tests.api.bodies import Document, hostile, members, repair
from tests.api.conftest import Clock, NewKey, client_of

pytestmark = pytest.mark.anyio

PATH = "/v1/rules/health"
NONE = {"already-addressed": 0, "not-clinically-relevant": 0, "data-error": 0, "duplicate": 0}


async def told(client: httpx.AsyncClient, **asked: str) -> dict[str, Document]:
    """Return the health of each rule that spoke, by its code."""
    answered = await client.get(PATH, params=asked)
    assert answered.status_code == 200, answered.text
    return {item["rule"]: item for item in answered.json()["items"]}


async def hostility(client: httpx.AsyncClient, case_id: str, program: str | None = None, **facts: Any) -> Document:
    """Let Ana be hostile in a session of a new case; return the alert."""
    (await client.put(f"/v1/cases/{case_id}", json={"members": members("ana"), "program": program})).raise_for_status()
    (
        await client.put(f"/v1/cases/{case_id}/sessions/s1", json=hostile(**{"therapists": ["dr-7"], **facts}))
    ).raise_for_status()
    (alert,) = (await client.get("/v1/alerts", params={"case_id": case_id})).json()["items"]
    return dict(alert)


async def act(client: httpx.AsyncClient, alert: Document, action: str, key: str = "h-1", **facts: Any) -> None:
    path = f"/v1/alerts/{alert['alert_id']}/handling"
    (await client.post(path, json={"id": key, "by": "dr-7", "action": action, **facts})).raise_for_status()


async def test_what_became_of_alerts(client: httpx.AsyncClient, clock: Clock) -> None:
    """Six alerts: one untouched, two acknowledged after 100 s and 300 s, three dismissed, one of those as known."""
    alerts = [await hostility(client, f"fam-{number}") for number in range(6)]
    clock.pass_by(seconds=100)
    await act(client, alerts[1], "acknowledge")
    clock.pass_by(seconds=200)
    await act(client, alerts[2], "acknowledge")
    await act(client, alerts[2], "dismiss", "h-2", reason="data-error")  # seen, and then found wrong
    await act(client, alerts[3], "dismiss", reason="already-addressed")
    await act(client, alerts[4], "dismiss", reason="not-clinically-relevant")
    path = f"/v1/alerts/{alerts[5]['alert_id']}/repairs"
    (await client.post(path, json=repair())).raise_for_status()
    assert (await told(client))["hostility-to-therapist"] == {
        "rule": "hostility-to-therapist",
        "rule_version": alerts[0]["rule_version"],
        "tone": "caution",
        "shadow": False,
        "fired": 6,
        "standing": 6,
        "retracted": 0,
        "acknowledged": 2,
        "repaired": 1,
        "dismissed": {**NONE, "already-addressed": 1, "not-clinically-relevant": 1, "data-error": 1},
        "seconds_to_acknowledge": {"median": 200.0, "p90": 280.0},  # of 100 and 300, between them in proportion
        "judged": 5,
        "useful": 3,  # the second, the fourth and the sixth
        "useful_share": 0.6,
        "proposal": None,
    }


async def test_what_is_taken_back_is_no_longer_so(client: httpx.AsyncClient) -> None:
    alert = await hostility(client, "fam-1")
    await act(client, alert, "dismiss", reason="duplicate")
    await act(client, alert, "unhandle", "h-2")
    found = (await told(client))["hostility-to-therapist"]
    assert (found["dismissed"], found["judged"], found["useful_share"]) == (NONE, 0, None)


async def test_what_lost_its_ground_is_counted_apart(client: httpx.AsyncClient) -> None:
    await hostility(client, "fam-1")
    calm = hostile() | {"indicators": {}}
    (await client.put("/v1/cases/fam-1/sessions/s1", json=calm)).raise_for_status()
    found = (await told(client))["hostility-to-therapist"]
    assert (found["fired"], found["standing"], found["retracted"]) == (1, 0, 1)


async def test_a_rule_that_is_mostly_of_no_use_is_proposed(client: httpx.AsyncClient) -> None:
    for number in range(30):
        alert = await hostility(client, f"fam-{number}")
        if number < 5:
            await act(client, alert, "acknowledge")
        else:
            await act(client, alert, "dismiss", reason="not-clinically-relevant")
    found = (await told(client))["hostility-to-therapist"]
    assert (found["judged"], found["useful"], found["proposal"]) == (30, 5, "retune")


async def test_of_a_program_and_since_a_time(client: httpx.AsyncClient, clock: Clock) -> None:
    await hostility(client, "old", program="intake")
    clock.pass_by(days=USUAL.days, seconds=1)
    await hostility(client, "new")
    await hostility(client, "another", program="intake")
    since = "2000-01-01T00:00:00Z"
    for asked, fired in (({}, 2), ({"since": since}, 3), ({"program": "intake"}, 1), ({"program": "trauma"}, 0)):
        found = (await told(client, **asked)).get("hostility-to-therapist", {"fired": 0})
        assert found["fired"] == fired, asked
    both = await told(client, program="intake", since=since)
    assert both["hostility-to-therapist"]["fired"] == 2


async def old_story(client: httpx.AsyncClient, case_id: str, **facts: Any) -> None:
    line = {"type": "session", "case_id": case_id, "session_id": "s1", **hostile(**facts)}
    headers = {"Content-Type": "application/x-ndjson"}
    stored = await client.post(
        "/v1/batch?deliver=false", content=httpx.Request("POST", "http://x", json=line).content, headers=headers
    )
    assert stored.status_code == 200


async def test_old_stories_are_no_news(client: httpx.AsyncClient) -> None:
    await old_story(client, "fam-1")
    assert (await client.get("/v1/alerts", params={"case_id": "fam-1"})).json()["items"]
    assert await told(client) == {}


async def test_of_a_therapist_only_from_enough_cases_on(client: httpx.AsyncClient) -> None:
    for number in range(FEWEST_CASES - 1):
        await hostility(client, f"fam-{number}")
    await old_story(client, "old", therapists=["dr-7"])  # of which no figure speaks
    few = await client.get(PATH, params={"therapist_id": "dr-7"})
    nobody = await client.get(PATH, params={"therapist_id": "dr-none"})
    assert (few.status_code, few.json()["code"]) == (409, "too-few-cases")
    assert (nobody.status_code, nobody.json()) == (few.status_code, few.json())
    await hostility(client, "one-more")
    await hostility(client, "of-another", therapists=["dr-8"])
    assert (await told(client, therapist_id="dr-7"))["hostility-to-therapist"]["fired"] == FEWEST_CASES


@pytest.mark.parametrize("narrowed", [{"program": "intake"}, {"since": "2026-01-01T00:00:00Z"}])
async def test_figures_of_a_therapist_cannot_be_narrowed_down(
    client: httpx.AsyncClient, narrowed: dict[str, str]
) -> None:
    answered = await client.get(PATH, params={"therapist_id": "dr-7", **narrowed})
    assert (answered.status_code, answered.json()["errors"][0]["pointer"]) == (422, "?therapist_id")


async def test_another_organization_has_its_own(
    app: FastAPI, client: httpx.AsyncClient, new_key: NewKey, other_organization: Any
) -> None:
    await hostility(client, "fam-1")
    async with client_of(app, await new_key(of=other_organization)) as other:
        assert await told(other) == {}
