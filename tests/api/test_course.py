"""A course as it is read: its sessions and figures, paging back, trends, what is withheld, the ETag."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import transaction
from service.db.identity import parse_token
from service.db.tables import CarryRow, table_of
from tests.api.bodies import Document, hostile, members, rating, session
from tests.api.conftest import NewKey, client_of

pytestmark = pytest.mark.anyio

CASE, PATH = "/v1/cases/fam-42", "/v1/cases/fam-42/course"
carries = table_of(CarryRow)


async def read(client: httpx.AsyncClient, **query: Any) -> Document:
    answered = await client.get(PATH, params=query)
    assert answered.status_code == 200
    body: Document = answered.json()
    return body


async def rate(client: httpx.AsyncClient, who: str, *totals: float | None) -> None:
    """Rate the first sessions, one total each; None leaves one out."""
    for number, total in enumerate(totals, 1):
        if total is not None:
            answered = await client.post("/v1/ratings", json=rating(who, total, number))
            assert answered.status_code == 201


def ids(body: Document) -> list[str]:
    return [item["session_id"] for item in body["sessions"]]


class TestSessions:
    async def test_one_with_all_that_it_shows(self, client: httpx.AsyncClient) -> None:
        await client.put(CASE, json={"members": members("eva", "ana"), "therapists": ["dr-7"]})
        hope = {"ana": {"value": 6, "source": "member/ana"}}
        await client.put(f"{CASE}/sessions/s1", json=session(attendance={"ana": "late"}, hope=hope))
        await rate(client, "eva", 82.0)
        posted = (await client.post("/v1/ratings", json=rating("ana", 40.0))).json()
        (found,) = (await read(client))["sessions"]
        assert (found["session_id"], found["number"], found["therapists"]) == ("s1", 1, ["dr-7"])
        assert (found["attendance"], found["hope"], found["announced"]) == ({"ana": "late"}, hope, True)
        assert [item["rater"]["id"] for item in found["ratings"]] == ["ana", "eva"]
        assert found["ratings"][0] == (await client.get(f"/v1/ratings/{posted['rating_id']}")).json()
        assert (found["balances"], found["levels"]) == (posted["balances"], posted["levels"])
        assert found["balances"][0]["dimensions"]["total"]["gap"] == 42.0

    async def test_retracted_ratings_are_not_part_of_it(self, client: httpx.AsyncClient) -> None:
        await rate(client, "eva", 82.0)
        path = (await client.post("/v1/ratings", json=rating("ana", 40.0))).headers["location"]
        await client.delete(path)
        (found,) = (await read(client))["sessions"]
        assert [item["rater"]["id"] for item in found["ratings"]] == ["eva"]
        assert found["balances"][0]["dimensions"] is None

    async def test_they_stand_in_the_order_of_their_times(self, client: httpx.AsyncClient) -> None:
        for number in (3, 1, 2):
            await client.put(f"{CASE}/sessions/x{number}", json=session(4 - number))
        await client.put(f"{CASE}/sessions/x0", json=session(2))  # at the same time as x2: then by id
        await client.put(f"{CASE}/sessions/later", json=session(9, status="scheduled"))
        body = await read(client)
        assert ids(body) == ["x3", "x0", "x2", "x1"]
        assert [item["number"] for item in body["sessions"]] == [1, 2, 3, 4]

    async def test_a_case_without_any(self, client: httpx.AsyncClient) -> None:
        await client.put(CASE, json={})
        expected: Document = {"sessions": [], "trends": [], "concerns": [], "withheld": [], "next_cursor": None}
        assert await read(client) == {"case_id": "fam-42", **expected}
        assert (await client.get("/v1/cases/nobody/course")).status_code == 404


class TestPagingBack:
    async def test_each_session_once_newest_page_first(self, client: httpx.AsyncClient) -> None:
        await rate(client, "eva", *[90.0] * 7)
        pages, before = [], None
        while True:
            body = await read(client, last=3, **({"before": before} if before else {}))
            pages.append(ids(body))
            before = body["next_cursor"]
            if before is None:
                break
        assert pages == [["s5", "s6", "s7"], ["s2", "s3", "s4"], ["s1"]]

    async def test_numbers_and_joint_sessions_are_those_of_the_whole_course(self, client: httpx.AsyncClient) -> None:
        await rate(client, "eva", *[90.0] * 5)
        await rate(client, "ana", *[90.0] * 5)
        (found,) = (await read(client, last=1))["sessions"]
        assert (found["number"], found["balances"][0]["coverage"]["joint_sessions"]) == (5, 5)

    async def test_a_session_that_comes_late_does_not_shift_a_page(self, client: httpx.AsyncClient) -> None:
        await rate(client, "eva", *[90.0] * 4)
        before = (await read(client, last=2))["next_cursor"]
        await client.put(f"{CASE}/sessions/s9", json=session(9))
        assert ids(await read(client, last=2, before=before)) == ["s1", "s2"]

    @pytest.mark.parametrize("query", [{"before": "x"}, {"before": "WzEsMl0"}])
    async def test_a_cursor_that_is_none(self, client: httpx.AsyncClient, query: Document) -> None:
        await client.put(CASE, json={})
        answered = await client.get(PATH, params=query)
        assert (answered.status_code, answered.json()["code"]) == (400, "bad-cursor")

    async def test_a_cursor_of_another_course(self, client: httpx.AsyncClient) -> None:
        await rate(client, "eva", *[90.0] * 2)
        before = (await read(client, last=1))["next_cursor"]
        await client.put("/v1/cases/fam-43", json={})
        answered = await client.get("/v1/cases/fam-43/course", params={"before": before})
        assert (answered.status_code, answered.json()["code"]) == (400, "bad-cursor")

    @pytest.mark.parametrize("last", ["0", "201", "all"])
    async def test_how_many_at_most(self, client: httpx.AsyncClient, last: str) -> None:
        assert (await client.get(PATH, params={"last": last})).status_code == 422


class TestTrends:
    async def test_by_hand(self, client: httpx.AsyncClient) -> None:
        """80, 82, 90: mean 84; SD √((16 + 4 + 36)/2) = √28; slopes 2, 8 and (90 − 80)/2 = 5, of which 5 is median."""
        await rate(client, "eva", 80.0, None, 82.0, 90.0)
        (trend,) = (await read(client))["trends"]
        assert trend["subject"] == ["member/eva"]
        assert (trend["n"], trend["mean"], trend["sd"], trend["slope"]) == (3, 84.0, 5.292, 5.0)

    async def test_one_rating_has_no_slope(self, client: httpx.AsyncClient) -> None:
        await rate(client, "eva", 80.0)
        (trend,) = (await read(client))["trends"]
        assert (trend["n"], trend["mean"], trend["sd"], trend["slope"]) == (1, 80.0, None, None)

    async def test_over_the_sessions_shown(self, client: httpx.AsyncClient) -> None:
        await rate(client, "eva", 10.0, 80.0, 82.0)
        (trend,) = (await read(client, last=2))["trends"]
        assert (trend["n"], trend["mean"], trend["slope"]) == (2, 81.0, 2.0)

    async def test_each_rater_about_and_form_has_a_series(self, client: httpx.AsyncClient) -> None:
        await rate(client, "eva", 80.0)
        await rate(client, "ana", 70.0)
        others: list[Document] = [{"about": "family"}, {"phase": "pre"}, {"instrument": "csrs"}]
        for other in others:
            await client.post("/v1/ratings", json=rating("eva", 60.0, **other))
        found = [(trend["subject"][0], trend["mean"]) for trend in (await read(client))["trends"]]
        assert sorted(found) == [("member/ana", 70.0), *[("member/eva", 60.0)] * 3, ("member/eva", 80.0)]
        assert len({trend["series"] for trend in (await read(client))["trends"]}) == 5


class TestConcerns:
    async def test_they_are_the_alerts_of_the_case(self, client: httpx.AsyncClient) -> None:
        await client.put(f"{CASE}/sessions/s1", json=hostile())
        await client.put("/v1/cases/other/sessions/s1", json=hostile())
        (concern,) = (await read(client))["concerns"]
        assert [concern] == (await client.get("/v1/alerts", params={"case_id": "fam-42"})).json()["items"]

    async def test_what_lost_its_ground_is_none_of_them(self, client: httpx.AsyncClient) -> None:
        await client.put(f"{CASE}/sessions/s1", json=hostile())
        await client.put(f"{CASE}/sessions/s1", json=session())
        assert (await read(client))["concerns"] == []

    async def test_without_alerts_read_they_are_withheld(
        self, app: FastAPI, client: httpx.AsyncClient, new_key: NewKey
    ) -> None:
        await client.put(f"{CASE}/sessions/s1", json=hostile())
        full = await read(client)
        async with client_of(app, await new_key("course:read")) as reader:
            body = await read(reader)
        assert body == {**full, "concerns": None, "withheld": ["concerns"]}


class TestEtag:
    async def test_a_reader_who_has_it_already(self, client: httpx.AsyncClient) -> None:
        await rate(client, "eva", 80.0)
        answered = await client.get(PATH)
        tag = answered.headers["etag"]
        assert answered.headers["cache-control"] == "private, no-cache"
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await client.get(PATH, headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert (await client.get(PATH, headers={"If-None-Match": '"other"'})).status_code == 200

    @pytest.mark.parametrize("what", ["rating", "case", "session", "handling", "refusal"])
    async def test_it_changes_with_whatever_is_shown(self, client: httpx.AsyncClient, what: str) -> None:
        await client.put(f"{CASE}/sessions/s1", json=hostile())
        await rate(client, "eva", 80.0)
        tag = (await client.get(PATH)).headers["etag"]
        (alert,) = [item for item in (await client.get("/v1/alerts")).json()["items"] if item["severity"] != "info"]
        act = {"id": "h", "action": "acknowledge", "by": "dr-7"}
        done = {
            "rating": lambda: client.post("/v1/ratings", json=rating("ana")),
            "case": lambda: client.put(CASE, json={"safety_hold": True}),
            "session": lambda: client.put(f"{CASE}/sessions/s1", json=hostile(next_planned_at="2026-07-01T10:00:00Z")),
            "handling": lambda: client.post(f"/v1/alerts/{alert['alert_id']}/handling", json=act),
            "refusal": lambda: client.post("/v1/ratings", json=rating("eva", 70.0)),
        }
        written = await done[what]()
        assert written.status_code == (409 if what == "refusal" else written.status_code)
        answered = await client.get(PATH, headers={"If-None-Match": tag})
        assert answered.status_code == (304 if what == "refusal" else 200)


class TestStaleCarries:
    @pytest.mark.parametrize("how", ["gone", "other rules"])
    async def test_the_course_is_folded_anew(
        self, client: httpx.AsyncClient, key: str, engine: AsyncEngine, how: str
    ) -> None:
        await rate(client, "eva", 90.0, 88.0, 60.0)
        await rate(client, "ana", 90.0, 88.0, 91.0)
        before = await read(client)
        token = parse_token(key)
        assert token is not None
        async with transaction(engine, token.organization_id) as db:
            mine = carries.c.organization_id == db.organization_id
            forget = delete(carries).where(mine, carries.c.session_id == "s2")
            outdate = update(carries).where(mine).values(folded_with="other", carry="[]")
            await db.execute(forget if how == "gone" else outdate)
        assert await read(client) == before
        assert await read(client, last=1) == {
            **before,
            "sessions": before["sessions"][-1:],
            "trends": (await read(client, last=1))["trends"],
            "next_cursor": (await read(client, last=1))["next_cursor"],
        }
