"""What a front-end token reaches: every published call × its own case, another's, and one that was its own before."""

import re
from collections.abc import Awaitable, Callable
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from service.db.front_tokens import GRANTABLE
from tests.api.bodies import DEVICE, Document, episode, hostile, members, rating, repair
from tests.api.conftest import NewKey, client_of
from tests.api.test_matrix import ANY_KEY, FOR_TOKENS, KEYED, NEEDS, Call

pytestmark = pytest.mark.anyio

MARK = "zq"  # in the ids of the other family; no id that the service makes has these letters
NOTHING = str(UUID(int=7))  # what a call is about that no token may make
NAMING = sorted(
    call for call in FOR_TOKENS if any(f"{{{name}}}" in call[1] for name in ("case_id", "alert_id", "rating_id"))
)
LISTING = sorted(FOR_TOKENS - set(NAMING))
READING = sorted(call for call in FOR_TOKENS if call[0] == "get")
REFUSED = sorted(set(KEYED) - FOR_TOKENS)

HOLDERS: dict[str, Document] = {
    "therapist": {"person": "dr-7"},
    "supervisor": {"person": "sup-1", "role": "supervisor", "therapists": ["dr-9", "dr-7"]},
}

Names = dict[str, str]
Send = Callable[[Call, Names, str], Awaitable[httpx.Response]]
Token = Callable[..., Awaitable[str]]


async def family(client: httpx.AsyncClient, case_id: str, session_id: str, therapist: str) -> Names:
    """Announce a family of a therapist's with one of everything; return the ids by which it is asked for."""
    await client.put(f"/v1/cases/{case_id}", json={"members": members("ana", "eva"), "therapists": [therapist]})
    await client.put(f"/v1/cases/{case_id}/sessions/{session_id}", json=hostile())
    told = rating("ana", case_id=case_id, session_id=session_id, record_id=f"r-{case_id}")
    rating_id = (await client.post("/v1/ratings", json=told)).json()["rating_id"]
    (alert,) = (await client.get("/v1/alerts", params={"case_id": case_id})).json()["items"]
    alert_id = alert["alert_id"]
    await client.post(f"/v1/alerts/{alert_id}/repairs", json=repair(key=f"r-{case_id}"))
    await client.post(f"/v1/cases/{case_id}/episodes", json=episode(alert_id, key=f"e-{case_id}"))
    names = {"case_id": case_id, "session_id": session_id, "rating_id": rating_id, "alert_id": alert_id}
    return {**names, "therapist_id": therapist}


async def other_family(client: httpx.AsyncClient) -> Names:
    return await family(client, f"fam-{MARK}", f"s-{MARK}", f"dr-{MARK}")


@pytest.fixture
async def mine(client: httpx.AsyncClient) -> Names:
    """Return the ids of a family of dr-7's."""
    return await family(client, "fam-42", "s1", "dr-7")


@pytest.fixture
def token(client: httpx.AsyncClient) -> Token:
    async def minting(holder: str = "therapist", *scopes: str) -> str:
        body = {**HOLDERS[holder], "scopes": list(scopes or GRANTABLE)}
        return str((await client.post("/v1/tokens", json=body)).json()["token"])

    return minting


@pytest.fixture
def send(app: FastAPI) -> Send:
    """Return what sends a call about a family with some token or key."""

    async def sending(call: Call, names: Names, text: str) -> httpx.Response:
        method, template = call
        by = "sup-1" if text.startswith("supervisor") else "dr-7"
        given = {
            **names,
            "person": by,
            "device_id": "phone",
            "code": "srs" if "instruments" in template else "side-taking",
        }
        path = re.sub(r"\{(\w+)\}", lambda found: given.get(found[1], NOTHING), template)
        act = {"id": "h-1", "action": "acknowledge", "by": by}
        bodies: dict[str, Document] = {
            "/v1/alerts/{alert_id}/handling": act,
            "/v1/devices/{device_id}": DEVICE,
            "/v1/handling/batch": {"items": [{**act, "alert_id": names["alert_id"]}]},
            "/v1/alerts/{alert_id}/repairs": repair(by=by),
            "/v1/cases/{case_id}/episodes": episode(names["alert_id"], by=by),
        }
        async with client_of(app, text.removeprefix("supervisor")) as phone:
            body = bodies.get(template, {}) if method != "get" else None
            if call == ("delete", "/v1/devices/{device_id}"):
                await phone.put(path, json=DEVICE)
            if template == "/v1/changes/stream":  # GET has an end only where it is refused
                headed = await phone.head(path)
                return headed if headed.status_code == 200 else await phone.get(path)
            return await phone.request(method, path, json=body)

    return sending


async def all_of_it(client: httpx.AsyncClient) -> list[str]:
    """Return what the organization's own key sees."""
    return [(await client.get(path)).text for path in ("/v1/cases", "/v1/ratings", "/v1/alerts")]


def told(answered: httpx.Response) -> tuple[int, dict[str, str], str]:
    headers = {name: value for name, value in answered.headers.items() if name != "x-request-id"}
    return answered.status_code, headers, answered.text


def test_the_table_has_both_kinds() -> None:
    assert {("get", "/v1/alerts"), ("get", "/v1/cases"), ("get", "/v1/rules")} <= set(LISTING)
    assert {("get", "/v1/cases/{case_id}/course"), ("post", "/v1/alerts/{alert_id}/handling")} <= set(NAMING)
    assert ("post", "/v1/ratings") in REFUSED


