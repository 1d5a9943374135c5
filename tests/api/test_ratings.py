"""Ratings come in: scores, defaults, times, warnings, and what is withheld from whom."""

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from service.domain.deciding import MOST_RATERS, MOST_RATINGS
from tests.api.bodies import Document, at, members, rating, session
from tests.api.conftest import NewKey, client_of

pytestmark = pytest.mark.anyio

EXAMPLE = {"relationship": 8.5, "goals": 9.0, "approach": 7.5, "overall": 8.0}


def score(raw: float, mean: float, percent: float, items: int = 1, **other: Any) -> Document:
    usual = {"z": None, "answered": items, "items": items, "prorated": False, "flags": ["below-cutoff"]}
    return {"raw": raw, "mean": mean, "percent": percent, **usual, **other}


async def test_a_new_rating_is_answered_in_full(client: httpx.AsyncClient) -> None:
    answered = await client.post("/v1/ratings", json=rating(answers=EXAMPLE, answered_at="2026-01-05T17:30:00+01:00"))
    body = answered.json()
    assert answered.status_code == 201
    assert answered.headers["location"] == f"/v1/ratings/{body['rating_id']}"
    assert answered.headers["etag"] == '"1"'
    assert body["scores"] == {
        "total": score(33.0, 8.25, 82.5, items=4),  # 8.5 + 9 + 7.5 + 8; below 36
        "bond": score(8.5, 8.5, 85.0),
        "goals": score(9.0, 9.0, 90.0, flags=[]),  # 9 is not below 9
        "tasks": score(7.5, 7.5, 75.0),
        "overall": score(8.0, 8.0, 80.0),
    }
    assert body["answers"] == EXAMPLE
    told = ("revision", "state", "replayed", "stale", "origin", "phase", "about", "record_id", "withheld", "warnings")
    values: tuple[Any, ...] = (1, "live", False, False, "answers", "post", "therapist", None, [], [])
    assert tuple(body[name] for name in told) == values
    assert body["held_at"] == "2026-01-05T16:00:00.000Z"
    assert body["answered_at"] == "2026-01-05T16:30:00.000Z"
    assert body["received_at"] == body["changed_at"] == "2026-06-01T12:00:00.000Z"
    stored = (await client.get(answered.headers["location"])).json()
    assert stored == {name: body[name] for name in stored}


LIKERT = {str(item): 4 for item in range(1, 13)}


@pytest.mark.parametrize(
    ("facts", "dimension", "expected"),
    [
        ({"answers": None, "scores": {"total": 33.0}}, "total", score(33.0, 8.25, 82.5, items=4)),
        ({"answers": None, "scores": {"bond": 9.5}}, "bond", score(9.5, 9.5, 95.0, flags=[])),
        (  # five points from 1 to 5: 4 is 75 %; eleven of twelve answered, allowed floor(0.2·12) = 2
            {"instrument": "wai_sr", "answers": {item: 4 for item in LIKERT if item != "12"}},
            "total",
            score(48.0, 4.0, 75.0, items=12, answered=11, prorated=True, flags=[]),
        ),
    ],
)
async def test_scores(client: httpx.AsyncClient, facts: Document, dimension: str, expected: Document) -> None:
    body = (await client.post("/v1/ratings", json=rating(**facts))).json()
    assert {**expected, "z": body["scores"][dimension]["z"]} == body["scores"][dimension]
    assert body["origin"] == ("scores" if "scores" in facts else "answers")
    assert (body["answers"] is None) == ("scores" in facts)


async def test_one_line_alone_is_no_total(client: httpx.AsyncClient) -> None:
    body = (await client.post("/v1/ratings", json=rating(answers={"goals": 9.0}))).json()
    assert body["scores"] == {"goals": score(9.0, 9.0, 90.0, flags=[])}


