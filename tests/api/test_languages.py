"""Ready text is read in the language that a reader asks for, and the answer says in which one it is."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.domain.notices import LOCK_SCREEN, NOTICE
from service.languages import NAMES, language
from service.languages.messages import messages
from tests.api.bodies import Document, members, rating
from tests.api.conftest import NewKey, client_of
from tests.api.contract import OPENAPI
from tests.factories import CASE

OTHERS = [code for code in NAMES if code != "en"]


@pytest.mark.anyio
async def test_every_language_with_its_line_for_a_locked_screen(client: httpx.AsyncClient) -> None:
    items = (await client.get("/v1/languages")).json()["items"]
    assert {item["code"]: item["name"] for item in items} == NAMES
    assert items[0] == {"code": "en", "name": "English", "lock_screen": LOCK_SCREEN, "notice": NOTICE}
    for item in items:
        assert item["lock_screen"] == language(item["code"]).say(LOCK_SCREEN)
        assert "Evenkeel" in item["lock_screen"]
    assert len({item["lock_screen"] for item in items}) == len({item["notice"] for item in items}) == len(NAMES)


async def fallen(client: httpx.AsyncClient) -> Document:
    """Let Ana's ratings fall in the fifth session while Eva's stay; return one of the alerts."""
    await client.put(f"/v1/cases/{CASE}", json={"members": members("eva", "tom", "ana"), "therapists": ["dr-7"]})
    for number in range(1, 6):
        for who, total in (("eva", 92.0), ("ana", 90.0 if number < 5 else 40.0)):
            answered = await client.post("/v1/ratings", json=rating(who, total, number))
    return next(alert for alert in answered.json()["alerts"] if alert["rule"] == "trust-bond-loss")


CALLS = [
    ("get", "/v1/alerts"),
    ("get", "/v1/alerts/{alert_id}"),
    ("get", "/v1/changes"),
    ("get", f"/v1/cases/{CASE}/course"),
    ("get", f"/v1/cases/{CASE}/briefing"),
    ("get", "/v1/therapists/dr-7/monday"),
    ("post", "/v1/ratings"),
    ("post", "/v1/alerts/{alert_id}/handling"),
    ("post", "/v1/alerts/{alert_id}/repairs"),
    ("get", "/v1/rules"),
    ("get", "/v1/rules/side-taking"),
]
BODIES: dict[str, Document] = {
    "/v1/ratings": rating("ana", 40.0, 5),
    "/v1/alerts/{alert_id}/handling": {"id": "h-1", "action": "acknowledge", "by": "dr-7"},
    "/v1/alerts/{alert_id}/repairs": {
        "id": "r-1",
        "next_step": "check-in",
        "went": 4,
        "with": ["member/ana"],
        "by": "dr-7",
    },
}


def english_in(value: object) -> set[str]:
    """Return what is English of all that stands in an answer; a rule's page is, by itself."""
    if isinstance(value, dict):
        return set().union(*(english_in(item) for name, item in value.items() if name != "page"))
    if isinstance(value, list):
        return set().union(*map(english_in, value))
    return {sentence for sentence in messages() if isinstance(value, str) and sentence in value}


@pytest.mark.anyio
@pytest.mark.parametrize(("method", "path"), CALLS, ids=[f"{method} {path}" for method, path in CALLS])
async def test_an_answer_is_in_the_language_asked_for(client: httpx.AsyncClient, method: str, path: str) -> None:
    alert = await fallen(client)
    address, body = path.format(alert_id=alert["alert_id"]), BODIES.get(path)
    plain = await client.request(method, address, json=body)
    assert (plain.status_code, plain.headers["content-language"]) == (200, "en")
    assert english_in(plain.json())
    for code in OTHERS:
        asked = {"Accept-Language": f"fr, {code};q=0.9, en;q=0.8"}
        answered = await client.request(method, address, json=body, headers=asked)
        assert (answered.status_code, answered.headers["content-language"]) == (200, code)
        assert "accept-language" in answered.headers["vary"].lower()
        assert english_in(answered.json()) == set()


@pytest.mark.anyio
async def test_another_language_is_another_answer_to_whoever_keeps_one(client: httpx.AsyncClient) -> None:
    await fallen(client)
    for path in (f"/v1/cases/{CASE}/course", "/v1/changes"):
        tags = {}
        for code in NAMES:
            asked = {"Accept-Language": code}
            answered = await client.get(path, headers=asked)
            assert answered.headers["vary"] == "Authorization, Accept-Language"
            tags[code] = answered.headers["etag"]
            same = await client.get(path, headers={**asked, "If-None-Match": tags[code]})
            assert (same.status_code, same.headers["content-language"]) == (304, code)
            assert same.headers["vary"] == "Authorization, Accept-Language"
        assert len(set(tags.values())) == len(NAMES)
        other = await client.get(path, headers={"Accept-Language": "nb", "If-None-Match": tags["de"]})
        assert other.status_code == 200


def test_every_call_that_says_something_takes_a_language() -> None:
    speaking = {"AlertPublic", "AlertOfRating", "FamilyPublic", "LinePublic", "RulePublic"}
    for path, calls in OPENAPI["paths"].items():
        for method, call in calls.items():
            answers = [answer for status, answer in call["responses"].items() if status < "300"]
            takes = any(item["name"] == "Accept-Language" for item in call.get("parameters", ()))
            assert takes == bool(speaking & schemas_in(answers)) or path == "/v1/changes/stream", (method, path)


def schemas_in(value: Any, seen: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of the schemas of which a part of the contract is made."""
    if isinstance(value, list):
        return set().union(*(schemas_in(item, seen) for item in value))
    if not isinstance(value, dict):
        return set()
    name = str(value.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        return {name} | schemas_in(OPENAPI["components"]["schemas"][name], seen | {name})
    return set().union(*(schemas_in(item, seen) for item in value.values()))


@pytest.mark.anyio
async def test_where_nothing_is_said_no_language_is_named(
    app: FastAPI, client: httpx.AsyncClient, new_key: NewKey
) -> None:
    await fallen(client)
    asked = {"Accept-Language": "de"}
    for path in (f"/v1/cases/{CASE}", "/v1/instruments", "/v1/ratings"):
        assert "content-language" not in (await client.get(path, headers=asked)).headers
    async with client_of(app, await new_key("ratings:write", "course:read")) as reader:
        for answered in (
            await reader.get(f"/v1/cases/{CASE}/course", headers=asked),
            await reader.post("/v1/ratings", json=rating("ana", 40.0, 5), headers=asked),
        ):
            assert answered.status_code == 200
            assert "content-language" not in answered.headers
            assert "Accept-Language" in answered.headers["vary"]  # another key gets sentences here