@pytest.mark.parametrize("call", sorted(FOR_TOKENS), ids=" ".join)
@pytest.mark.parametrize("holder", HOLDERS)
async def test_its_own(call: Call, holder: str, mine: Names, send: Send, token: Token) -> None:
    text = await token(holder)
    answered = await send(call, mine, text if holder == "therapist" else f"supervisor{text}")
    assert answered.status_code in (200, 201)


@pytest.mark.parametrize("call", NAMING, ids=" ".join)
async def test_what_is_anothers_is_not_there_as_for_another_organization(
    call: Call,
    client: httpx.AsyncClient,
    mine: Names,
    send: Send,
    token: Token,
    new_key: NewKey,
    other_organization: UUID,
) -> None:
    theirs = await other_family(client)
    before = await all_of_it(client)
    answered = await send(call, theirs, await token())
    assert (answered.status_code, answered.json()["code"]) == (404, "not-found")
    assert told(answered) == told(await send(call, theirs, await new_key(of=other_organization)))
    assert await all_of_it(client) == before


@pytest.mark.parametrize("call", NAMING, ids=" ".join)
async def test_ids_of_both_do_not_mix(
    call: Call, client: httpx.AsyncClient, mine: Names, send: Send, token: Token
) -> None:
    """A case of one's own with an alert, a session or a rating of another's, and the other way round."""
    theirs = await other_family(client)
    text = await token()
    for names in ({**mine, "case_id": theirs["case_id"]}, {**theirs, "case_id": mine["case_id"]}):
        answered = await send(call, names, text)
        assert MARK not in answered.text
        if answered.status_code != 404:
            assert answered.json() == (await send(call, mine, text)).json()


@pytest.mark.parametrize("call", LISTING, ids=" ".join)
async def test_no_list_has_anything_of_anothers(
    call: Call, client: httpx.AsyncClient, mine: Names, send: Send, token: Token
) -> None:
    theirs = await other_family(client)
    for names in (mine, theirs):  # the week of another therapist is empty
        answered = await send(call, names, await token())
        assert answered.status_code in (200, 201)
        assert MARK not in answered.text.replace(f'"therapist_id":"dr-{MARK}"', "")


@pytest.mark.parametrize("call", READING, ids=" ".join)
async def test_nothing_tells_whether_there_is_another_family(
    call: Call, client: httpx.AsyncClient, mine: Names, send: Send, token: Token
) -> None:
    """Two worlds, one with a second family: answers, statuses and headers are the same byte by byte."""
    text = await token()
    before = told(await send(call, mine, text))
    await other_family(client)
    assert told(await send(call, mine, text)) == before


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/alerts?case_id=fam-{MARK}",
        f"/v1/alerts?therapist_id=dr-{MARK}",
        f"/v1/alerts?case_id=fam-{MARK}&case_id=fam-0",
        f"/v1/ratings?case_id=fam-{MARK}",
        f"/v1/ratings?session_id=s-{MARK}",
        f"/v1/ratings?record_id=r-fam-{MARK}",
    ],
)
async def test_no_filter_reaches_further(
    app: FastAPI, client: httpx.AsyncClient, mine: Names, token: Token, path: str
) -> None:
    await other_family(client)
    assert len((await client.get(path)).json()["items"]) == 1
    async with client_of(app, await token()) as phone:
        found = (await phone.get(path)).json()
    assert (found["items"], found["next_cursor"]) == ([], None)


@pytest.mark.parametrize("path", ["/v1/cases", "/v1/alerts", "/v1/ratings"])
async def test_pages_end_with_the_caseload(
    app: FastAPI, client: httpx.AsyncClient, mine: Names, token: Token, path: str
) -> None:
    await other_family(client)
    await family(client, "fam-99", "s1", "dr-7")
    async with client_of(app, await token()) as phone:
        first = (await phone.get(path, params={"limit": 1})).json()
        second = (await phone.get(path, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [item["case_id"] for item in (*first["items"], *second["items"])] in (
        ["fam-42", "fam-99"],
        ["fam-99", "fam-42"],
    )
    assert second["next_cursor"] is None


@pytest.mark.parametrize("call", REFUSED, ids=" ".join)
async def test_what_is_not_for_tokens(
    call: Call, client: httpx.AsyncClient, mine: Names, send: Send, token: Token
) -> None:
    before = await all_of_it(client)
    answered = await send(call, mine, await token())
    assert (answered.status_code, answered.json()["code"]) == (403, "not-for-tokens")
    assert await all_of_it(client) == before


@pytest.mark.parametrize("call", NAMING, ids=" ".join)
async def test_a_case_that_is_handed_over_is_lost_at_once(
    call: Call, client: httpx.AsyncClient, mine: Names, send: Send, token: Token
) -> None:
    text = await token()
    assert (await send(call, mine, text)).status_code == 200
    await client.patch("/v1/cases/fam-42", json={"therapists": ["dr-8"]})
    assert (await send(call, mine, text)).status_code == 404


@pytest.mark.parametrize("call", sorted(FOR_TOKENS), ids=" ".join)
async def test_each_scope_alone(call: Call, mine: Names, send: Send, token: Token) -> None:
    for scope in GRANTABLE:
        answered = await send(call, mine, await token("therapist", scope))
        if NEEDS[call] in (scope, ANY_KEY):
            assert answered.status_code in (200, 201), scope
        else:
            assert (answered.status_code, answered.json()["code"]) == (403, "missing-scope"), scope
