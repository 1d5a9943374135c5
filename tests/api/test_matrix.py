"""Who may do what: every published call × every kind of key, by one table that knows every call."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from service.db.front_tokens import GRANTABLE
from service.db.identity import ALL, SCOPES, _checksum, parse_token
from tests.api.bodies import DEVICE, Document, backtest, episode, hostile, rating, repair, session
from tests.api.conftest import NewKey, bearer, client_of
from tests.api.contract import OPENAPI

pytestmark = pytest.mark.anyio

Call = tuple[str, str]
ANY_KEY, NO_KEY = "any key", "no key"

# call → the scope that it needs, or all of them
NEEDS: dict[Call, str] = {
    ("put", "/v1/cases/{case_id}"): "cases:write",
    ("patch", "/v1/cases/{case_id}"): "cases:write",
    ("get", "/v1/cases/{case_id}"): "course:read",
    ("get", "/v1/cases"): "course:read",
    ("put", "/v1/cases/{case_id}/sessions/{session_id}"): "cases:write",
    ("patch", "/v1/cases/{case_id}/sessions/{session_id}"): "cases:write",
    ("get", "/v1/cases/{case_id}/sessions/{session_id}"): "course:read",
    ("get", "/v1/cases/{case_id}/sessions"): "course:read",
    ("post", "/v1/ratings"): "ratings:write",
    ("put", "/v1/ratings/{rating_id}"): "ratings:write",
    ("delete", "/v1/ratings/{rating_id}"): "ratings:write",
    ("get", "/v1/ratings"): "course:read",
    ("get", "/v1/ratings/{rating_id}"): "course:read",
    ("get", "/v1/ratings/{rating_id}/revisions"): "course:read",
    ("post", "/v1/batch"): ANY_KEY,  # each line needs a scope of its own
    ("get", "/v1/cases/{case_id}/course"): "course:read",
    ("get", "/v1/cases/{case_id}/briefing"): "course:read alerts:read",
    ("get", "/v1/alerts"): "alerts:read",
    ("get", "/v1/changes"): "alerts:read",
    ("get", "/v1/changes/stream"): "alerts:read",
    ("get", "/v1/alerts/{alert_id}"): "alerts:read",
    ("get", "/v1/alerts/{alert_id}/basis"): "alerts:read",
    ("post", "/v1/alerts/{alert_id}/handling"): "alerts:handle",
    ("post", "/v1/alerts/{alert_id}/repairs"): "alerts:handle",
    ("post", "/v1/handling/batch"): "alerts:handle",
    ("get", "/v1/alerts/{alert_id}/repairs"): "alerts:read",
    ("get", "/v1/therapists/{therapist_id}/monday"): "alerts:read",
    ("post", "/v1/cases/{case_id}/episodes"): "alerts:handle",
    ("get", "/v1/cases/{case_id}/episodes"): "alerts:read",
    ("post", "/v1/reassessments"): "admin",
    ("get", "/v1/reassessments"): "admin",
    ("get", "/v1/reassessments/{reassessment_id}"): "admin",
    ("delete", "/v1/reassessments/{reassessment_id}"): "admin",
    ("get", "/v1/reassessments/{reassessment_id}/differences"): "admin alerts:read",
    ("post", "/v1/backtests"): "admin",
    ("get", "/v1/backtests"): "admin",
    ("get", "/v1/backtests/{backtest_id}"): "admin",
    ("delete", "/v1/backtests/{backtest_id}"): "admin",
    ("get", "/v1/backtests/{backtest_id}/differences"): "admin alerts:read",
    ("post", "/v1/tokens"): "tokens:write",
    ("delete", "/v1/tokens/{token_id}"): "tokens:write",
    ("put", "/v1/webhooks/{webhook_id}"): "admin",
    ("get", "/v1/webhooks"): "admin",
    ("get", "/v1/webhooks/{webhook_id}"): "admin",
    ("delete", "/v1/webhooks/{webhook_id}"): "admin",
    ("post", "/v1/webhooks/{webhook_id}/rotate"): "admin",
    ("post", "/v1/webhooks/{webhook_id}/test"): "admin",
    ("post", "/v1/webhooks/{webhook_id}/replay"): "admin",
    ("get", "/v1/webhooks/{webhook_id}/deliveries"): "admin",
    ("post", "/v1/changes/stream/tickets"): "alerts:read",
    ("put", "/v1/subscriptions/{subscription_id}"): "admin",
    ("get", "/v1/subscriptions"): "admin",
    ("get", "/v1/subscriptions/{subscription_id}"): "admin",
    ("delete", "/v1/subscriptions/{subscription_id}"): "admin",
    ("post", "/v1/subscriptions/{subscription_id}/test"): "admin",
    ("get", "/v1/subscriptions/{subscription_id}/deliveries"): "admin",
    ("get", "/v1/web-push"): "alerts:read",
    ("put", "/v1/devices/{device_id}"): "alerts:read",
    ("delete", "/v1/devices/{device_id}"): "alerts:read",
    ("get", "/v1/delivery-settings"): "admin",
    ("put", "/v1/delivery-settings"): "admin",
    ("get", "/v1/persons/{person}/delivery-settings"): "alerts:read",
    ("put", "/v1/persons/{person}/delivery-settings"): "alerts:handle",
    ("get", "/v1/instruments"): ANY_KEY,
    ("get", "/v1/instruments/{code}"): ANY_KEY,
    ("get", "/v1/instruments/{code}/references"): "course:read",
    ("put", "/v1/instruments/{code}/references"): "admin",
    ("get", "/v1/instruments/{code}/references/versions"): "course:read",
    ("get", "/v1/indicators"): ANY_KEY,
    ("get", "/v1/languages"): ANY_KEY,
    ("get", "/v1/rules"): ANY_KEY,
    ("get", "/v1/rules/{code}"): ANY_KEY,
    ("get", "/v1/rules/health"): "admin alerts:read",
    ("get", "/v1/rules/{code}/parameters"): "course:read",
    ("put", "/v1/rules/{code}/parameters"): "admin",
    ("get", "/v1/rules/{code}/parameters/versions"): "course:read",
    ("get", "/livez"): NO_KEY,
    ("get", "/readyz"): NO_KEY,
    ("get", "/startupz"): NO_KEY,
    ("get", "/metrics"): NO_KEY,
}
CALLS = [(method, path) for path, calls in OPENAPI["paths"].items() for method in calls]
KEYED = [call for call in CALLS if NEEDS.get(call) != NO_KEY]
MINTS: Call = ("post", "/v1/tokens")  # with scopes that the key has too
SUBSCRIBES: Call = ("put", "/v1/webhooks/{webhook_id}")
ISSUES: Call = ("post", "/v1/changes/stream/tickets")
TELLS: Call = ("put", "/v1/subscriptions/{subscription_id}")
OF_DEVICES: set[Call] = {("put", "/v1/devices/{device_id}"), ("delete", "/v1/devices/{device_id}")}  # nobody's own

# calls that a front-end token may make: all that asks for no more than such a token may have, once what it reads and
# writes holds to the caseload of its handle (tests/api/test_tokens_matrix.py); until then it stands here
NOT_FOR_TOKENS: set[Call] = {
    ("post", "/v1/batch"),
    ("get", "/v1/instruments/{code}/references"),  # drawn from all cases of the organization
    ("get", "/v1/instruments/{code}/references/versions"),
    ("get", "/v1/rules/{code}/parameters"),  # settings of the organization, of programs that a caseload may not have
    ("get", "/v1/rules/{code}/parameters/versions"),
}
FOR_TOKENS = {
    call for call in KEYED if NEEDS.get(call) == ANY_KEY or set(NEEDS.get(call, "admin").split()) <= {*GRANTABLE}
} - NOT_FOR_TOKENS

# calls that name something of an organization: with another's key it is not there, or it is a new thing over there
BEGUN = {("post", "/v1/ratings"), ("post", "/v1/reassessments"), ("post", "/v1/backtests")}
MADE_ANEW = {call for call in KEYED if call[0] == "put" and "rating_id" not in call[1]} | BEGUN
NAMES_SOMETHING = (
    {call for call in KEYED if "_id}" in call[1]}
    - MADE_ANEW
    - {
        ("get", "/v1/therapists/{therapist_id}/monday")  # a therapist is a string, and nobody's until an alert names it
    }
)

BODIES: dict[Call, Document] = {
    ("put", "/v1/cases/{case_id}"): {},
    ("patch", "/v1/cases/{case_id}"): {},
    ("put", "/v1/cases/{case_id}/sessions/{session_id}"): session(),
    ("patch", "/v1/cases/{case_id}/sessions/{session_id}"): {"next_planned_at": None},
    ("post", "/v1/ratings"): rating("eva"),
    ("put", "/v1/ratings/{rating_id}"): rating("ana", 95.0),
    ("post", "/v1/alerts/{alert_id}/handling"): {"id": "h-1", "action": "acknowledge", "by": "dr-7"},
    ("post", "/v1/alerts/{alert_id}/repairs"): repair(),
    ("post", "/v1/handling/batch"): {"items": [{}]},  # which is refused for itself
    ("post", "/v1/reassessments"): {"id": "j-1"},
    ("put", "/v1/instruments/{code}/references"): {
        "references": [{"dimension": "total", "role": "member", "sd": 12.0, "source": "own-ratings"}]
    },
    ("post", "/v1/backtests"): backtest("j-1"),
    ("put", "/v1/rules/{code}/parameters"): {"mode": "shadow"},
    TELLS: {"channel": "email", "address": "anna@clinic.example", "person": "dr-7"},
    ("put", "/v1/devices/{device_id}"): DEVICE,
    ("put", "/v1/delivery-settings"): {"most_per_day": 3},
    ("put", "/v1/persons/{person}/delivery-settings"): {"most_per_day": 3},
    SUBSCRIBES: {"url": "https://ehr.example.org/evenkeel"},
    ("post", "/v1/webhooks/{webhook_id}/replay"): {"since": "2026-01-01T00:00:00Z"},
    MINTS: {"person": "dr-7", "scopes": ["alerts:read"]},
}

CONFIRMS: Call = ("post", "/v1/cases/{case_id}/episodes")  # its body names an alert of the case

Send = Callable[[Call, str | None], Awaitable[httpx.Response]]


@pytest.fixture
async def send(app: FastAPI, client: httpx.AsyncClient) -> Send:
    """Return what sends a call about things that are there, with some key or none."""
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile())
    rating_id = (await client.post("/v1/ratings", json=rating("ana"))).json()["rating_id"]
    (alert,) = (await client.get("/v1/alerts")).json()["items"]
    names = {"case_id": "fam-42", "session_id": "s1", "rating_id": rating_id, "alert_id": alert["alert_id"]}
    names["therapist_id"] = "dr-7"
    names["reassessment_id"] = (await client.post("/v1/reassessments", json={"id": "j-0"})).json()["id"]
    names["backtest_id"] = (await client.post("/v1/backtests", json=backtest("j-0"))).json()["id"]
    names["webhook_id"] = (await client.put("/v1/webhooks/ehr", json=BODIES[SUBSCRIBES])).json()["webhook_id"]
    await client.put("/v1/subscriptions/anna", json=BODIES[TELLS])
    names |= {"subscription_id": "anna", "device_id": "phone", "person": "dr-7"}
    names["token_id"] = (await client.post("/v1/tokens", json=BODIES[MINTS])).json()["token_id"]

    async def sending(call: Call, key: str | None) -> httpx.Response:
        method, template = call
        path = template.format(**names, code="srs" if "instruments" in template else "side-taking")
        headers = bearer(key) if key is not None else {}
        if "put" == method and "rating_id" in template:
            headers["If-Match"] = '"1"'
        async with client_of(app, None) as bare:
            if path == "/v1/changes/stream":
                headed = await bare.head(path, headers=headers)  # GET has an end only where it is refused
                return headed if headed.status_code == 200 else await bare.get(path, headers=headers)
            if path == "/v1/batch":
                headers["Content-Type"] = "application/x-ndjson"
                return await bare.post(path, content=b"", headers=headers)
            body = episode(alert["alert_id"]) if call == CONFIRMS else BODIES.get(call)
            return await bare.request(method, path, json=body, headers=headers)

    return sending


def test_every_call_is_in_the_table() -> None:
    assert set(CALLS) == set(NEEDS)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
async def test_the_contract_says_what_a_call_needs(call: Call) -> None:
    method, path = call
    told = OPENAPI["paths"][path][method].get("security")
    scopes = {ANY_KEY: [], NO_KEY: None}.get(NEEDS[call], NEEDS[call].split())
    ways = ("key", "token") if call in FOR_TOKENS else ("key",)
    assert told == (None if scopes is None else [{way: scopes} for way in ways])


@pytest.mark.parametrize("call", KEYED, ids=" ".join)
async def test_without_a_valid_key(call: Call, send: Send, key: str, new_key: NewKey) -> None:
    stranger = (await new_key())[:-7] + "0000000"
    for wrong in (None, "", "ek_nonsense", key[:-1], key.upper(), stranger, f"{key} {key}"):
        answered = await send(call, wrong)
        assert (answered.status_code, answered.json()["code"]) == (401, "no-key")
        assert answered.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("call", [call for call in CALLS if NEEDS[call] == NO_KEY], ids=" ".join)
async def test_health_needs_no_key(call: Call, send: Send) -> None:
    answered = await send(call, None)
    assert answered.status_code == 200
    assert answered.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("call", KEYED, ids=" ".join)
async def test_each_scope_alone(call: Call, send: Send, new_key: NewKey) -> None:
    for scope in (*SCOPES, ALL):
        answered = await send(call, await new_key(scope, *(["alerts:read"] if call == MINTS else [])))
        if call in OF_DEVICES and (NEEDS[call] == scope or scope == ALL):
            assert (answered.status_code, answered.json()["code"]) == (403, "only-for-tokens"), scope
        elif NEEDS[call] in (scope, ANY_KEY) or scope == ALL:
            assert answered.status_code in (200, 201), scope
        else:
            assert (answered.status_code, answered.json()["code"]) == (403, "missing-scope"), scope
            assert any(needed in answered.json()["detail"] for needed in NEEDS[call].split())


@pytest.mark.parametrize("call", KEYED, ids=" ".join)
async def test_another_organization_sees_nothing(
    call: Call, client: httpx.AsyncClient, send: Send, new_key: NewKey, other_organization: UUID
) -> None:
    before = [(await client.get(path)).json() for path in ("/v1/cases", "/v1/ratings", "/v1/alerts")]
    answered = await send(call, await new_key(of=other_organization))
    if call in OF_DEVICES:
        assert (answered.status_code, answered.json()["code"]) == (403, "only-for-tokens")
    elif call in NAMES_SOMETHING:
        assert (answered.status_code, answered.json()["code"]) == (404, "not-found")
    elif call in MADE_ANEW | {MINTS, ISSUES}:
        assert answered.status_code == 201
    else:
        assert answered.status_code == 200
        assert answered.text.count("fam-42") == 0
    assert [(await client.get(path)).json() for path in ("/v1/cases", "/v1/ratings", "/v1/alerts")] == before


async def test_a_key_of_one_organization_under_the_name_of_another(
    send: Send, key: str, new_key: NewKey, other_organization: UUID
) -> None:
    """The token is taken apart and put together anew: the other's organization, this one's key id and secret."""
    theirs, ours = (await new_key(of=other_organization)).split("_"), key.split("_")
    body = "_".join([*theirs[:3], *ours[3:]])[:-6]
    forged = body + _checksum(body)
    parsed, mine = parse_token(forged), parse_token(key)
    assert parsed is not None
    assert mine is not None
    assert (parsed.organization_id, parsed.key_id) == (other_organization, mine.key_id)
    for call in KEYED:  # the real key was used before, so it is known to the process
        assert (await send(call, forged)).status_code == 401
