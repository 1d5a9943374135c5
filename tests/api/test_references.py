"""References of an organization's own, through the whole API."""

from typing import Any

import httpx
import pytest

from tests.api.bodies import Document, at, members, rating
from tests.api.conftest import Clock, NewKey
from tests.factories import held_at

pytestmark = pytest.mark.anyio

PATH = "/v1/instruments/srs/references"
TOTAL: Document = {"dimension": "total", "role": "member", "sd": 20.0, "source": "own-ratings"}
WHOLE = {**TOTAL, "locale": None, "sp": None, "mean": None, "reliability": None, "n": None, "verified": False}
CHECKED: Document = {**TOTAL, "mean": 90.0, "n": 587, "source": "janse-2014", "verified": True}


async def tell(client: httpx.AsyncClient, *references: Document, **headers: str) -> httpx.Response:
    return await client.put(PATH, json={"references": list(references)}, headers=headers)


async def test_before_anything_is_set_the_forms_own_stand(client: httpx.AsyncClient) -> None:
    answered = await client.get(PATH)
    body = answered.json()
    assert (answered.status_code, answered.headers["etag"]) == (200, '"0"')
    assert (body["instrument"], body["version"], body["references"], body["set"]) == ("srs", 0, [], None)
    assert list(body["form"]) == ["total", "bond", "goals", "tasks", "overall"]
    assert {name: body["form"]["total"][name] for name in ("sd", "sp", "mean", "kind")} == {
        "sd": 10.0,
        "sp": 5.0,
        "mean": None,
        "kind": "ours",
    }


async def test_set_repeat_and_set_otherwise(client: httpx.AsyncClient, clock: Clock) -> None:
    first = await tell(client, TOTAL)
    assert (first.status_code, first.headers["etag"], first.headers["location"]) == (201, '"1"', PATH)
    assert first.json()["references"] == [WHOLE]
    again = await tell(client, TOTAL, **{"If-Match": '"0"'})  # so already, whatever was seen
    assert (again.status_code, again.json()) == (200, first.json())
    clock.pass_by(days=1)
    second = await tell(client, {**TOTAL, "dimension": "bond"}, TOTAL, **{"If-Match": '"1"'})
    assert (second.status_code, second.headers["etag"]) == (200, '"2"')
    assert [item["dimension"] for item in second.json()["references"]] == ["bond", "total"]
    assert (await client.get(PATH)).json() == second.json()
    stale = await tell(client, **{"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition-failed")
    nothing = (await tell(client)).json()
    assert (nothing["version"], nothing["references"], nothing["set"]["version"]) == (3, [], 3)


async def test_every_version_stays(client: httpx.AsyncClient) -> None:
    for sd in (10.0, 11.0, 12.0):
        await tell(client, {**TOTAL, "sd": sd})
    page = (await client.get(f"{PATH}/versions?limit=2")).json()
    rest = (await client.get(f"{PATH}/versions?cursor={page['next_cursor']}")).json()
    told = [(item["version"], item["references"][0]["sd"]) for item in (*page["items"], *rest["items"])]
    assert told == [(3, 12.0), (2, 11.0), (1, 10.0)]
    assert rest["next_cursor"] is None
    assert (await client.get("/v1/instruments/wai_sr/references/versions")).json()["items"] == []


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"role": "mother"}, [("/role", "unknown-value")]),
        ({"role": "observer"}, [("/role", "not-taken")]),
        ({"dimension": "safety"}, [("/dimension", "unknown-dimension")]),
        ({"locale": "Dutch"}, [("/locale", "bad-format")]),
        ({"sd": 0}, [("/sd", "greater-than")]),
        ({"sd": 51}, [("/sd", "less-than-equal")]),
        ({"sd": "12"}, [("/sd", "not-a-number")]),
        ({"sp": 21}, [("/sp", "above-sd")]),
        ({"mean": 101}, [("/mean", "less-than-equal")]),
        ({"reliability": 1}, [("/reliability", "less-than")]),
        ({"n": 0}, [("/n", "greater-than-equal")]),
        ({"source": "A study of 2014"}, [("/source", "bad-format")]),
        ({"verified": True, "n": 300}, [("/verified", "not-verifiable")]),
        ({"note": "x"}, [("/note", "unknown-field")]),
    ],
)
async def test_refusals(client: httpx.AsyncClient, given: Document, faults: list[tuple[str, str]]) -> None:
    answered = await tell(client, {**TOTAL, "dimension": "bond"}, {**TOTAL, **given})
    assert (answered.status_code, answered.json()["code"]) == (422, "invalid")
    told = [(error["pointer"], error["code"]) for error in answered.json()["errors"]]
    assert told == [(f"/references/1{pointer}", code) for pointer, code in faults]
    assert (await client.get(PATH)).json()["version"] == 0


async def test_no_such_form(client: httpx.AsyncClient) -> None:
    for answered in (
        await client.get("/v1/instruments/nonesuch/references"),
        await client.get("/v1/instruments/nonesuch/references/versions"),
        await client.put("/v1/instruments/nonesuch/references", json={"references": []}),
    ):
        assert (answered.status_code, answered.json()["code"]) == (404, "not-found")


