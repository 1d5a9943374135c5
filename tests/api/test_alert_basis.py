"""The basis of an alert over the API: whoever has it finds the same again; who may see how much of it."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from msgspec import convert

from service.api.alert_documents import basis_document
from service.db.sealing import unseal_carry
from service.domain.carry import Given, default_parameters
from service.domain.concern import Signal, opened
from service.domain.grounds import Ground, found_again
from service.domain.model import Family, TherapySession
from service.domain.references import OwnReference, in_force
from tests.api.bodies import Document, hostile, members, rating, session
from tests.api.conftest import NewKey, client_of
from tests.factories import therapy_session

pytestmark = pytest.mark.anyio

FAMILY = {
    "members": members("eva", "tom", "ana"),
    "therapists": ["dr-7"],
    "periods": [{"from": "2026-01-01", "to": None, "ended_as": None}],
}


@pytest.fixture
async def alerts(client: httpx.AsyncClient) -> list[Document]:
    """Return the alerts of a course: Eva starts low; Ana's marks fall and fall again, and so does her temper."""
    await client.put("/v1/cases/fam-42", json=FAMILY)
    for number, total in enumerate((90.0, 92.0, 90.0, 95.0, 50.0, 55.0, 30.0), 1):
        seen = {5: 2, 7: 3}.get(number)
        body = hostile(number, seen) if seen else session(number, indicators_observed=True)
        await client.put(f"/v1/cases/fam-42/sessions/s{number}", json=body)
        await client.post("/v1/ratings", json=rating("eva", 90.0 if number > 1 else 85.0, number))
        await client.post("/v1/ratings", json=rating("ana", total, number))
    items: list[Document] = (await client.get("/v1/alerts")).json()["items"]
    return items


async def basis_of(client: httpx.AsyncClient, alert: Document) -> Document:
    answered = await client.get(f"/v1/alerts/{alert['alert_id']}/basis")
    assert (answered.status_code, answered.headers["etag"]) == (200, f'"{alert["revision"]}"')
    body: Document = answered.json()
    return body


def ground_of(told: Document) -> Ground:
    """Return a ground as somebody else would read it from the answer."""
    in_code = {"from": "from_"}

    def read(item: Document) -> Document:
        return {in_code.get(name, name): value for name, value in item.items()}

    facts: dict[str, Any] = {**told["session"], "indicators": list(map(read, told["session"]["indicators"]))}
    family = {**told["family"], "periods": list(map(read, told["family"]["periods"]))}
    carry = unseal_carry(json.dumps(told["before"]))
    return Ground(convert(facts, TherapySession), convert(family, Family), given_of(told), carry)


def given_of(told: Document) -> Given:
    """Return what rules were given, as far as an answer tells; the others have no say in it."""
    own, rules_told = default_parameters().parameters, told["given"]
    mine = {code: convert(rule["parameters"], type(own[code])) for code, rule in rules_told.items()}
    shadow, off = (
        frozenset(code for code, rule in rules_told.items() if rule["mode"] == mode) for mode in ("shadow", "off")
    )
    own_references = {
        code: [OwnReference(**entry) for entry in entries] for code, entries in told["references"].items()
    }
    return Given({**own, **mine}, shadow, off, in_force(own_references))


async def test_the_same_is_found_again_from_every_answer(client: httpx.AsyncClient, alerts: list[Document]) -> None:
    assert len({alert["rule"] for alert in alerts}) >= 4
    counts = set()
    for alert in alerts:
        body = await basis_of(client, alert)
        assert {name: body[name] for name in ("basis", "severity", "subject", "rule_version")} == {
            name: alert[name] for name in ("basis", "severity", "subject", "rule_version")
        }
        grounds = [ground_of(told) for told in body["grounds"]]
        signal = found_again(grounds, alert["rule"], tuple(alert["subject"]))
        assert signal is not None
        assert shown(signal, alert) == alert["basis"]
        assert signal.severity == alert["severity"]
        counts.add(len(grounds))
    assert counts == {1, 2}