@pytest.mark.parametrize(
    ("facts", "faults"),
    [
        ({"answers": None}, [("/answers", "answers-or-scores")]),
        ({"scores": {"total": 30}}, [("/answers", "answers-or-scores")]),
        ({"instrument": "nothing"}, [("/instrument", "unknown-instrument")]),
        ({"answers": {**EXAMPLE, "warmth": 7}}, [("/answers/warmth", "unknown-item")]),
        ({"answers": {}}, [("/answers", "missing-items")]),
        (  # of twelve items four stand in each subscale; none may be missing there, two in the total
            {"instrument": "wai_sr", "answers": {"1": 4}},
            [("/answers", "missing-items")],
        ),
        ({"answers": {**EXAMPLE, "goals": 10.1}}, [("/answers/goals", "out-of-range")]),
        ({"answers": {**EXAMPLE, "goals": 0.05}}, [("/answers/goals", "too-fine")]),
        (
            {"answers": {**EXAMPLE, "goals": -1, "overall": 11}},
            [("/answers/goals", "out-of-range"), ("/answers/overall", "out-of-range")],
        ),
        ({"instrument": "wai_sr", "answers": {**LIKERT, "1": 2.5}}, [("/answers/1", "not-integer")]),
        ({"answers": None, "scores": {"total": 41}}, [("/scores/total", "out-of-range")]),
        ({"answers": None, "scores": {"joy": 4}}, [("/scores/joy", "unknown-dimension")]),
        ({"answers": None, "scores": {}}, [("/scores", "no-score")]),
        ({"instrument": "ctas_sf", "answers": {"1": 4}}, [("/answers", "scores-only")]),
        ({"instrument": "ctas_sf", "answers": None, "scores": {"self": 8}}, [("/scores/self", "out-of-range")]),
        ({"instrument": "strain", "answers": {"strain": 0, "settled": 3}}, [("/answers/settled", "not-asked")]),
        ({"instrument": "wai_sr_t", "answers": None, "scores": {"total": 4}}, [("/rater/role", "wrong-rater")]),
        ({"rater": {"id": "dr-7", "role": "therapist"}}, [("/about", "missing")]),
        ({"rater": {"id": "o1", "role": "observer"}, "about": "family"}, [("/rater/role", "wrong-rater")]),
        ({"rater": {"id": "family", "role": "other"}}, [("/rater/id", "reserved-id")]),
        ({"rater": {"id": "ana", "role": "hero"}}, [("/rater/role", "unknown-value")]),
        ({"rater": {"id": "ana"}}, [("/rater/role", "missing")]),
        ({"about": "member"}, [("/about", "bad-format")]),
        ({"phase": "during"}, [("/phase", "unknown-value")]),
        ({"held_at": "2026-01-05T16:00:00"}, [("/held_at", "bad-time")]),
        ({"held_at": "2026-06-02T12:00:01Z"}, [("/held_at", "in-the-future")]),  # it is June 1, 12:00
        ({"comment": "hello"}, [("/comment", "unknown-field")]),
        ({"not_alone": "yes"}, [("/not_alone", "not-a-boolean")]),
        ({"locale": "Dutch"}, [("/locale", "bad-format")]),
        ({"record_version": -1}, [("/record_version", "greater-than-equal")]),
        ({"case_id": "-x"}, [("/case_id", "bad-format")]),
    ],
)
async def test_what_does_not_fit_is_refused_with_its_place(
    client: httpx.AsyncClient, facts: Document, faults: list[tuple[str, str]]
) -> None:
    answered = await client.post("/v1/ratings", json=rating(**facts))
    assert (answered.status_code, answered.json()["code"]) == (422, "invalid")
    assert [(fault["pointer"], fault["code"]) for fault in answered.json()["errors"]] == faults
    assert (await client.get("/v1/ratings")).json()["items"] == []
    assert (await client.get("/v1/cases")).json()["items"] == []


