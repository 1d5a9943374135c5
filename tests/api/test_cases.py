"""Cases: announced, replaced, patched; a member with ratings stays; the family grows by its raters."""

import json
from typing import Any

import httpx
import pytest

from tests.api.bodies import Document, members, rating, session
from tests.api.conftest import Clock

pytestmark = pytest.mark.anyio

PATH = "/v1/cases/fam-42"
USUAL: Document = {
    "active": True,
    "expected": True,
    "index": False,
    "supporter": False,
    "age_band": None,
    "voice": None,
}
DEFAULTS: Document = {
    "modality": "family",
    "program": None,
    "membership": "open",
    "mandated": False,
    "safety_hold": False,
    "members": {},
    "subsystems": {},
    "therapists": [],
    "periods": [],
    "checklist": {},
    "walls": [],
}
FULL: Document = {
    "modality": "couple",
    "program": "trauma",
    "membership": "fixed",
    "mandated": True,
    "safety_hold": True,
    "members": {
        "eva": {"role": "parent", **USUAL, "age_band": "18-and-over"},
        "tom": {"role": "parent", **USUAL, "active": False},
        "ana": {"role": "youth", **USUAL, "expected": False, "index": True, "age_band": "13-17"},
        "bea": {
            "role": "extended",
            **USUAL,
            "supporter": True,
            "voice": {"state": "heard-elsewhere", "decided_in": None, "decided_on": "2026-01-05"},
        },
    },
    "subsystems": {"parents": ["eva", "tom"]},
    "therapists": ["dr-7", "dr-8"],
    "periods": [{"from": "2026-01-01", "to": "2026-03-01", "ended_as": "completed"}],
    "checklist": {
        "rationale-given": {"state": "open", "decided_in": None, "decided_on": None},
        "nobody-blamed": {"state": "ticked", "decided_in": "s2", "decided_on": None},
    },
    "walls": [["tom", "ana"]],
}


def refusal(answered: httpx.Response) -> tuple[int, str]:
    return answered.status_code, answered.json()["code"]


def faults(answered: httpx.Response) -> list[tuple[str, str]]:
    assert refusal(answered) == (422, "invalid")
    return [(item["pointer"], item["code"]) for item in answered.json()["errors"]]