async def test_z_needs_a_mean_that_is_verified(client: httpx.AsyncClient) -> None:
    """(70 − 90) / 20 = −1; each answer that shows a rating says the same, of one on another language's form nothing."""
    posted = (await client.post("/v1/ratings", json=rating("ana", 70.0))).json()
    assert posted["scores"]["total"]["z"] is None
    for given, z in (({**CHECKED, "verified": False}, None), ({**CHECKED, "locale": "nl"}, None), (CHECKED, -1.0)):
        await tell(client, given)
        read = (await client.get(f"/v1/ratings/{posted['rating_id']}")).json()
        again = (await client.post("/v1/ratings", json=rating("ana", 70.0))).json()
        listed = (await client.get("/v1/ratings")).json()["items"][0]
        past = (await client.get(f"/v1/ratings/{posted['rating_id']}/revisions")).json()["items"][0]
        course = (await client.get("/v1/cases/fam-42/course")).json()["sessions"][0]["ratings"][0]
        assert [shown["scores"]["total"]["z"] for shown in (read, again, listed, past, course)] == [z] * 5
        assert read["scores"]["bond"]["z"] is None


async def test_the_language_of_the_form_counts(client: httpx.AsyncClient) -> None:
    await tell(client, {**CHECKED, "locale": "nl", "mean": 80.0})
    posted = (await client.post("/v1/ratings", json=rating("ana", 70.0, locale="nl-BE"))).json()
    assert (posted["locale"], posted["scores"]["total"]["z"]) == ("nl-BE", -0.5)  # (70 − 80) / 20


async def balance_of(client: httpx.AsyncClient, number: int) -> Document:
    for who, total in (("eva", 100.0), ("ana", 40.0)):
        answered = await client.post("/v1/ratings", json=rating(who, total, number))
        assert answered.status_code == 201
    found: Document = answered.json()["balances"][0]
    return found


async def test_they_measure_sessions_from_their_time_on(client: httpx.AsyncClient, clock: Clock) -> None:
    await client.put("/v1/cases/fam-42", json={"members": members("eva", "ana")})
    before = await balance_of(client, 1)
    assert (before["dimensions"]["total"]["gap_z"], before["coverage"]["reference"]) == (6.0, "ours")
    clock.now = held_at(2)
    lines = [{**TOTAL, "dimension": code} for code in ("bond", "goals", "tasks", "overall")]
    await tell(client, {**TOTAL, "mean": 70.0}, *lines)
    after = await balance_of(client, 2)
    assert (after["dimensions"]["total"]["gap_z"], after["coverage"]["reference"]) == (3.0, "own")
    # 1.5 SD above the mean and 1.5 below it
    assert after["dimensions"]["total"]["polarity_z"] == {"positive": ["eva"], "negative": ["ana"]}
    assert after["dimensions"]["bond"]["polarity_z"] is None
    course = (await client.get("/v1/cases/fam-42/course")).json()["sessions"]
    assert [item["balances"][0]["dimensions"]["total"]["gap_z"] for item in course] == [6.0, 3.0]


async def test_rules_take_them_and_a_basis_says_so(client: httpx.AsyncClient, clock: Clock) -> None:
    """Ana's lines fall from 90 to 45 in two families, after four equal scores, so sigma·√(1 + 1/4) = sp·√(6/9 · 5/4).

    By ours z = −45 / 6.39 = −7.0; with an sp of 16, taken a third wider, −45 / 19.47 = −2.3.
    """
    clock.now = held_at(6)
    wide = [{**TOTAL, "dimension": code, "sp": 16.0} for code in ("total", "bond", "goals", "tasks")]
    for case_id, references in (("by-ours", []), ("by-own", wide)):
        await tell(client, *references)
        for number, total in enumerate((90.0, 90.0, 90.0, 90.0, 45.0), start=1):
            sent = rating("ana", total, number, case_id=case_id, held_at=at(number))
            assert (await client.post("/v1/ratings", json=sent)).status_code == 201
    found: dict[str, list[str]] = {"by-ours": [], "by-own": []}
    alerts = (await client.get("/v1/alerts")).json()["items"]
    for alert in alerts:
        found[alert["case_id"]].append(alert["rule"])
    assert "trust-bond-loss" in found["by-ours"]
    assert "trust-bond-loss" not in found["by-own"]
    assert "goal-misalignment" in found["by-own"]  # a note from z −1.5 on
    for alert in alerts:
        grounds = (await client.get(f"/v1/alerts/{alert['alert_id']}/basis")).json()["grounds"]
        assert alert["basis"]["unit"] == ("own" if alert["case_id"] == "by-own" else "ours")
        known: list[Any] = [ground["references"].get("srs", []) for ground in grounds]
        assert all(len(told) == (4 if alert["case_id"] == "by-own" else 0) for told in known)


async def test_another_organization_has_its_own(
    client: httpx.AsyncClient, new_key: NewKey, other_organization: Any
) -> None:
    await tell(client, TOTAL)
    theirs = {"Authorization": f"Bearer {await new_key(of=other_organization)}"}
    assert (await client.get(PATH, headers=theirs)).json()["version"] == 0
