"""Alerts: every filter, the newest change first, pages; handling and its repeats; silence on safety hold."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.domain.next_steps import HOLD_TEXT, JOINT, WALL_TEXT
from tests.api.bodies import Document, hostile, indicator, members, rating, session
from tests.api.conftest import Clock, NewKey, client_of

pytestmark = pytest.mark.anyio


async def listed(client: httpx.AsyncClient, **filters: Any) -> list[Document]:
    answered = await client.get("/v1/alerts", params=filters)
    assert answered.status_code == 200
    items: list[Document] = answered.json()["items"]
    return items


async def put(client: httpx.AsyncClient, case_id: str, number: int, body: Document) -> None:
    answered = await client.put(f"/v1/cases/{case_id}/sessions/s{number}", json=body)
    assert answered.status_code in (200, 201)


async def only(client: httpx.AsyncClient) -> Document:
    (alert,) = await listed(client)
    return alert


CALM = {"indicators_observed": True, "attendance": {"ana": "attended"}}


@pytest.fixture
async def five(client: httpx.AsyncClient, clock: Clock) -> httpx.AsyncClient:
    """Return a client of a clinic with alerts in five cases, an hour between them; the better one has good news too."""
    await put(client, "warned", 1, hostile(therapists=["dr-7"]))
    clock.pass_by(hours=1)
    await put(client, "grave", 1, hostile(severity=3, therapists=["dr-7", "dr-8"]))
    clock.pass_by(hours=1)
    await client.post("/v1/ratings", json=rating(total=50.0, case_id="low"))
    clock.pass_by(hours=1)
    for number, body in ((1, hostile()), (2, session(2, **CALM)), (3, session(3, **CALM))):
        await put(client, "better", number, body)
    clock.pass_by(hours=1)
    await put(client, "gone", 1, hostile())
    await put(client, "gone", 1, session())
    return client


@pytest.mark.parametrize(
    ("filters", "cases"),
    [
        ({}, ["gone", "better", "better", "low", "grave", "warned"]),
        ({"state": "open"}, ["better", "low", "grave", "warned"]),
        ({"state": ["recovered", "retracted"]}, ["gone", "better"]),  # repeated means or
        ({"state": "recovering"}, []),
        ({"severity": "info"}, ["better", "low"]),
        ({"severity": ["critical", "info"]}, ["better", "low", "grave"]),
        ({"rule": "absolute-low"}, ["low"]),
        ({"rule": ["absolute-low", "hostility-to-therapist"], "state": "open"}, ["low", "grave", "warned"]),
        ({"rule": "no-such-rule"}, []),
        ({"case_id": ["warned", "low"]}, ["low", "warned"]),
        ({"case_id": "elsewhere"}, []),
        ({"therapist_id": "dr-7"}, ["grave", "warned"]),
        ({"therapist_id": ["dr-8", "dr-9"]}, ["grave"]),
        ({"tone": "good-news"}, ["better"]),
        ({"tone": "caution"}, ["gone", "better", "low", "grave", "warned"]),
        ({"tone": "caution", "state": "open"}, ["low", "grave", "warned"]),
        ({"tone": ["caution", "good-news"]}, ["gone", "better", "better", "low", "grave", "warned"]),
        ({"tone": "good-news", "rule": ["recovery", "absolute-low"]}, ["better"]),
        ({"tone": "good-news", "rule": "absolute-low"}, []),
        ({"tone": "caution", "rule": "recovery"}, []),
        ({"handling": "new"}, ["gone", "better", "better", "low", "grave", "warned"]),
        ({"handling": ["acknowledged", "dismissed"]}, []),
        ({"changed_after": "2026-06-01T14:00:00Z"}, ["gone", "better", "better"]),  # after, not at
        ({"changed_after": "2026-06-01T15:59:59+02:00"}, ["gone", "better", "better", "low"]),
        ({"severity": "warning", "state": "open", "therapist_id": "dr-7"}, ["warned"]),  # kinds together mean and
    ],
)
async def test_filters(five: httpx.AsyncClient, filters: Document, cases: list[str]) -> None:
    assert [alert["case_id"] for alert in await listed(five, **filters)] == cases


@pytest.mark.parametrize(
    ("filters", "pointer"),
    [
        ({"state": "odd"}, "?state"),
        ({"severity": ["info", "odd"]}, "?severity"),
        ({"tone": "good"}, "?tone"),
        ({"handling": "odd"}, "?handling"),
        ({"rule": "Side Taking"}, "?rule"),
        ({"case_id": "-x"}, "?case_id"),
        ({"changed_after": "yesterday"}, "?changed_after"),
        ({"limit": 0}, "?limit"),
        ({"limit": 201}, "?limit"),
    ],
)
async def test_filters_that_do_not_fit(client: httpx.AsyncClient, filters: Document, pointer: str) -> None:
    answered = await client.get("/v1/alerts", params=filters)
    assert answered.status_code == 422
    assert {item["pointer"] for item in answered.json()["errors"]} == {pointer}


async def test_good_news_says_that_it_is_some(five: httpx.AsyncClient) -> None:
    (good,) = await listed(five, tone="good-news")
    assert (good["rule"], good["severity"], good["tone"]) == ("recovery", "info", "good-news")
    assert good["title"].startswith("Good news: ")
    assert {alert["tone"] for alert in await listed(five, tone="caution")} == {"caution"}


async def test_a_change_comes_to_the_front(five: httpx.AsyncClient) -> None:
    await put(five, "warned", 2, hostile(2))
    front, *others = await listed(five)
    assert (front["case_id"], front["severity"], len(others)) == ("warned", "critical", 5)
    assert (front["opened_session_id"], front["last_session_id"], front["sessions_open"]) == ("s1", "s2", 2)
    assert front["revision"] == 2


async def test_pages_meet_each_alert_once(five: httpx.AsyncClient) -> None:
    found: list[str] = []
    path: str | None = "/v1/alerts?limit=2&handling=new"
    pages = 0
    while path is not None:
        answered = await five.get(path)
        found, pages = found + [item["case_id"] for item in answered.json()["items"]], pages + 1
        link = answered.headers.get("link")
        path = link.removeprefix("<").partition(">")[0] if link else None
    assert (found, pages) == (["gone", "better", "better", "low", "grave", "warned"], 3)


async def test_an_alert_that_changes_between_pages_is_not_lost(five: httpx.AsyncClient) -> None:
    first = (await five.get("/v1/alerts?limit=5")).json()
    await put(five, "warned", 2, hostile(2))  # moves to the front of the list, behind the reader's back
    rest = (await five.get("/v1/alerts", params={"limit": 5, "cursor": first["next_cursor"]})).json()
    assert (rest["items"], rest["next_cursor"]) == ([], None)
    assert [item["case_id"] for item in await listed(five, changed_after=first["items"][0]["changed_at"])] == []
    assert [item["case_id"] for item in await listed(five, limit=1)] == ["warned"]


async def test_one_alert(five: httpx.AsyncClient) -> None:
    for alert in await listed(five):
        answered = await five.get(f"/v1/alerts/{alert['alert_id']}")
        assert (answered.json(), answered.headers["etag"]) == (alert, f'"{alert["revision"]}"')


async def test_it_says_what_was_seen_and_what_may_be_tried(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42", json={"therapists": ["dr-7"]})
    await put(client, "fam-42", 1, hostile())
    alert = await only(client)
    seen = {"level": 2, "kind": "hostility", "source": "observer/o1"}
    assert {name: alert["basis"]["values"][name] for name in seen} == seen
    assert (alert["therapists"], alert["subject"], alert["origin"]) == (["dr-7"], ["member/ana"], "live")
    assert (alert["title"], alert["text"].endswith("The numbers cannot say why.")) == (
        "Hostility to the therapist",
        True,
    )
    assert "own-part" in [step["code"] for step in alert["next_steps"]]
    assert alert["basis"]["evidence"] == "B"


class Handling:
    """One alert and what is done with it."""

    def __init__(self, client: httpx.AsyncClient, alert_id: str) -> None:
        self.client = client
        self.path = f"/v1/alerts/{alert_id}"

    async def do(self, action: str, key: str = "h-1", **facts: Any) -> httpx.Response:
        body = {"id": key, "action": action, "by": "dr-7", **facts}
        return await self.client.post(f"{self.path}/handling", json=body)

    async def read(self) -> Document:
        body: Document = (await self.client.get(self.path)).json()
        return body


@pytest.fixture
async def handling(client: httpx.AsyncClient) -> Handling:
    """Return the handling of a hostility alert after the first of a case's sessions."""
    await put(client, "fam-42", 1, hostile())
    return Handling(client, (await only(client))["alert_id"])


