"""Retry and correction, line by line of the contract's table: status, body, headers, and the rows that are stored."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.bodies import Document, rating, session
from tests.api.conftest import Clock, bearer
from tests.serving import serving

pytestmark = pytest.mark.anyio


async def post(client: httpx.AsyncClient, **facts: Any) -> httpx.Response:
    return await client.post("/v1/ratings", json=rating(**facts))


async def stored(client: httpx.AsyncClient) -> list[Document]:
    items: list[Document] = (await client.get("/v1/ratings", params={"case_id": "fam-42"})).json()["items"]
    return items


async def revisions(client: httpx.AsyncClient, path: str) -> list[int]:
    return [item["revision"] for item in (await client.get(f"{path}/revisions")).json()["items"]]


def refusal(answered: httpx.Response) -> tuple[int, str]:
    assert answered.headers["content-type"] == "application/problem+json"
    return answered.status_code, answered.json()["code"]


def pointers(answered: httpx.Response) -> list[str]:
    return [item["pointer"] for item in answered.json()["errors"]]


class TestRecordVersion:
    async def test_a_higher_one_corrects(self, client: httpx.AsyncClient, clock: Clock) -> None:
        made = await post(client, record_version=3)
        clock.pass_by(hours=1)
        answered = await post(client, total=50.0, record_version=4)
        body = answered.json()
        assert (answered.status_code, answered.headers["etag"], "location" in answered.headers) == (200, '"2"', False)
        assert (body["revision"], body["record_version"], body["replayed"], body["stale"]) == (2, 4, False, False)
        assert (body["scores"]["total"]["percent"], body["changed_at"]) == (50.0, "2026-06-01T13:00:00.000Z")
        assert body["received_at"] == made.json()["received_at"]
        assert await revisions(client, made.headers["location"]) == [2, 1]

    async def test_a_higher_one_with_equal_facts_is_noted(self, client: httpx.AsyncClient) -> None:
        await post(client, record_version=3)
        body = (await post(client, record_version=9)).json()
        assert (body["revision"], body["record_version"], body["replayed"]) == (1, 9, True)
        stale = (await post(client, total=10.0, record_version=8)).json()
        assert (stale["stale"], stale["revision"], stale["record_version"]) == (True, 1, 9)

    async def test_a_higher_one_with_the_facts_of_an_earlier_revision_corrects(self, client: httpx.AsyncClient) -> None:
        await post(client, total=90.0, record_version=1)
        await post(client, total=50.0, record_version=2)
        body = (await post(client, total=90.0, record_version=3)).json()
        assert (body["revision"], body["scores"]["total"]["percent"]) == (3, 90.0)

    async def test_a_lower_one_changes_nothing(self, client: httpx.AsyncClient) -> None:
        await post(client, record_version=3)
        before = await stored(client)
        answered = await post(client, total=10.0, record_version=2)
        assert (answered.status_code, answered.json()["stale"], answered.json()["replayed"]) == (200, True, False)
        assert answered.json()["scores"]["total"]["percent"] == 90.0
        assert await stored(client) == before

    @pytest.mark.parametrize("versions", [(3, 3), (3, None), (None, None), (None, 3)])
    async def test_an_equal_or_absent_one_decides_nothing(
        self, client: httpx.AsyncClient, versions: tuple[int | None, int | None]
    ) -> None:
        await post(client, record_version=versions[0])
        assert (await post(client, record_version=versions[1])).json()["replayed"] is True
        assert refusal(await post(client, total=10.0, record_version=versions[1])) == (409, "rating-differs")


class TestEqualPost:
    async def test_it_is_answered_with_the_current_state(self, client: httpx.AsyncClient, clock: Clock) -> None:
        made = await post(client)
        clock.pass_by(days=1)
        await post(client, who="eva", total=60.0)
        again = await post(client)
        body = again.json()
        assert (again.status_code, again.headers["etag"], "location" in again.headers) == (200, '"1"', False)
        assert (body["replayed"], body["rating_id"]) == (True, made.json()["rating_id"])
        assert body["received_at"] == made.json()["received_at"]
        assert body["balances"][0]["coverage"]["raters"] == 2  # as it stands now, not as it stood then
        assert len(await stored(client)) == 2

    @pytest.mark.parametrize(
        "same",
        [
            {"held_at": None},
            {"held_at": "2026-01-05T17:00:00+01:00"},
            {"held_at": "2026-01-05T16:00:00.000400Z"},  # times are kept to the millisecond
            {"about": "therapist", "phase": "post"},  # said or meant
            {"answers": {"relationship": 9, "goals": 9, "approach": 9, "overall": 9}},  # whole numbers
            {"answers": {"overall": 9.0, "approach": 9.0, "goals": 9.0, "relationship": 9.0}},  # another order
        ],
    )
    async def test_equal_means_after_normalising(self, client: httpx.AsyncClient, same: Document) -> None:
        await post(client)
        answered = await post(client, **same)
        assert (answered.status_code, answered.json()["replayed"]) == (200, True)

    async def test_a_post_equal_to_an_earlier_revision_is_a_late_repeat(self, client: httpx.AsyncClient) -> None:
        made = await post(client)
        await client.put(made.headers["location"], json=rating(total=40.0), headers={"If-Match": '"1"'})
        answered = await post(client)
        assert (answered.status_code, answered.json()["replayed"], answered.json()["revision"]) == (200, True, 2)
        assert answered.json()["scores"]["total"]["percent"] == 40.0

    async def test_zero_is_zero_whatever_its_sign(self, client: httpx.AsyncClient) -> None:
        await post(client, answers={"relationship": 0.0, "goals": 9, "approach": 9, "overall": 9})
        answers = {"relationship": -0.0, "goals": 9, "approach": 9, "overall": 9}
        assert (await post(client, answers=answers)).json()["replayed"] is True


class TestDifferentPost:
    @pytest.mark.parametrize(
        ("facts", "where"),
        [
            ({"rater": {"id": "ana", "role": "child"}}, ["/rater/role"]),
            ({"held_at": "2026-01-06T16:00:00Z"}, ["/held_at"]),
            ({"record_id": "r-9"}, ["/record_id"]),
            ({"answered_at": "2026-01-05T18:00:00Z"}, ["/answered_at"]),
            ({"not_alone": True}, ["/not_alone"]),
            ({"locale": "nl-BE"}, ["/locale"]),
            (
                {"answers": {"relationship": 8, "goals": 9, "approach": 9, "overall": 8}},
                ["/answers/overall", "/answers/relationship"],
            ),
            ({"answers": None, "scores": {"total": 36.0}}, ["/answers", "/scores"]),
        ],
    )
    async def test_it_is_a_conflict_that_says_where(
        self, client: httpx.AsyncClient, facts: Document, where: list[str]
    ) -> None:
        made = (await post(client)).json()
        before = await stored(client)
        answered = await post(client, **facts)
        body = answered.json()
        assert refusal(answered) == (409, "rating-differs")
        assert (body["rating_id"], body["revision"], pointers(answered)) == (made["rating_id"], 1, where)
        assert await stored(client) == before

    @pytest.mark.parametrize(
        "another",
        [
            {"number": 2},
            {"who": "eva"},
            {"rater": {"id": "ana", "role": "therapist"}, "about": "therapist"},
            {"about": "family"},
            {"phase": "pre"},
            {"instrument": "csrs"},
            {"case_id": "fam-43"},
        ],
    )
    async def test_another_natural_key_is_another_rating(self, client: httpx.AsyncClient, another: Document) -> None:
        first = (await post(client)).json()
        answered = await post(client, **another)
        assert answered.status_code == 201
        assert answered.json()["rating_id"] != first["rating_id"]


class TestRetracted:
    @pytest.mark.parametrize("total", [90.0, 40.0])
    @pytest.mark.parametrize("version", [None, 5])
    async def test_a_post_of_its_key_is_a_conflict(
        self, client: httpx.AsyncClient, total: float, version: int | None
    ) -> None:
        made = await post(client, record_version=3)
        await client.delete(made.headers["location"])
        answered = await post(client, total=total, record_version=version)
        assert refusal(answered) == (409, "rating-retracted")
        assert (answered.json()["rating_id"], answered.json()["revision"]) == (made.json()["rating_id"], 2)

    async def test_a_post_equal_to_what_it_was_before_is_a_conflict(self, client: httpx.AsyncClient) -> None:
        made = await post(client)
        await client.put(made.headers["location"], json=rating(total=40.0), headers={"If-Match": '"1"'})
        await client.delete(made.headers["location"])
        assert refusal(await post(client)) == (409, "rating-retracted")

    @pytest.mark.parametrize("total", [90.0, 40.0])
    async def test_a_put_restores_it(self, client: httpx.AsyncClient, total: float) -> None:
        path = (await post(client)).headers["location"]
        await client.delete(path)
        for tag, expected in (('"1"', 412), ('"2"', 200)):
            answered = await client.put(path, json=rating(total=total), headers={"If-Match": tag})
            assert answered.status_code == expected
        body = answered.json()
        assert (body["state"], body["state_reason"], body["revision"]) == ("live", None, 3)
        assert body["scores"]["total"]["percent"] == total
        assert await revisions(client, path) == [3, 2, 1]

    @pytest.mark.parametrize("reason", ["entered-in-error", "wrong-member", "withdrawn"])
    async def test_deleting_again_changes_nothing(self, client: httpx.AsyncClient, reason: str) -> None:
        path = (await post(client)).headers["location"]
        first = await client.delete(path, params={"reason": reason})
        again = await client.delete(path, params={"reason": "entered-in-error"}, headers={"If-Match": '"1"'})
        for answered in (first, again):
            body = answered.json()
            assert (answered.status_code, answered.headers["etag"]) == (200, '"2"')
            assert (body["state"], body["state_reason"], body["revision"]) == ("retracted", reason, 2)
        assert (first.json()["replayed"], again.json()["replayed"]) == (False, True)
        found = await client.get(path)
        assert (found.status_code, found.json()["state"], found.headers["etag"]) == (200, "retracted", '"2"')

    async def test_a_delete_may_ask_for_a_revision(self, client: httpx.AsyncClient) -> None:
        path = (await post(client)).headers["location"]
        refused = await client.delete(path, headers={"If-Match": '"7"'})
        assert refusal(refused) == (412, "precondition-failed")
        assert refused.json()["revision"] == 1
        assert (await client.delete(path, headers={"If-Match": '"1"'})).status_code == 200

    async def test_the_reason_is_one_of_three(self, client: httpx.AsyncClient) -> None:
        path = (await post(client)).headers["location"]
        answered = await client.delete(path, params={"reason": "whim"})
        assert (refusal(answered), pointers(answered)) == ((422, "invalid"), ["?reason"])

    async def test_what_was_retracted_no_longer_counts(self, client: httpx.AsyncClient) -> None:
        path = (await post(client, total=30.0)).headers["location"]
        assert (await post(client, who="eva")).json()["alerts"]
        body = (await client.delete(path)).json()
        assert [balance["coverage"]["raters"] for balance in body["balances"]] == [1]
        assert body["alerts"] == []
        (alert,) = (await client.get("/v1/alerts")).json()["items"]
        assert (alert["state"], alert["state_reason"]) == ("retracted", "facts-changed")


class TestPut:
    async def test_it_corrects_and_keeps_what_it_was(self, client: httpx.AsyncClient, clock: Clock) -> None:
        made = await post(client, record_id="r-1", record_version=4)
        path = made.headers["location"]
        clock.pass_by(hours=2)
        body = rating(total=40.0, record_id="r-1", held_at=None)
        answered = await client.put(path, json=body, headers={"If-Match": '"1"'})
        assert (answered.status_code, answered.headers["etag"]) == (200, '"2"')
        assert (answered.json()["held_at"], answered.json()["record_version"]) == (made.json()["held_at"], 4)
        now, before = (await client.get(f"{path}/revisions")).json()["items"]
        assert [item["scores"]["total"]["percent"] for item in (now, before)] == [40.0, 90.0]
        assert (before["changed_at"], now["changed_at"]) == ("2026-06-01T12:00:00.000Z", "2026-06-01T14:00:00.000Z")
        assert len(await stored(client)) == 1

    @pytest.mark.parametrize("tag", ['"1"', '"7"', "nonsense", '"2"', "*"])
    async def test_equal_to_the_current_state_is_fine_whatever_was_seen(
        self, client: httpx.AsyncClient, tag: str
    ) -> None:
        path = (await post(client)).headers["location"]
        await client.put(path, json=rating(total=40.0), headers={"If-Match": '"1"'})
        answered = await client.put(path, json=rating(total=40.0), headers={"If-Match": tag})
        if tag == "*":  # names no revision, and a correction must name one
            assert refusal(answered) == (428, "precondition-required")
            return
        assert (answered.status_code, answered.json()["replayed"], answered.headers["etag"]) == (200, True, '"2"')

    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, (428, "precondition-required")),
            ({"If-Match": '"2"'}, (412, "precondition-failed")),
            ({"If-Match": "1"}, (412, "precondition-failed")),
            ({"If-Match": 'W/"1"'}, (412, "precondition-failed")),
            ({"If-Match": '"1'}, (412, "precondition-failed")),
            ({"If-Match": f'"{"1" * 5000}"'}, (412, "precondition-failed")),
        ],
    )
    async def test_it_must_name_the_revision_it_saw(
        self, client: httpx.AsyncClient, headers: dict[str, str], expected: tuple[int, str]
    ) -> None:
        path = (await post(client)).headers["location"]
        before = await stored(client)
        assert refusal(await client.put(path, json=rating(total=40.0), headers=headers)) == expected
        assert await stored(client) == before

    @pytest.mark.parametrize(
        ("facts", "where"),
        [
            ({"case_id": "fam-43"}, ["/case_id"]),
            ({"session_id": "s2"}, ["/session_id"]),
            ({"rater": {"id": "eva", "role": "parent"}}, ["/rater/id"]),
            ({"rater": {"id": "ana", "role": "therapist"}, "about": "therapist"}, ["/rater/role"]),
            ({"about": "family"}, ["/about"]),
            ({"phase": "pre"}, ["/phase"]),
            ({"instrument": "csrs"}, ["/instrument"]),
            ({"session_id": "s2", "phase": "pre"}, ["/session_id", "/phase"]),
        ],
    )
    async def test_what_names_it_cannot_change(
        self, client: httpx.AsyncClient, facts: Document, where: list[str]
    ) -> None:
        path = (await post(client)).headers["location"]
        answered = await client.put(path, json=rating(**facts), headers={"If-Match": '"1"'})
        assert (refusal(answered), pointers(answered)) == ((422, "immutable"), where)

    async def test_a_members_role_may_be_corrected(self, client: httpx.AsyncClient) -> None:
        path = (await post(client)).headers["location"]
        body = rating(rater={"id": "ana", "role": "child"})
        answered = await client.put(path, json=body, headers={"If-Match": '"1"'})
        assert (answered.status_code, answered.json()["rater"]["role"]) == (200, "child")

    async def test_an_unknown_rating_is_not_there(self, client: httpx.AsyncClient) -> None:
        path = f"/v1/ratings/{uuid4()}"
        assert refusal(await client.put(path, json=rating(), headers={"If-Match": '"1"'})) == (404, "not-found")
        assert refusal(await client.delete(path)) == (404, "not-found")
        assert refusal(await client.get(path)) == (404, "not-found")


class TestRecordId:
    async def test_it_names_one_live_rating_of_a_case_and_rater(self, client: httpx.AsyncClient) -> None:
        first = await post(client, record_id="r-1")
        used = await post(client, record_id="r-1", number=2)
        assert refusal(used) == (409, "record-id-used")
        assert (used.json()["rating_id"], pointers(used)) == (first.json()["rating_id"], ["/record_id"])
        assert len(await stored(client)) == 1

    async def test_a_correction_cannot_take_it_either(self, client: httpx.AsyncClient) -> None:
        await post(client, record_id="r-1")
        path = (await post(client, record_id="r-2", number=2)).headers["location"]
        body = rating(record_id="r-1", number=2)
        assert refusal(await client.put(path, json=body, headers={"If-Match": '"1"'})) == (409, "record-id-used")

    @pytest.mark.parametrize("other", [{"who": "eva"}, {"case_id": "fam-43"}])
    async def test_elsewhere_it_is_free(self, client: httpx.AsyncClient, other: Document) -> None:
        await post(client, record_id="r-1")
        assert (await post(client, record_id="r-1", **other)).status_code == 201

    async def test_a_retracted_rating_sets_it_free_and_may_not_come_back_with_it(
        self, client: httpx.AsyncClient
    ) -> None:
        path = (await post(client, record_id="r-1")).headers["location"]
        await client.delete(path)
        assert (await post(client, record_id="r-1", number=2)).status_code == 201
        restored = await client.put(path, json=rating(record_id="r-1"), headers={"If-Match": '"2"'})
        assert refusal(restored) == (409, "record-id-used")
        free = await client.put(path, json=rating(record_id="r-3"), headers={"If-Match": '"2"'})
        assert free.status_code == 200


async def test_a_refused_rating_leaves_no_trace(client: httpx.AsyncClient) -> None:
    assert (await post(client, held_at=None)).status_code == 422
    assert (await client.get("/v1/cases/fam-42")).status_code == 404
    await client.put("/v1/cases/fam-42/sessions/s2", json=session(2))
    assert (await post(client, held_at=None)).status_code == 422
    assert (await client.get("/v1/cases/fam-42/sessions/s1")).status_code == 404


async def test_sixteen_equal_posts_at_once_are_one_rating(
    client: httpx.AsyncClient, database_url: str, key: str
) -> None:
    """On a real process and sockets, as clients meet it; its clock is today's."""
    body = rating(record_id="r-1")
    with serving(database_url) as process:
        limits = httpx.Limits(max_connections=16)
        async with httpx.AsyncClient(base_url=process.address, headers=bearer(key), limits=limits) as over_sockets:
            answers = await asyncio.gather(*(over_sockets.post("/v1/ratings", json=body) for _ in range(16)))
    assert sorted(answer.status_code for answer in answers) == [*[200] * 15, 201]
    assert len({answer.json()["rating_id"] for answer in answers}) == 1
    assert [answer.json()["replayed"] for answer in answers].count(False) == 1
    assert [item["revision"] for item in await stored(client)] == [1]
