"""What a rule is set to over the API: defaults, layers, versions; what is refused and where."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.api.bodies import Document
from tests.api.conftest import Clock, NewKey, client_of

pytestmark = pytest.mark.anyio

PATH = "/v1/rules/trust-bond-loss/parameters"
OWN = {"z_warning": -2.5, "z_critical": -3.5, "bond_below": 85.0}


async def told(client: httpx.AsyncClient, program: str | None = None) -> Document:
    answered = await client.get(PATH, params={} if program is None else {"program": program})
    body: Document = answered.json()
    assert (answered.status_code, answered.headers["etag"]) == (200, f'"{body["version"]}"')
    return body


def values(body: Document) -> Document:
    return {name: item["value"] for name, item in body["parameters"].items()}


def origins(body: Document) -> Document:
    return {name: item["origin"] for name, item in body["parameters"].items()} | {"mode": body["mode"]["origin"]}


async def test_before_anything_is_set_a_rule_has_its_own(client: httpx.AsyncClient) -> None:
    body = await told(client)
    assert body == {
        "rule": "trust-bond-loss",
        "rule_version": 1,
        "program": None,
        "version": 0,
        "mode": {"value": "on", "origin": "rule"},
        "parameters": {name: {"value": value, "default": value, "origin": "rule"} for name, value in OWN.items()},
        "set": None,
    }


async def test_a_program_lies_over_the_organization_and_that_over_the_rule(client: httpx.AsyncClient) -> None:
    first = await client.put(PATH, json={"parameters": {"bond_below": 80, "z_warning": -3}})
    assert (first.status_code, first.headers["location"], first.headers["etag"]) == (201, PATH, '"1"')
    theirs = await client.put(f"{PATH}?program=trauma", json={"mode": "shadow", "parameters": {"bond_below": 70.0}})
    assert (theirs.status_code, theirs.headers["location"]) == (201, f"{PATH}?program=trauma")
    assert theirs.json() == await told(client, "trauma")
    assert values(await told(client)) == {**OWN, "bond_below": 80.0, "z_warning": -3.0}
    assert origins(await told(client)) == {
        "z_warning": "organization",
        "z_critical": "rule",
        "bond_below": "organization",
        "mode": "rule",
    }
    body = await told(client, "trauma")
    assert (values(body), body["mode"]["value"]) == ({**OWN, "bond_below": 70.0, "z_warning": -3.0}, "shadow")
    assert origins(body) == {
        "z_warning": "organization",
        "z_critical": "rule",
        "bond_below": "program",
        "mode": "program",
    }
    other = await told(client, "grief")
    assert (other["version"], other["set"], values(other)) == (0, None, values(await told(client)))


async def test_every_version_is_kept(client: httpx.AsyncClient, clock: Clock, key: str) -> None:
    wanted: list[Document] = [
        {"mode": "off"},
        {"mode": "off"},  # the same again
        {"parameters": {"z_critical": -4.5, "bond_below": 70}},
        {"parameters": {"bond_below": 70.0, "z_critical": -4.5}, "mode": None},  # and again
        {},
    ]
    statuses = []
    for body in wanted:
        statuses.append((await client.put(PATH, json=body)).status_code)
        clock.pass_by(hours=1)
    assert statuses == [201, 200, 200, 200, 200]
    versions = (await client.get(f"{PATH}/versions")).json()["items"]
    assert [(item["version"], item["mode"], item["parameters"], item["at"]) for item in versions] == [
        (3, None, {}, "2026-06-01T16:00:00.000Z"),
        (2, None, {"z_critical": -4.5, "bond_below": 70.0}, "2026-06-01T14:00:00.000Z"),
        (1, "off", {}, "2026-06-01T12:00:00.000Z"),
    ]
    assert {item["key_id"] for item in versions} == {key.split("_")[3]}
    first = (await client.get(f"{PATH}/versions", params={"limit": 2})).json()
    second = (await client.get(f"{PATH}/versions", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [*first["items"], *second["items"]] == versions
    assert second["next_cursor"] is None
    assert (await client.get(f"{PATH}/versions?program=trauma")).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("if_match", "status"), [(None, 200), ("*", 200), ('"1"', 200), ('"2"', 412), ('"0"', 412), ("1", 412), ("x", 412)]
)
async def test_the_version_that_was_seen(client: httpx.AsyncClient, if_match: str | None, status: int) -> None:
    await client.put(PATH, json={"mode": "shadow"})
    headers = {} if if_match is None else {"If-Match": if_match}
    answered = await client.put(PATH, json={"mode": "off"}, headers=headers)
    assert answered.status_code == status
    if status == 412:
        assert (answered.json()["code"], answered.json()["version"]) == ("precondition-failed", 1)
    same = await client.put(PATH, json={"mode": (await told(client))["mode"]["value"]}, headers=headers)
    assert same.status_code == 200  # what is so already needs no version


@pytest.mark.parametrize(
    ("sent", "faults"),
    [
        ({"parameters": {"bond": 80}}, [("/parameters/bond", "unknown-field")]),
        ({"parameters": {"Bond Below": 80}}, [("/parameters", "unknown-field")]),
        ({"parameters": {"bond_below": "anna"}}, [("/parameters/bond_below", "not-a-number")]),
        ({"parameters": {"bond_below": 100.5}}, [("/parameters/bond_below", "out-of-range")]),
        ({"parameters": {"bond_below": -1}}, [("/parameters/bond_below", "out-of-range")]),
        ({"parameters": {"z_warning": 0.5}}, [("/parameters/z_warning", "out-of-range")]),
        ({"parameters": {"z_warning": -4}}, [("/parameters/z_warning", "out-of-order")]),
        (
            {"parameters": {"z_critical": None, "bond_below": [80], "often": 1}},
            [
                ("/parameters/often", "unknown-field"),
                ("/parameters/z_critical", "not-a-number"),
                ("/parameters/bond_below", "not-a-number"),
            ],
        ),
        ({"parameters": [1]}, [("/parameters", "not-an-object")]),
        ({"parameters": None}, [("/parameters", "not-an-object")]),
        ({"mode": "quiet"}, [("/mode", "unknown-value")]),
        ({"mode": True}, [("/mode", "unknown-value")]),
        ({"threshold": 1}, [("/threshold", "unknown-field")]),
        ({"parameters": dict.fromkeys((f"p{n}" for n in range(65)), 1)}, [("/parameters", "too-many")]),
    ],
)
async def test_what_does_not_fit_is_refused_at_its_place(
    client: httpx.AsyncClient, sent: Document, faults: list[tuple[str, str]]
) -> None:
    answered = await client.put(PATH, json=sent)
    assert answered.status_code == 422
    assert [(item["pointer"], item["code"]) for item in answered.json()["errors"]] == faults
    for value in ("anna", "quiet", "Bond Below", "100.5"):
        assert value not in answered.text
    assert (await told(client))["version"] == 0


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize(
    ("path", "status", "pointer"),
    [
        ("/v1/rules/no-such-rule/parameters", 404, None),
        (f"{PATH}?program=Trauma", 422, "?program"),
        (f"{PATH}?program=", 422, "?program"),
        (f"{PATH}?program={'a' * 65}", 422, "?program"),
    ],
)
async def test_what_is_not_there(
    client: httpx.AsyncClient, method: str, path: str, status: int, pointer: str | None
) -> None:
    answered = await client.request(method, path, json={} if method == "PUT" else None)
    assert answered.status_code == status
    assert [item["pointer"] for item in answered.json()["errors"]] == ([] if pointer is None else [pointer])


async def test_the_versions_of_a_rule_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/rules/no-such-rule/parameters/versions")).status_code == 404


async def test_another_organization_has_its_own(
    app: FastAPI, client: httpx.AsyncClient, new_key: NewKey, other_organization: Any
) -> None:
    await client.put(PATH, json={"mode": "off"})
    async with client_of(app, await new_key(of=other_organization)) as stranger:
        assert (await told(stranger))["version"] == 0


@pytest.mark.parametrize("code", ["split-alliance", "early-low", "noncompliance", "sustained-decline"])
async def test_what_is_told_may_be_sent_back(client: httpx.AsyncClient, code: str) -> None:
    path = f"/v1/rules/{code}/parameters"
    own = values((await client.get(path)).json())
    answered = await client.put(path, json={"parameters": own})
    assert (answered.status_code, values(answered.json())) == (201, own)
    assert {item["origin"] for item in answered.json()["parameters"].values()} == {"organization"}