ACTS: list[tuple[Document, str]] = [
    ({"action": "acknowledge"}, "acknowledged"),
    ({"action": "snooze", "until": {"sessions": 2}}, "snoozed"),
    ({"action": "snooze", "until": {"date": "2026-12-01"}}, "snoozed"),
    ({"action": "dismiss", "reason": "already-addressed"}, "dismissed"),
    ({"action": "dismiss", "reason": "not-clinically-relevant"}, "dismissed"),
    ({"action": "dismiss", "reason": "data-error"}, "dismissed"),
    ({"action": "dismiss", "reason": "duplicate"}, "dismissed"),
]


class TestHandling:
    @pytest.mark.parametrize(("act", "becomes"), ACTS)
    async def test_each_act_and_its_repeat(self, handling: Handling, clock: Clock, act: Document, becomes: str) -> None:
        clock.pass_by(hours=1)
        answered = await handling.do(**act, at="2026-06-01T12:30:00Z")
        body = answered.json()
        told = {"id": "h-1", "by": "dr-7", "at": "2026-06-01T12:30:00.000Z", "until": None, "reason": None, **act}
        assert answered.status_code == 200
        assert (body["handling"], body["handled"], body["handling_revision"]) == (becomes, told, 1)
        assert (body["revision"], body["changed_at"]) == (2, "2026-06-01T13:00:00.000Z")
        clock.pass_by(hours=1)
        again = await handling.do(**act, at="2026-06-01T14:30:00+02:00", handling_revision=0)
        assert (again.status_code, again.json()) == (200, body)
        assert await handling.read() == body

    async def test_taking_it_back(self, handling: Handling) -> None:
        await handling.do("dismiss", reason="duplicate")
        body = (await handling.do("unhandle", key="h-2")).json()
        assert (body["handling"], body["handled"], body["handling_revision"], body["revision"]) == ("new", None, 2, 3)
        body = (await handling.do("unhandle", key="h-2")).json()
        assert body["handling_revision"] == 2
        late = (await handling.do("dismiss", reason="duplicate")).json()  # a late repeat of the first act
        assert (late["handling"], late["handling_revision"]) == ("new", 2)

    @pytest.mark.parametrize(
        "other",
        [
            {"action": "unhandle"},
            {"action": "acknowledge", "by": "dr-8"},
            {"action": "acknowledge", "at": "2026-05-01T12:00:00Z"},
            {"action": "dismiss", "reason": "duplicate"},
        ],
    )
    async def test_the_same_id_with_other_content(self, handling: Handling, other: Document) -> None:
        await handling.do("acknowledge")
        before = await handling.read()
        answered = await handling.do(**other)
        assert (answered.status_code, answered.json()["code"]) == (409, "handling-differs")
        assert await handling.read() == before

    async def test_an_act_on_what_is_no_longer_so(self, handling: Handling) -> None:
        assert (await handling.do("acknowledge", handling_revision=0)).status_code == 200
        stale = await handling.do("dismiss", key="h-2", reason="duplicate", handling_revision=0)
        assert (stale.status_code, stale.json()["code"]) == (412, "precondition-failed")
        assert stale.json()["handling_revision"] == 1
        assert (await handling.do("dismiss", key="h-2", reason="duplicate", handling_revision=1)).status_code == 200

    @pytest.mark.parametrize("at", [None, "2026-06-01T12:00:00.001Z", "2031-01-01T00:00:00Z"])
    async def test_a_clock_that_runs_fast_is_set_to_ours(self, handling: Handling, at: str | None) -> None:
        body = (await handling.do("acknowledge", **({"at": at} if at else {}))).json()
        assert body["handled"]["at"] == "2026-06-01T12:00:00.000Z"

    @pytest.mark.parametrize(
        ("act", "pointer", "code"),
        [
            ({"action": "snooze"}, "/until", "until-with-snooze"),
            ({"action": "acknowledge", "until": {"sessions": 2}}, "/until", "until-with-snooze"),
            ({"action": "dismiss"}, "/reason", "reason-with-dismiss"),
            ({"action": "acknowledge", "reason": "duplicate"}, "/reason", "reason-with-dismiss"),
            ({"action": "dismiss", "reason": "boredom"}, "/reason", "unknown-value"),
            ({"action": "sleep"}, "/action", "unknown-value"),
            ({"action": "acknowledge", "by": "therapist"}, "/by", "reserved-id"),
            ({"action": "acknowledge", "handling_revision": "0"}, "/handling_revision", "not-integer"),
            ({"action": "acknowledge", "note": "x"}, "/note", "unknown-field"),
        ],
    )
    async def test_what_does_not_fit(self, handling: Handling, act: Document, pointer: str, code: str) -> None:
        answered = await handling.do(**act)
        assert answered.status_code == 422
        assert (pointer, code) in [(item["pointer"], item["code"]) for item in answered.json()["errors"]]
        assert (await handling.read())["handling_revision"] == 0

    @pytest.mark.parametrize(
        ("until", "pointer", "code"),
        [
            ({"sessions": 0}, "/until/sessions", "greater-than-equal"),
            ({"sessions": 21}, "/until/sessions", "less-than-equal"),
            ({"sessions": 2.0}, "/until/sessions", "not-integer"),
            ({"date": "soon"}, "/until/date", "bad-date"),
            ({}, "/until", "sessions-or-date"),
            ({"sessions": 2, "date": "2026-12-01"}, "/until", "sessions-or-date"),
            ({"weeks": 1}, "/until/weeks", "unknown-field"),
            ("2026-12-01", "/until", "not-an-object"),
        ],
    )
    async def test_how_long_a_snooze_may_last(self, handling: Handling, until: Any, pointer: str, code: str) -> None:
        answered = await handling.do("snooze", until=until)
        assert (answered.status_code, answered.json()["code"]) == (422, "invalid")
        assert [(item["pointer"], item["code"]) for item in answered.json()["errors"]] == [(pointer, code)]

    @pytest.mark.parametrize("alert_id", ["00000000-0000-7000-8000-000000000000"])
    async def test_an_unknown_alert_is_not_there(self, client: httpx.AsyncClient, alert_id: str) -> None:
        assert (await Handling(client, alert_id).do("acknowledge")).status_code == 404
        assert (await client.get(f"/v1/alerts/{alert_id}")).status_code == 404
        assert (await client.get("/v1/alerts/none")).status_code == 422

    async def test_without_alerts_read_only_the_handling_comes_back(
        self, app: FastAPI, handling: Handling, new_key: NewKey
    ) -> None:
        async with client_of(app, await new_key("alerts:handle")) as handler:
            answered = await handler.post(
                f"{handling.path}/handling", json={"id": "h", "action": "acknowledge", "by": "x"}
            )
            assert (await handler.get(handling.path)).status_code == 403
        assert sorted(answered.json()) == ["handled", "handling", "handling_revision"]
        assert "etag" not in answered.headers