async def test_a_time_ahead_by_less_than_a_day_is_another_clock(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/ratings", json=rating(held_at="2026-06-02T11:59:59Z"))).status_code == 201


@pytest.mark.parametrize(
    ("facts", "about"),
    [
        (rating("ana"), "therapist"),
        (rating("ana", about="therapist/dr-7"), "therapist/dr-7"),
        (rating("ana", about="family"), "family"),
        (rating("dr-7", about="member/ana"), "member/ana"),
        (rating("dr-7", about="subsystem/parents"), "subsystem/parents"),
    ],
)
async def test_about_whom(client: httpx.AsyncClient, facts: Document, about: str) -> None:
    body = (await client.post("/v1/ratings", json=facts)).json()
    assert (body["about"], body["rater"]) == (about, facts["rater"])


async def test_about_is_part_of_what_names_a_rating(client: httpx.AsyncClient) -> None:
    for facts in (rating("ana"), rating("ana", about="therapist/dr-7"), rating("ana", phase="pre")):
        assert (await client.post("/v1/ratings", json=facts)).status_code == 201
    assert len((await client.get("/v1/ratings")).json()["items"]) == 3


async def test_the_time_may_be_left_out_once_it_is_announced(client: httpx.AsyncClient) -> None:
    (fault,) = (await client.post("/v1/ratings", json=rating(held_at=None))).json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/held_at", "held-at-missing")
    await client.put("/v1/cases/fam-42/sessions/s1", json=session(1))
    body = (await client.post("/v1/ratings", json=rating(held_at=None))).json()
    assert (body["held_at"], body["warnings"]) == (None, [])
    assert (await client.post("/v1/ratings", json=rating(held_at=None))).json()["replayed"] is True


@pytest.mark.parametrize(
    ("told", "facts", "warnings"),
    [
        (session(1), {"held_at": at(2)}, [{"code": "held-at-differs", "pointer": "/held_at"}]),
        (session(1), {"held_at": "2026-01-05T17:00:00+01:00"}, []),  # the same instant
        (session(1, status="cancelled"), {}, [{"code": "session-not-held", "pointer": "/session_id"}]),
        (session(1, status="scheduled"), {}, []),
        (session(1), {"rater": {"id": "ana", "role": "child"}}, [{"code": "role-differs", "pointer": "/rater/role"}]),
        ({}, {"held_at": at(2)}, []),  # only an announced time differs
    ],
)
async def test_differences_are_warnings(
    client: httpx.AsyncClient, told: Document, facts: Document, warnings: list[Document]
) -> None:
    await client.put("/v1/cases/fam-42", json={"members": members("ana")})
    await client.put("/v1/cases/fam-42/sessions/s1", json=told)
    answered = await client.post("/v1/ratings", json=rating(**facts))
    assert (answered.status_code, answered.json()["warnings"]) == (201, warnings)
    again = await client.post("/v1/ratings", json=rating(**facts))
    assert (again.status_code, again.json()["warnings"]) == (200, warnings)


async def test_a_form_for_another_age_is_a_warning(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42", json={"members": {"ana": {"role": "youth", "age_band": "6-12"}}})
    answered = await client.post("/v1/ratings", json=rating())
    assert (answered.status_code, answered.json()["warnings"]) == (
        201,
        [{"code": "age-differs", "pointer": "/instrument"}],
    )
    fits = await client.post("/v1/ratings", json=rating(instrument="csrs"))
    assert (fits.status_code, fits.json()["warnings"]) == (201, [])


async def test_ratings_of_a_cancelled_session_stay_outside_the_course(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42/sessions/s1", json=session(1, status="cancelled"))
    for who in ("eva", "ana"):
        body = (await client.post("/v1/ratings", json=rating(who, 20.0))).json()
        assert (body["balances"], body["levels"], body["alerts"]) == ([], [], [])
    assert (await client.get("/v1/cases/fam-42/course")).json()["sessions"] == []
    assert len((await client.get("/v1/ratings", params={"session_id": "s1"})).json()["items"]) == 2


async def test_ratings_make_a_scheduled_session_count_as_held(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42/sessions/s1", json=session(1, status="scheduled"))
    assert (await client.get("/v1/cases/fam-42/course")).json()["sessions"] == []
    await client.post("/v1/ratings", json=rating())
    (found,) = (await client.get("/v1/cases/fam-42/course")).json()["sessions"]
    assert (found["status"], found["number"]) == ("scheduled", 1)


@pytest.mark.parametrize("about", ["therapist", "member/zoe"])
async def test_a_fixed_case_knows_its_members(client: httpx.AsyncClient, about: str) -> None:
    await client.put("/v1/cases/fam-42", json={"membership": "fixed", "members": members("ana")})
    who, pointer = ("zoe", "/rater/id") if about == "therapist" else ("ana", "/about")
    refused = await client.post("/v1/ratings", json=rating(who, about=about))
    assert refused.status_code == 422
    assert [(item["pointer"], item["code"]) for item in refused.json()["errors"]] == [(pointer, "unknown-member")]
    assert (await client.post("/v1/ratings", json=rating("dr-7", about="family"))).status_code == 201


FIGURES = ["balances", "levels", "missing_raters"]


@pytest.mark.parametrize(
    ("scopes", "withheld"),
    [
        (("ratings:write",), [*FIGURES, "alerts"]),
        (("ratings:write", "course:read"), ["alerts"]),
        (("ratings:write", "alerts:read"), FIGURES),
        (("all",), []),
    ],
)
async def test_figures_that_rest_on_others_are_withheld(
    app: FastAPI, client: httpx.AsyncClient, new_key: NewKey, scopes: tuple[str, ...], withheld: list[str]
) -> None:
    await client.post("/v1/ratings", json=rating("eva", 30.0))
    async with client_of(app, await new_key(*scopes)) as writer:
        made = await writer.post("/v1/ratings", json=rating("ana", 40.0))
        again = await writer.post("/v1/ratings", json=rating("ana", 40.0))
        path, body = made.headers["location"], rating("ana", 41.0)
        corrected = await writer.put(path, json=body, headers={"If-Match": '"1"'})
        retracted = await writer.delete(path)
    assert [item.status_code for item in (made, again, corrected, retracted)] == [201, 200, 200, 200]
    for found in (made.json(), again.json(), corrected.json(), retracted.json()):
        assert found["withheld"] == withheld
        assert [name for name in (*FIGURES, "alerts") if found[name] is None] == withheld


class TestCrowds:
    """No family needs so many ratings of one session, and comparing everybody with everybody has its price."""

    async def fill(self, client: httpx.AsyncClient, bodies: list[Document]) -> None:
        lines = "".join(json.dumps({"type": "rating", **body}) + "\n" for body in bodies)
        answered = await client.post("/v1/batch", content=lines, headers={"Content-Type": "application/x-ndjson"})
        assert json.loads(answered.text.splitlines()[-1])["created"] == len(bodies)

    def by(self, number: int, **facts: Any) -> Document:
        return rating(rater={"id": f"m{number}", "role": "other"}, **facts)

    async def test_members_who_rate_one_session(self, client: httpx.AsyncClient) -> None:
        await self.fill(client, [self.by(number) for number in range(MOST_RATERS)])
        refused = await client.post("/v1/ratings", json=rating("ana"))
        assert refused.status_code == 422
        assert [(item["pointer"], item["code"]) for item in refused.json()["errors"]] == [
            ("/rater/id", "too-many-raters")
        ]
        for fine in (self.by(0), self.by(0, about="family"), rating("dr-7", about="family"), rating("ana", number=2)):
            assert (await client.post("/v1/ratings", json=fine)).status_code in (200, 201)
        (first,) = (await client.get("/v1/ratings", params={"rater": "m1"})).json()["items"]
        path = f"/v1/ratings/{first['rating_id']}"
        corrected = await client.put(path, json=self.by(1, total=50.0), headers={"If-Match": '"1"'})
        assert corrected.status_code == 200
        await client.delete(path)
        assert (await client.post("/v1/ratings", json=rating("ana"))).status_code == 201
        restored = await client.put(path, json=self.by(1), headers={"If-Match": '"3"'})
        assert restored.json()["errors"][0]["code"] == "too-many-raters"

    async def test_ratings_of_one_session(self, client: httpx.AsyncClient) -> None:
        about = [f"member/m{number}" for number in range(MOST_RATINGS)]
        await self.fill(client, [rating("ana", about=whom) for whom in about])
        refused = await client.post("/v1/ratings", json=rating("ana"))
        assert [(item["pointer"], item["code"]) for item in refused.json()["errors"]] == [
            ("/session_id", "too-many-ratings")
        ]
