"""Therapy sessions: announced, replaced, patched; what their facts mean for the course."""

from typing import Any

import httpx
import pytest

from tests.api.bodies import Document, hostile, indicator, members, rating, session
from tests.api.conftest import Clock

pytestmark = pytest.mark.anyio

CASE, PATH = "/v1/cases/fam-42", "/v1/cases/fam-42/sessions/s2"
DEFAULTS: Document = {
    "held_at": None,
    "status": "held",
    "therapists": [],
    "next_planned_at": None,
    "attendance": {},
    "indicators_observed": None,
    "indicators": {},
    "tasks": {},
    "goals": {},
    "discussed": [],
    "readiness": {},
    "hope": {},
}
FULL: Document = {
    "held_at": "2026-01-12T16:00:00.000Z",
    "status": "held",
    "therapists": ["dr-7"],
    "next_planned_at": "2026-01-19T16:00:00.000Z",
    "attendance": {"eva": "attended", "tom": "no-show", "ana": "late"},
    "indicators_observed": True,
    "indicators": {"i1": indicator(), "i2": indicator("withdrawal", 1, toward=None)},
    "tasks": {"t1": {"member": "ana", "assigned_session_id": "s1", "outcome": "partial"}},
    "goals": {"therapist": ["curfew"], "ana": ["autonomy", "curfew"]},
    "discussed": [{"rule": "trust-bond-loss", "subject": ["member/ana"]}],
    "readiness": {"ana": {"value": 0, "source": "therapist/dr-7"}},
    "hope": {"ana": {"value": 10, "source": "member/ana"}, "eva": {"value": 4, "source": "observer/o1"}},
}


def refusal(answered: httpx.Response) -> tuple[int, str]:
    return answered.status_code, answered.json()["code"]


def faults(answered: httpx.Response) -> list[tuple[str, str]]:
    assert refusal(answered) == (422, "invalid")
    return [(item["pointer"], item["code"]) for item in answered.json()["errors"]]


async def course(client: httpx.AsyncClient) -> list[Document]:
    found: list[Document] = (await client.get(f"{CASE}/course")).json()["sessions"]
    return found