class TestPut:
    @pytest.mark.parametrize(("body", "facts"), [({}, DEFAULTS), (FULL, FULL)])
    async def test_a_new_case(self, client: httpx.AsyncClient, body: Document, facts: Document) -> None:
        answered = await client.put(PATH, json=body)
        assert (answered.status_code, answered.headers["location"], answered.headers["etag"]) == (201, PATH, '"1"')
        when = dict.fromkeys(("created_at", "changed_at"), "2026-06-01T12:00:00.000Z")
        assert answered.json() == {"case_id": "fam-42", **facts, "announced": True, "revision": 1, **when}
        found = await client.get(PATH)
        assert (found.json(), found.headers["etag"]) == (answered.json(), '"1"')

    async def test_it_replaces_all_that_was_announced(self, client: httpx.AsyncClient, clock: Clock) -> None:
        await client.put(PATH, json=FULL)
        clock.pass_by(days=1)
        answered = await client.put(PATH, json={"modality": "individual"})
        assert (answered.status_code, answered.headers["etag"], "location" in answered.headers) == (200, '"2"', False)
        body = answered.json()
        assert {name: body[name] for name in DEFAULTS} == {**DEFAULTS, "modality": "individual"}
        assert (body["created_at"], body["changed_at"]) == ("2026-06-01T12:00:00.000Z", "2026-06-02T12:00:00.000Z")

    async def test_the_same_again_changes_nothing(self, client: httpx.AsyncClient, clock: Clock) -> None:
        first = (await client.put(PATH, json=FULL)).json()
        clock.pass_by(days=1)
        again = await client.put(PATH, json=FULL, headers={"If-Match": '"9"'})
        assert (again.status_code, again.json()) == (200, first)

    async def test_a_case_that_ratings_spoke_of_first(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/ratings", json=rating("ana"))
        found = (await client.get(PATH)).json()
        joined = {"role": "youth", **USUAL}
        assert (found["announced"], found["revision"], found["members"]) == (False, 1, {"ana": joined})
        answered = await client.put(PATH, json={})
        assert (answered.status_code, answered.json()["announced"], answered.json()["revision"]) == (200, True, 2)
        assert answered.json()["members"] == {}  # the announced ones; who rated is not for every key to know
        assert (await client.get(PATH)).json()["members"] == {"ana": joined}

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({"modality": "group"}, [("/modality", "unknown-value")]),
            ({"program": "Trauma Care"}, [("/program", "bad-format")]),
            ({"mandated": 1}, [("/mandated", "not-a-boolean")]),
            ({"members": {"ana": {}}}, [("/members/ana/role", "missing")]),
            ({"members": {"ana": {"role": "hero"}}}, [("/members/ana/role", "unknown-value")]),
            ({"members": {"ana": {"role": "youth", "name": "x"}}}, [("/members/ana/name", "unknown-field")]),
            ({"members": {"therapist": {"role": "other"}}}, [("/members/therapist", "reserved-id")]),
            ({"members": []}, [("/members", "not-an-object")]),
            ({"subsystems": {"parents": ["eva"]}}, [("/subsystems/parents/0", "unknown-member")]),
            ({"therapists": ["dr 7"]}, [("/therapists/0", "bad-format")]),
            ({"therapists": ["dr-7", "therapist"]}, [("/therapists/1", "reserved-id")]),
            ({"therapists": ["dr-7"] * 33}, [("/therapists", "too-many")]),
            ({"periods": [{"to": None}]}, [("/periods/0/from", "missing")]),
            ({"periods": [{"from": "2026-02-30"}]}, [("/periods/0/from", "bad-date")]),
            ({"periods": [{"from": "2026-02-02", "to": "2026-02-01"}]}, [("/periods/0/to", "before-start")]),
            ({"periods": [{"from": "2026-02-02", "ended_as": "completed"}]}, [("/periods/0/to", "missing")]),
            ({"members": {"ana": {"role": "youth", "age_band": 15}}}, [("/members/ana/age_band", "unknown-value")]),
            (
                {"members": {"ana": {"role": "youth", "voice": {"state": "goes-without"}}}},
                [("/members/ana/voice/decided_on", "missing")],
            ),
            ({"checklist": {"be-on-time": {"state": "open"}}}, [("/checklist/be-on-time", "unknown-value")]),
            ({"checklist": {"nobody-blamed": {}}}, [("/checklist/nobody-blamed/state", "missing")]),
            (
                {"checklist": {"nobody-blamed": {"state": "ticked", "decided_on": "2026-02-30"}}},
                [("/checklist/nobody-blamed/decided_on", "bad-date")],
            ),
            ({"walls": [["eva"]]}, [("/walls/0", "too-few")]),
            ({"walls": [["eva", "tom", "ana"]]}, [("/walls/0", "too-many")]),
            ({"members": members("eva"), "walls": [["eva", "tom"]]}, [("/walls/0/1", "unknown-member")]),
            ({"nickname": "x"}, [("/nickname", "unknown-field")]),
            ([], [("", "not-an-object")]),
        ],
    )
    async def test_what_does_not_fit(
        self, client: httpx.AsyncClient, body: Any, expected: list[tuple[str, str]]
    ) -> None:
        assert faults(await client.put(PATH, json=body)) == expected
        assert (await client.get(PATH)).status_code == 404

    @pytest.mark.parametrize("case_id", ["-fam", "fam%2042", "a" * 65, "fam$"])
    async def test_an_id_that_is_none(self, client: httpx.AsyncClient, case_id: str) -> None:
        assert (await client.put(f"/v1/cases/{case_id}", json={})).status_code == 422

    async def test_if_match_guards_against_lost_changes(self, client: httpx.AsyncClient) -> None:
        await client.put(PATH, json={})
        refused = await client.put(PATH, json=FULL, headers={"If-Match": '"2"'})
        assert (refusal(refused), refused.json()["revision"]) == ((412, "precondition-failed"), 1)
        assert (await client.put(PATH, json=FULL, headers={"If-Match": '"1"'})).status_code == 200
        assert refusal(await client.patch(PATH, json={"program": None}, headers={"If-Match": '"1"'}))[0] == 412

    async def test_if_match_on_a_case_that_is_not_there(self, client: httpx.AsyncClient) -> None:
        assert refusal(await client.put(PATH, json={}, headers={"If-Match": '"1"'}))[0] == 412
        assert (await client.get(PATH)).status_code == 404