def shown(signal: Signal, alert: Document) -> Document:
    """Return the basis that an alert of a signal shows; on which sessions it rests is not the signal's to say."""
    opened_alert = opened(signal, alert["rule"], alert["rule_version"], therapy_session(), 1)
    told: Document = json.loads(json.dumps(basis_document(opened_alert)))
    return {**told, "sessions": alert["basis"]["sessions"]}


async def test_facts_go_out_in_the_words_in_which_they_come_in(
    client: httpx.AsyncClient, alerts: list[Document]
) -> None:
    (alert,) = [alert for alert in alerts if alert["rule"] == "hostility-to-therapist"]
    first, last = (await basis_of(client, alert))["grounds"]
    assert (first["session"]["session_id"], last["session"]["session_id"]) == ("s5", "s7")
    assert last["session"]["indicators"][0]["from"] == "member/ana"
    assert last["session"]["held_at"] == "2026-02-16T16:00:00.000Z"
    assert last["family"]["periods"][0]["from"] == "2026-01-01"
    assert last["before"]["number"] == 6
    assert set(last["before"]["memories"]) == {"hostility-to-therapist"}
    (bond,) = [item for item in first["before"]["series"] if item == "member/ana|srs|post|therapist|bond"]
    assert first["before"]["series"][bond]["recent"] == pytest.approx([90, 92, 90, 95])


async def test_what_another_rule_raised_says_by_what(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42", json=FAMILY)
    for number, overall in enumerate((9.0, 9.0, 9.0, 4.6, 4.6), 1):  # a total of 79: z −2.2, and bond and goals stay
        answers = {"relationship": 9.0, "goals": 9.0, "approach": 9.0, "overall": overall}
        await client.post("/v1/ratings", json=rating("ana", number=number, answers=answers))
        await client.post("/v1/ratings", json=rating("dr-7", 85.0, number))
    (alert,) = (await client.get("/v1/alerts", params={"rule": "out-of-limits"})).json()["items"]
    assert (alert["severity"], alert["basis"]["raised"]["by"]) == ("warning", "therapist-unaware")
    assert alert["basis"]["raised"]["values"]["therapist_z"] == 0
    body = await basis_of(client, alert)
    signal = found_again([ground_of(told) for told in body["grounds"]], alert["rule"], tuple(alert["subject"]))
    assert signal is not None
    assert (body["severity"], body["basis"], signal.severity) == ("warning", alert["basis"], "info")


async def test_without_course_read_no_rating_of_the_session_is_shown(
    app: FastAPI, client: httpx.AsyncClient, alerts: list[Document], new_key: NewKey
) -> None:
    async with client_of(app, await new_key("alerts:read")) as reader:
        body = await basis_of(reader, alerts[0])
    assert (body["grounds"], body["withheld"]) == (None, ["grounds"])
    assert body["basis"] == alerts[0]["basis"]
    whole = await basis_of(client, alerts[0])
    assert {**whole, "grounds": None, "withheld": ["grounds"]} == body


async def test_a_retracted_alert_has_a_basis_and_no_grounds(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile())
    await client.put("/v1/cases/fam-42/sessions/s1", json=session())
    (alert,) = (await client.get("/v1/alerts")).json()["items"]
    body = await basis_of(client, alert)
    assert (body["state"], body["grounds"], body["withheld"]) == ("retracted", [], [])
    assert body["basis"] == alert["basis"]


async def test_what_is_silent_or_unknown_is_not_there(client: httpx.AsyncClient) -> None:
    taking = {"kind": "side-taking", "from": "therapist/dr-7", "toward": "member/eva", "severity": 2}
    seen = {"i1": {**taking, "source": "observer/o1"}}
    body = session(indicators_observed=True, indicators=seen)
    await client.put("/v1/cases/fam-42/sessions/s1", json=body)
    (alert,) = (await client.get("/v1/alerts")).json()["items"]
    assert (await basis_of(client, alert))["rule"] == "side-taking"
    await client.patch("/v1/cases/fam-42", json={"safety_hold": True})
    for alert_id in (alert["alert_id"], str(uuid4())):
        assert (await client.get(f"/v1/alerts/{alert_id}/basis")).status_code == 404
    assert (await client.get("/v1/alerts/none/basis")).status_code == 422