class TestCourseAndHandling:
    async def test_rising_to_critical_wakes_it(self, client: httpx.AsyncClient, handling: Handling) -> None:
        await handling.do("dismiss", reason="already-addressed")
        await put(client, "fam-42", 2, hostile(2))  # clear in two of the last three: critical
        body = await handling.read()
        assert (body["severity"], body["handling"], body["handled"]) == ("critical", "new", None)
        assert body["handling_revision"] == 2

    async def test_reopening_wakes_it(self, client: httpx.AsyncClient, handling: Handling) -> None:
        for number in (2, 3):
            await put(client, "fam-42", number, session(number, **CALM))
        body = await handling.read()
        assert body["state"] == "recovered"
        await handling.do("acknowledge")
        await put(client, "fam-42", 4, hostile(4))
        body = await handling.read()
        assert (body["state"], body["handling"], body["handling_revision"]) == ("open", "new", 2)

    async def test_recovering_leaves_it_alone(self, client: httpx.AsyncClient, handling: Handling) -> None:
        await handling.do("acknowledge")
        await put(client, "fam-42", 2, session(2, **CALM))
        body = await handling.read()
        assert (body["state"], body["handling"], body["handling_revision"]) == ("recovering", "acknowledged", 1)

    async def test_a_snooze_ends_with_its_sessions(self, client: httpx.AsyncClient, handling: Handling) -> None:
        await handling.do("snooze", until={"sessions": 2})
        for number, expected in ((2, "snoozed"), (3, "new")):
            await put(client, "fam-42", number, session(number))
            body = await handling.read()
            assert (body["handling"], body["handled"] is None) == (expected, expected == "new")
            assert [item["handling"] for item in await listed(client, handling=expected)] == [expected]
            assert await listed(client, handling={"new": "snoozed", "snoozed": "new"}[expected]) == []
        assert body["handling_revision"] == 1  # reading changes nothing

    async def test_a_cancelled_session_is_none_of_them(self, client: httpx.AsyncClient, handling: Handling) -> None:
        await handling.do("snooze", until={"sessions": 1})
        await put(client, "fam-42", 2, session(2, status="cancelled"))
        await put(client, "fam-42", 3, session(3, status="no-show", attendance={"ana": "excused"}))
        assert (await handling.read())["handling"] == "snoozed"
        await put(client, "fam-42", 4, session(4))
        assert (await handling.read())["handling"] == "new"

    async def test_a_snooze_ends_with_its_day_in_utc(
        self, client: httpx.AsyncClient, handling: Handling, clock: Clock
    ) -> None:
        await handling.do("snooze", until={"date": "2026-06-03"})
        clock.pass_by(hours=35, minutes=59)
        assert (await handling.read())["handling"] == "snoozed"
        assert [item["handling"] for item in await listed(client, handling="snoozed")] == ["snoozed"]
        clock.pass_by(minutes=1)
        assert (await handling.read())["handling"] == "new"
        assert [item["handling"] for item in await listed(client, handling="new")] == ["new"]
        assert await listed(client, handling="snoozed") == []

    async def test_handling_is_a_change_too(self, five: httpx.AsyncClient) -> None:
        (alert,) = await listed(five, case_id="warned")
        await Handling(five, alert["alert_id"]).do("acknowledge")
        assert (await listed(five))[0]["alert_id"] == alert["alert_id"]


