"""The catalogues: read from the registries, ids and keys only, and what the service never does in every rule."""

import httpx
import pytest

from service.domain.indicators import VOCABULARY
from service.domain.instruments import instruments
from service.domain.notices import NOTICE
from service.domain.rules import rules

pytestmark = pytest.mark.anyio


async def test_every_instrument(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/instruments")).json()
    assert [item["code"] for item in body["items"]] == list(instruments())
    assert body["next_cursor"] is None
    for item in body["items"]:
        assert (await client.get(f"/v1/instruments/{item['code']}")).json() == item
        assert item["key"]["source"]


async def test_the_ages_for_which_a_form_is_made(client: httpx.AsyncClient) -> None:
    ages = (await client.get("/v1/instruments/csrs")).json()["ages"]
    assert (ages["youngest"], ages["oldest"], ages["fact"]["verified"]) == (6, 12, True)
    assert (await client.get("/v1/instruments/btg")).json()["ages"] is None


async def test_one_instrument(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/instruments/srs")).json()
    assert (body["items"], body["minimum"], body["maximum"], body["step"]) == (
        ["relationship", "goals", "approach", "overall"],
        0.0,
        10.0,
        0.1,
    )
    assert body["parts"] == {
        "primary": "total",
        "bond": "bond",
        "goals": "goals",
        "tasks": "tasks",
        "safety": None,
        "within": None,
    }
    total = body["dimensions"]["total"]
    assert (total["raw"], total["low_mark"], total["reference"]["sd"], total["reference"]["kind"]) == (
        "sum",
        80.0,
        10.0,
        "ours",
    )
    cut = next(item for item in body["cutoffs"] if item["dimension"] == "total")
    assert (cut["raw"], cut["comparator"]) == (36, "<")
    assert (body["validated"], body["child_form"], body["rater_kinds"]) == (True, False, ["member", "therapist"])


async def test_reversed_items_stand_in_the_order_of_the_form(client: httpx.AsyncClient) -> None:
    for item in (await client.get("/v1/instruments")).json()["items"]:
        places = [item["items"].index(code) for code in item["reversed_items"]]
        assert places == sorted(places)
        assert len(places) == len(instruments()[item["code"]].reversed_items)


async def test_forms_of_our_own_say_that_they_are_not_validated(client: httpx.AsyncClient) -> None:
    for code in ("btg", "core4", "strain"):
        body = (await client.get(f"/v1/instruments/{code}")).json()
        assert (body["validated"], "not validated" in body["notes"].lower()) == (False, True)


async def test_a_form_whose_key_is_not_known_takes_scores_only(client: httpx.AsyncClient) -> None:
    known = {item["code"]: item for item in (await client.get("/v1/instruments")).json()["items"]}
    silent = {code for code, item in known.items() if item["scores_only"]}
    assert silent == {"wai_sr_t", "vtas_r_sf", "sai", "ctas_sf", "ftas_sf", "itas_sf"}
    for code in silent:
        assert (known[code]["items"], known[code]["key"]["verified"]) == ([], False)
        assert {item["raw"] for item in known[code]["dimensions"].values()} == {"mean"}
    assert list(known["ctas_sf"]["dimensions"]) == [
        *("total", "tasks", "goals", "bond"),
        *("self", "other", "group", "within"),
    ]


async def test_a_line_that_is_asked_after_another(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/instruments/strain")).json()
    assert (body["items"], body["minimum"], body["maximum"]) == (["strain", "settled"], 0.0, 5.0)
    asked = {code: (item["minimum"], item["follows"]) for code, item in body["dimensions"].items()}
    assert asked == {"ease": (0.0, None), "settled": (1.0, "ease")}
    assert (body["reversed_items"], body["rater_kinds"]) == (["strain"], ["member", "therapist"])


async def test_every_rule(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/rules")).json()
    assert [item["code"] for item in body["items"]] == list(rules())
    assert len(body["items"]) >= 12
    for item in body["items"]:
        assert (await client.get(f"/v1/rules/{item['code']}")).json() == item
        assert item["notice"] == NOTICE
        assert all(step["text"] for step in item["next_steps"])


async def test_one_rule(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/rules/hostility-to-therapist")).json()
    assert (body["version"], body["evidence"], body["silent_on_hold"]) == (1, "B", False)
    assert set(body["texts"]) == {"once", "again"}
    assert body["parameters"] == {"mild": 1, "clear": 2, "severe": 3, "needed": 2, "of": 3, "bond_z": -1.0}
    assert body["page"].startswith("Hostility to the therapist: ")
    assert "Fires:" in body["page"]
    silent = {item["code"] for item in (await client.get("/v1/rules")).json()["items"] if item["silent_on_hold"]}
    between = {"side-taking", "bond-asymmetry", "split-alliance", "member-excluded"}
    assert silent == between | {"rising", "recovery", "ripple"}


async def test_every_rule_has_a_tone(client: httpx.AsyncClient) -> None:
    tones = {item["code"]: item["tone"] for item in (await client.get("/v1/rules")).json()["items"]}
    assert {code for code, tone in tones.items() if tone == "good-news"} == {"rising", "recovery", "ripple"}
    assert set(tones.values()) == {"caution", "good-news"}


@pytest.mark.parametrize("path", ["/v1/instruments/none", "/v1/rules/none", "/v1/rules/%00", "/v1/instruments/SRS"])
async def test_what_is_not_in_it(client: httpx.AsyncClient, path: str) -> None:
    answered = await client.get(path)
    assert (answered.status_code, answered.json()["code"]) == (404, "not-found")


async def test_every_kind_of_indicator_with_its_names(client: httpx.AsyncClient) -> None:
    items = {item.pop("code"): item for item in (await client.get("/v1/indicators")).json()["items"]}
    assert list(items) == list(VOCABULARY)
    assert items["denial"] == {"valence": "negative", "three_rs": ["denial"], "softa_o": ["engagement"]}
    assert "abuse" not in items