class TestPut:
    @pytest.mark.parametrize(("body", "facts"), [({}, DEFAULTS), (FULL, FULL)])
    async def test_a_new_session_and_its_case(self, client: httpx.AsyncClient, body: Document, facts: Document) -> None:
        answered = await client.put(PATH, json=body)
        assert (answered.status_code, answered.headers["location"], answered.headers["etag"]) == (201, PATH, '"1"')
        when = dict.fromkeys(("created_at", "changed_at"), "2026-06-01T12:00:00.000Z")
        named = {"case_id": "fam-42", "session_id": "s2"}
        assert answered.json() == {**named, **facts, "announced": True, "revision": 1, **when}
        assert (await client.get(PATH)).json() == answered.json()
        assert (await client.get(CASE)).json()["announced"] is False

    async def test_the_same_again_changes_nothing(self, client: httpx.AsyncClient, clock: Clock) -> None:
        first = (await client.put(PATH, json=FULL)).json()
        clock.pass_by(days=1)
        shifted = {**FULL, "held_at": "2026-01-12T17:00:00+01:00"}
        again = await client.put(PATH, json=shifted, headers={"If-Match": '"5"'})
        assert (again.status_code, again.json()) == (200, first)

    async def test_it_replaces_all_that_was_announced(self, client: httpx.AsyncClient) -> None:
        await client.put(PATH, json=FULL)
        answered = await client.put(PATH, json={"status": "cancelled"}, headers={"If-Match": '"1"'})
        body = answered.json()
        assert (answered.status_code, body["revision"], answered.headers["etag"]) == (200, 2, '"2"')
        assert {name: body[name] for name in DEFAULTS} == {**DEFAULTS, "status": "cancelled"}

    async def test_if_match_guards_against_lost_changes(self, client: httpx.AsyncClient) -> None:
        await client.put(PATH, json=FULL)
        refused = await client.put(PATH, json={}, headers={"If-Match": '"2"'})
        assert (refusal(refused), refused.json()["revision"]) == ((412, "precondition-failed"), 1)
        refused = await client.patch(PATH, json={"status": "no-show"}, headers={"If-Match": '"2"'})
        assert refusal(refused) == (412, "precondition-failed")

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"held_at": 1767628800}, [("/held_at", "bad-time")]),
            ({"held_at": "2026-06-02T12:00:01Z"}, [("/held_at", "in-the-future")]),
            ({"held_at": "2026-06-02T12:00:01Z", "status": "no-show"}, [("/held_at", "in-the-future")]),
            ({"status": "moved"}, [("/status", "unknown-value")]),
            ({"attendance": {"ana": "asleep"}}, [("/attendance/ana", "unknown-value")]),
            ({"attendance": {"family": "late"}}, [("/attendance/family", "reserved-id")]),
            ({"indicators": {"i1": indicator("abuse")}}, [("/indicators/i1/kind", "unknown-kind")]),
            ({"indicators": {"i1": indicator(severity=4)}}, [("/indicators/i1/severity", "less-than-equal")]),
            ({"indicators": {"i1": indicator(severity=True)}}, [("/indicators/i1/severity", "not-integer")]),
            ({"indicators": {"i1": indicator(source="ana")}}, [("/indicators/i1/source", "bad-format")]),
            (
                {"indicators": {"i1": indicator()}, "indicators_observed": False},
                [("/indicators_observed", "contradiction")],
            ),
            ({"tasks": {"t1": {"member": "ana", "outcome": "lost"}}}, [("/tasks/t1/outcome", "unknown-value")]),
            ({"tasks": {"t1": {"outcome": "done"}}}, [("/tasks/t1/member", "missing")]),
            ({"goals": {"ana": ["Be Home Early"]}}, [("/goals/ana/0", "bad-format")]),
            ({"discussed": [{"rule": "side-taking", "subject": []}]}, [("/discussed/0/subject", "too-few")]),
            ({"hope": {"ana": {"value": 11, "source": "member/ana"}}}, [("/hope/ana/value", "less-than-equal")]),
            ({"hope": {"ana": {"value": 5.5, "source": "member/ana"}}}, [("/hope/ana/value", "not-integer")]),
            (
                {"readiness": {"ana": {"value": -1, "source": "member/ana"}}},
                [("/readiness/ana/value", "greater-than-equal")],
            ),
            ({"readiness": {"ana": {"value": 5, "source": "ana"}}}, [("/readiness/ana/source", "bad-format")]),
            ({"readiness": {"ana": {"value": 5}}}, [("/readiness/ana/source", "missing")]),
            ({"readiness": {"ana": 5}}, [("/readiness/ana", "not-an-object")]),
            ({"notes": "free text"}, [("/notes", "unknown-field")]),
        ],
    )
    async def test_what_does_not_fit(
        self, client: httpx.AsyncClient, body: Any, expected: list[tuple[str, str]]
    ) -> None:
        assert faults(await client.put(PATH, json=body)) == expected
        assert (await client.get(CASE)).status_code == 404

    @pytest.mark.parametrize("kind", ["abuse", "violence", "neglect", "suicide-risk", "allegation-of-abuse"])
    async def test_an_allegation_is_refused_and_not_repeated(self, client: httpx.AsyncClient, kind: str) -> None:
        told = {"indicators": {"i1": indicator(kind)}}
        await client.put(PATH, json={})
        for answered in (await client.put(PATH, json=told), await client.patch(PATH, json=told)):
            assert faults(answered) == [("/indicators/i1/kind", "unknown-kind")]
            assert "EHR" in answered.json()["errors"][0]["detail"]
            assert kind not in answered.text
        assert (await client.get(PATH)).json()["indicators"] == {}

    @pytest.mark.parametrize("status", ["scheduled", "cancelled", "late-cancelled"])
    async def test_what_was_not_held_may_lie_ahead(self, client: httpx.AsyncClient, status: str) -> None:
        answered = await client.put(PATH, json={"held_at": "2027-01-01T10:00:00Z", "status": status})
        assert answered.status_code == 201
        assert await course(client) == []

    async def test_a_rated_session_cannot_be_moved_ahead(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/ratings", json=rating(number=2))
        ahead = {"held_at": "2027-01-01T10:00:00Z", "status": "scheduled"}
        assert faults(await client.put(PATH, json=ahead)) == [("/held_at", "in-the-future")]


class TestPatch:
    @pytest.mark.parametrize(
        ("patch", "changed"),
        [
            ({"attendance": {"tom": None, "oma": "excused"}}, {"attendance": {"tom": None, "oma": "excused"}}),
            ({"indicators": {"i2": None}}, {"indicators": {"i2": None}}),
            ({"indicators": {"i1": {"severity": 3}}}, {"indicators": {"i1": indicator(severity=3)}}),
            ({"indicators": {"i1": {"toward": None}}}, {"indicators": {"i1": indicator(toward=None)}}),
            ({"indicators": {"i3": indicator("blame")}}, {"indicators": {"i3": indicator("blame")}}),
            (
                {"tasks": {"t1": {"assigned_session_id": None, "outcome": "refused"}}},
                {"tasks": {"t1": {"member": "ana", "assigned_session_id": None, "outcome": "refused"}}},
            ),
            ({"goals": {"ana": ["school"], "therapist": None}}, {"goals": {"ana": ["school"], "therapist": None}}),
            ({"held_at": None, "next_planned_at": None}, {"held_at": None, "next_planned_at": None}),
            ({"status": None, "therapists": None}, {"status": "held", "therapists": []}),
            ({"discussed": []}, {"discussed": []}),
            ({"readiness": None, "hope": {"eva": None}}, {"readiness": {}, "hope": {"eva": None}}),
            (
                {"hope": {"ana": {"value": 3}}},
                {"hope": {"ana": {"value": 3, "source": "member/ana"}}},
            ),
            ({"indicators": None, "indicators_observed": None}, {"indicators": {}, "indicators_observed": None}),
            ({}, {}),
        ],
    )
    async def test_it_merges(self, client: httpx.AsyncClient, patch: Document, changed: Document) -> None:
        await client.put(PATH, json=FULL)
        answered = await client.patch(PATH, json=patch)
        expected = dict(FULL)
        for name, value in changed.items():
            merged = {**FULL[name], **value} if value and isinstance(value, dict) else value
            keep = isinstance(merged, dict)
            expected[name] = {key: item for key, item in merged.items() if item is not None} if keep else merged
        assert answered.status_code == 200
        assert {name: answered.json()[name] for name in FULL} == expected
        assert answered.json()["revision"] == (1 if patch == {} else 2)

    @pytest.mark.parametrize(
        ("patch", "expected"),
        [
            ({"indicators": {"i1": {"kind": None}}}, [("/indicators/i1/kind", "missing")]),
            ({"indicators": {"i9": {"kind": "blame", "severity": 1}}}, [("/indicators/i9/from", "missing")]),
            ({"tasks": {"t9": {"outcome": "done"}}}, [("/tasks/t9/member", "missing")]),
            ({"readiness": {"eva": {"value": 3}}}, [("/readiness/eva/source", "missing")]),
            ({"indicators_observed": False}, [("/indicators_observed", "contradiction")]),
            ({"held_at": "2026-07-01T00:00:00Z"}, [("/held_at", "in-the-future")]),
            ({"weather": "fine"}, [("/weather", "unknown-field")]),
        ],
    )
    async def test_what_would_not_fit_afterwards(
        self, client: httpx.AsyncClient, patch: Document, expected: list[tuple[str, str]]
    ) -> None:
        before = (await client.put(PATH, json=FULL)).json()
        found = faults(await client.patch(PATH, json=patch))
        assert found[0] == expected[0]
        assert (await client.get(PATH)).json() == before

    async def test_an_unknown_session_is_not_there(self, client: httpx.AsyncClient) -> None:
        assert refusal(await client.patch(PATH, json={})) == (404, "not-found")
        await client.put(CASE, json={})
        assert refusal(await client.patch(PATH, json={})) == (404, "not-found")
        assert refusal(await client.get(PATH)) == (404, "not-found")

    async def test_a_session_that_a_rating_created(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/ratings", json=rating(number=2))
        found = (await client.get(PATH)).json()
        assert (found["announced"], found["status"], found["held_at"]) == (False, "held", "2026-01-12T16:00:00.000Z")
        answered = (await client.patch(PATH, json={"attendance": {"eva": "excused"}})).json()
        assert (answered["announced"], answered["held_at"], answered["revision"]) == (True, None, 2)
        assert (await client.get(PATH)).json()["held_at"] == "2026-01-12T16:00:00.000Z"


class TestMeaning:
    async def test_the_earliest_time_of_its_ratings_until_one_is_announced(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/ratings", json=rating("ana", number=2, held_at="2026-01-12T18:00:00Z"))
        await client.post("/v1/ratings", json=rating("eva", number=2, held_at="2026-01-12T17:00:00Z"))
        assert (await client.get(PATH)).json()["held_at"] == "2026-01-12T17:00:00.000Z"
        await client.put(PATH, json=session(2))
        assert (await client.get(PATH)).json()["held_at"] == "2026-01-12T16:00:00.000Z"

    async def test_who_is_excused_is_not_missing(self, client: httpx.AsyncClient) -> None:
        await client.put(CASE, json={"members": members("eva", "tom", "ana", "kim", "oma")})
        excused = {"tom": "excused", "kim": "not-invited", "oma": "attended"}
        await client.put(PATH, json=session(2, attendance=excused))
        body = (await client.post("/v1/ratings", json=rating("ana", number=2))).json()
        assert body["missing_raters"] == ["member/eva", "member/oma"]
        assert body["balances"][0]["coverage"]["present"] == 2  # Ana, who rated, and Oma

    async def test_a_no_show_session_is_part_of_the_course_without_a_number(self, client: httpx.AsyncClient) -> None:
        await client.put(CASE, json={"members": members("eva", "ana")})
        for number, status in ((1, "held"), (2, "no-show"), (3, "cancelled"), (4, "held")):
            path = f"{CASE}/sessions/s{number}"
            await client.put(path, json=session(number, status=status))
        found = [(item["session_id"], item["number"]) for item in await course(client)]
        assert found == [("s1", 1), ("s2", None), ("s4", 2)]

    async def test_nobody_came_so_everybody_invited_is_a_no_show(self, client: httpx.AsyncClient) -> None:
        await client.put(CASE, json={"members": members("eva", "ana")})
        await client.put(f"{CASE}/sessions/s1", json=session(1, status="no-show", attendance={"eva": "excused"}))
        alerts = (await client.get("/v1/alerts")).json()["items"]
        assert [(item["rule"], item["subject"]) for item in alerts] == [("attendance", ["member/ana"])]

    async def test_an_indicator_opens_an_alert(self, client: httpx.AsyncClient) -> None:
        await client.put(PATH, json=hostile(2))
        (alert,) = (await client.get("/v1/alerts")).json()["items"]
        assert (alert["rule"], alert["opened_session_id"]) == ("hostility-to-therapist", "s2")
        await client.patch(PATH, json={"indicators": {"i1": None}})
        (alert,) = (await client.get("/v1/alerts")).json()["items"]
        assert (alert["state"], alert["state_reason"]) == ("retracted", "facts-changed")

    async def test_cancelling_takes_a_session_out_of_the_course(self, client: httpx.AsyncClient) -> None:
        await client.put(PATH, json=hostile(2))
        await client.patch(PATH, json={"status": "cancelled"})
        assert await course(client) == []
        (alert,) = (await client.get("/v1/alerts")).json()["items"]
        assert alert["state"] == "retracted"


async def test_pages_go_in_the_order_of_the_course(client: httpx.AsyncClient) -> None:
    for number in (3, 1, 2):
        await client.put(f"{CASE}/sessions/x{number}", json=session(4 - number))
    await client.put(f"{CASE}/sessions/a-none", json={})
    await client.put(f"{CASE}/sessions/b-none", json={})
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        answered = (await client.get(f"{CASE}/sessions?limit=2{more}")).json()
        found, cursor = found + [item["session_id"] for item in answered["items"]], answered["next_cursor"]
    assert found == ["x3", "x2", "x1", "a-none", "b-none"]
    assert (await client.get("/v1/cases/other/sessions")).status_code == 404