class TestMembersWithRatings:
    async def test_an_announced_one_cannot_be_left_out(self, client: httpx.AsyncClient) -> None:
        await client.put(PATH, json={"members": members("eva", "ana")})
        path = (await client.post("/v1/ratings", json=rating("ana"))).headers["location"]
        expected = (409, "member-has-ratings")
        assert refusal(await client.put(PATH, json={"members": members("eva")})) == expected
        assert refusal(await client.patch(PATH, json={"members": {"ana": None}})) == expected
        assert (await client.put(PATH, json={"members": members("ana")})).status_code == 200  # Eva has none
        await client.delete(path)
        assert (await client.patch(PATH, json={"members": {"ana": None}})).status_code == 200

    async def test_one_who_only_joined_need_not_be_named(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/ratings", json=rating("ana"))
        assert (await client.put(PATH, json={"members": members("eva")})).status_code == 200
        assert sorted((await client.get(PATH)).json()["members"]) == ["ana", "eva"]

    async def test_a_list_becomes_fixed_only_with_all_who_rated(self, client: httpx.AsyncClient) -> None:
        await client.post("/v1/ratings", json=rating("ana"))
        fixed = {"membership": "fixed", "members": members("eva")}
        assert refusal(await client.put(PATH, json=fixed)) == (409, "member-has-ratings")
        assert (await client.put(PATH, json={**fixed, "members": members("eva", "ana")})).status_code == 200
        assert refusal(await client.post("/v1/ratings", json=rating("tom"))) == (422, "invalid")

    async def test_inactive_is_the_way_out(self, client: httpx.AsyncClient) -> None:
        await client.put(PATH, json={"members": members("eva", "tom", "ana")})
        await client.post("/v1/ratings", json=rating("ana"))
        assert (await client.patch(PATH, json={"members": {"ana": {"active": False}}})).status_code == 200
        body = (await client.post("/v1/ratings", json=rating("eva"))).json()
        assert body["missing_raters"] == ["member/tom"]


class TestPatch:
    @pytest.mark.parametrize(
        ("patch", "changed"),
        [
            ({"program": None}, {"program": None}),
            ({"modality": None}, {"modality": "family"}),  # null at the top restores the default
            (
                {"members": {"tom": None}, "subsystems": None, "walls": None},
                {"members": ("tom", None), "subsystems": {}, "walls": []},
            ),
            ({"members": {"tom": {"active": None}}}, {"members": ("tom", {"role": "parent"})}),
            ({"members": {"oma": {"role": "grandparent"}}}, {"members": ("oma", {"role": "grandparent"})}),
            ({"members": {"ana": {"role": "child"}}}, {"members": ("ana", {"role": "child", "index": True})}),
            ({"subsystems": {"parents": ["eva"], "out": []}}, {"subsystems": {"parents": ["eva"], "out": []}}),
            ({"subsystems": {"parents": None}}, {"subsystems": {}}),
            ({"therapists": ["dr-9"]}, {"therapists": ["dr-9"]}),  # lists are replaced whole
            ({"periods": []}, {"periods": []}),
            ({"safety_hold": False, "mandated": None}, {"safety_hold": False, "mandated": False}),
            ({"walls": [["eva", "ana"], ["eva", "tom"]]}, {"walls": [["eva", "ana"], ["eva", "tom"]]}),
            ({"members": {"bea": {"voice": None}}}, {"members": ("bea", {"voice": None})}),
            (
                {"members": {"bea": {"voice": {"decided_in": "s2", "decided_on": None}}}},
                {"members": ("bea", {"voice": {"state": "heard-elsewhere", "decided_in": "s2", "decided_on": None}})},
            ),
            (
                {"checklist": {"nobody-blamed": None, "rationale-given": {"state": "ticked", "decided_in": "s3"}}},
                {"checklist": {"rationale-given": {"state": "ticked", "decided_in": "s3", "decided_on": None}}},
            ),
            ({}, {}),
        ],
    )
    async def test_it_merges(self, client: httpx.AsyncClient, patch: Document, changed: Document) -> None:
        await client.put(PATH, json=FULL)
        answered = await client.patch(PATH, json=patch, headers={"content-type": "application/merge-patch+json"})
        expected: Document = {**FULL, **changed}
        if isinstance(changed.get("members"), tuple):
            who, told = changed["members"]
            usual = FULL["members"].get(who, USUAL)
            one = {} if told is None else {who: {**usual, "active": True, **told}}
            expected["members"] = {**{name: item for name, item in FULL["members"].items() if name != who}, **one}
        assert answered.status_code == 200
        assert {name: answered.json()[name] for name in FULL} == expected
        assert answered.json()["revision"] == (1 if patch == {} else 2)
        assert (await client.get(PATH)).json() == answered.json()

    @pytest.mark.parametrize(
        ("patch", "expected"),
        [
            ({"members": {"zoe": {"active": True}}}, [("/members/zoe/role", "missing")]),
            ({"members": {"ana": {"role": None}}}, [("/members/ana/role", "missing")]),
            (
                {"members": {"tom": None}},
                [("/subsystems/parents/1", "unknown-member"), ("/walls/0/0", "unknown-member")],
            ),
            ({"members": {"eva": {"voice": {"decided_in": "s1"}}}}, [("/members/eva/voice/state", "missing")]),
            (
                {"checklist": {"nobody-blamed": {"decided_in": None}}},
                [("/checklist/nobody-blamed/decided_on", "missing")],
            ),
            (
                {"checklist": {"rationale-given": {"decided_in": "s1"}}},
                [("/checklist/rationale-given/state", "contradiction")],
            ),
            ({"subsystems": {"parents": ["zoe"]}}, [("/subsystems/parents/0", "unknown-member")]),
            ({"colour": None}, [("/colour", "unknown-field")]),
            ({"members": {"ana": 7}}, [("/members/ana", "not-an-object")]),
        ],
    )
    async def test_what_would_not_fit_afterwards(
        self, client: httpx.AsyncClient, patch: Document, expected: list[tuple[str, str]]
    ) -> None:
        before = (await client.put(PATH, json=FULL)).json()
        assert faults(await client.patch(PATH, json=patch)) == expected
        assert (await client.get(PATH)).json() == before

    async def test_patches_cannot_grow_a_map_without_end(self, client: httpx.AsyncClient) -> None:
        await client.put(PATH, json={})
        first, second = ({f"m{turn}-{number}": {"role": "other"} for number in range(40)} for turn in (1, 2))
        assert (await client.patch(PATH, json={"members": first})).status_code == 200
        assert faults(await client.patch(PATH, json={"members": second})) == [("/members", "too-many")]
        assert len((await client.get(PATH)).json()["members"]) == 40

    async def test_an_unknown_case_is_not_there(self, client: httpx.AsyncClient) -> None:
        assert refusal(await client.patch(PATH, json={})) == (404, "not-found")
        assert (await client.get(PATH)).status_code == 404


class TestTherapists:
    async def test_sessions_keep_whom_they_had_and_take_whom_they_lacked(self, client: httpx.AsyncClient) -> None:
        async def of(number: int) -> list[str]:
            found: list[str] = (await client.get(f"{PATH}/sessions/s{number}")).json()["therapists"]
            return found

        await client.put(f"{PATH}/sessions/s1", json=session(1))  # nobody was named yet
        await client.put(PATH, json={"therapists": ["dr-7"]})
        await client.put(f"{PATH}/sessions/s2", json=session(2))
        await client.put(f"{PATH}/sessions/s3", json=session(3, therapists=["dr-3"]))
        await client.patch(PATH, json={"therapists": ["dr-8"]})
        await client.put(f"{PATH}/sessions/s4", json=session(4))
        assert [await of(number) for number in range(1, 5)] == [["dr-7"], ["dr-7"], ["dr-3"], ["dr-8"]]


class TestLists:
    async def test_pages_go_through_all_in_the_order_of_ids(self, client: httpx.AsyncClient) -> None:
        for case_id in ("b", "a", "C", "b:1", "b-2"):
            await client.put(f"/v1/cases/{case_id}", json={})
        found: list[str] = []
        path: str | None = "/v1/cases?limit=2"
        while path is not None:
            answered = await client.get(path)
            found += [item["case_id"] for item in answered.json()["items"]]
            link = answered.headers.get("link")
            assert (link is None) == (answered.json()["next_cursor"] is None)
            path = link.removeprefix("<").partition(">")[0] if link else None
        assert found == sorted(found)
        assert set(found) == {"b", "a", "C", "b:1", "b-2"}

    async def test_no_cases(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/v1/cases")).json() == {"items": [], "next_cursor": None}


class TestWhatWasNoted:
    """Decisions move alerts: from their session or day on, never back in time."""

    async def alerts(self, client: httpx.AsyncClient, rule: str) -> list[tuple[list[str], str, str]]:
        found = (await client.get(f"/v1/alerts?rule={rule}")).json()["items"]
        return [(item["subject"], item["severity"], item["state"]) for item in found]

    async def test_a_checklist_is_open_until_somebody_ticks_it(self, client: httpx.AsyncClient) -> None:
        await client.put(PATH, json={"checklist": {"rationale-given": {"state": "open"}}})
        await client.put(f"{PATH}/sessions/s1", json=session(1))
        assert await self.alerts(client, "engagement-steps") == [(["family"], "info", "open")]
        tick = {"checklist": {"rationale-given": {"state": "ticked", "decided_in": "s2"}}}
        dry = await client.patch(f"{PATH}?dry_run=true", json=tick)
        assert (dry.status_code, dry.json()["checklist"]["rationale-given"]["state"]) == (200, "ticked")
        assert (await client.get(PATH)).json()["checklist"]["rationale-given"]["state"] == "open"
        await client.patch(PATH, json=tick)
        assert await self.alerts(client, "engagement-steps") == [(["family"], "info", "open")]  # s2 has not come
        await client.put(f"{PATH}/sessions/s2", json=session(2))
        assert await self.alerts(client, "engagement-steps") == [(["family"], "info", "recovered")]

    async def test_a_case_without_a_checklist_is_quiet(self, client: httpx.AsyncClient) -> None:
        await client.put(PATH, json={"members": members("eva")})
        await client.put(f"{PATH}/sessions/s1", json=session(1))
        assert await self.alerts(client, "engagement-steps") == []

    async def test_somebody_without_a_voice_until_it_is_decided(self, client: httpx.AsyncClient) -> None:
        oma = {"role": "grandparent", "expected": False}
        await client.put(PATH, json={"members": {**members("eva", "ana"), "oma": oma}})
        for number in range(1, 4):
            await client.post("/v1/ratings", json=rating("ana", number=number))
        assert await self.alerts(client, "member-excluded") == [(["member/oma"], "info", "open")]
        voice = {"state": "goes-without", "decided_on": "2026-01-26"}  # the day of the fourth session
        await client.patch(PATH, json={"members": {"oma": {"voice": voice}}})
        await client.post("/v1/ratings", json=rating("ana", number=4))
        assert await self.alerts(client, "member-excluded") == [(["member/oma"], "info", "recovered")]

    async def test_all_of_it_by_batch(self, client: httpx.AsyncClient) -> None:
        told = {**FULL, "periods": []}
        lines = [
            {"type": "case", "case_id": "fam-42", **told},
            *(
                {
                    "type": "session",
                    "case_id": "fam-42",
                    "session_id": f"s{number}",
                    **session(number, readiness={"ana": {"value": value, "source": "member/ana"}}),
                }
                for number, value in ((1, 7), (2, 5))
            ),
        ]
        content = "".join(json.dumps(line) + "\n" for line in lines)
        kind = {"Content-Type": "application/x-ndjson"}
        answered = (await client.post("/v1/batch", content=content, headers=kind)).text.splitlines()
        assert [json.loads(line)["status"] for line in answered[:-1]] == [201, 201, 201]
        stored = (await client.get(PATH)).json()
        assert {name: stored[name] for name in FULL} == told
        assert await self.alerts(client, "resistance-to-change") == [(["member/ana"], "info", "open")]
        assert await self.alerts(client, "engagement-steps") == [(["family"], "info", "open")]