TOGETHER = {"neutrality", "equidistance", "strongest-alliance", "circular-question"}
SIDES = {
    "i1": {
        "kind": "side-taking",
        "from": "therapist/dr-7",
        "toward": "member/eva",
        "severity": 2,
        "source": "member/ana",
    }
}


class TestSafetyHold:
    @pytest.fixture
    async def held(self, client: httpx.AsyncClient) -> httpx.AsyncClient:
        """Return a client of a case with a side-taking and a hostility alert."""
        await client.put("/v1/cases/fam-42", json={"members": members("eva", "tom", "ana")})
        both = {**SIDES, "i2": indicator()}
        await put(client, "fam-42", 1, session(indicators_observed=True, indicators=both))
        await client.post("/v1/ratings", json=rating("eva"))
        return client

    async def switch(self, client: httpx.AsyncClient, on: bool) -> None:
        answered = await client.patch("/v1/cases/fam-42", json={"safety_hold": on})
        assert answered.status_code == 200

    async def rules(self, client: httpx.AsyncClient) -> list[set[str]]:
        """Return the rules of which each way of reading speaks."""
        posted = (await client.post("/v1/ratings", json=rating("eva"))).json()["alerts"]
        course = (await client.get("/v1/cases/fam-42/course")).json()["concerns"]
        return [{item["rule"] for item in items} for items in (await listed(client), posted, course)]

    async def test_rules_about_sides_are_silent(self, held: httpx.AsyncClient) -> None:
        both = {"side-taking", "hostility-to-therapist"}
        assert await self.rules(held) == [both] * 3
        (silent,) = await listed(held, rule="side-taking")
        await self.switch(held, on=True)
        assert await self.rules(held) == [{"hostility-to-therapist"}] * 3
        assert await listed(held, rule="side-taking") == []
        assert (await held.get(f"/v1/alerts/{silent['alert_id']}")).status_code == 404
        answered = await Handling(held, silent["alert_id"]).do("acknowledge")
        assert sorted(answered.json()) == ["handled", "handling", "handling_revision"]
        await self.switch(held, on=False)
        assert await self.rules(held) == [both] * 3

    async def test_steps_that_bring_members_together_are_hidden(self, held: httpx.AsyncClient) -> None:
        before = await listed(held)
        shown = {step["code"] for alert in before for step in alert["next_steps"]}
        assert shown & TOGETHER
        assert not any(HOLD_TEXT in alert["text"] for alert in before)
        await self.switch(held, on=True)
        after = await listed(held)
        assert not {step["code"] for alert in after for step in alert["next_steps"]} & TOGETHER
        assert all(alert["text"].count(HOLD_TEXT) == 1 for alert in after)

    async def test_nothing_is_raised_jointly_across_a_wall(self, held: httpx.AsyncClient) -> None:
        before = await listed(held)
        assert {step["code"] for alert in before for step in alert["next_steps"]} & JOINT
        (await held.patch("/v1/cases/fam-42", json={"walls": [["eva", "ana"]]})).raise_for_status()
        posted = (await held.post("/v1/ratings", json=rating("eva"))).json()["alerts"]
        course = (await held.get("/v1/cases/fam-42/course")).json()["concerns"]
        one = [(await held.get(f"/v1/alerts/{before[0]['alert_id']}")).json()]
        for found in (await listed(held), posted, course, one):
            assert found
            assert not {step["code"] for alert in found for step in alert["next_steps"]} & JOINT
            assert all(alert["text"].count(WALL_TEXT) == 1 for alert in found)

    async def test_violence_in_the_room_says_so_unasked(self, client: httpx.AsyncClient) -> None:
        seen = {"i1": indicator("hostility", 3, toward="member/kim")}
        await put(client, "fam-42", 1, session(indicators_observed=True, indicators=seen))
        alert = await only(client)
        assert (alert["rule"], alert["severity"]) == ("hostility-to-member", "critical")
        assert alert["text"].count(HOLD_TEXT) == 1
        assert not {step["code"] for step in alert["next_steps"]} & TOGETHER
