"""Domain values as JSON: the worked example of the contract through the whole API, Eva 82, Tom 75, Ana 40."""

from typing import Any

import httpx
import pytest

from service.api.documents import rounded
from tests.api.bodies import members, rating

pytestmark = pytest.mark.anyio

# deviations from the mean 65.667 are 16.333, 9.333 and −25.667; SD of the sample √((266.8 + 87.1 + 658.8)/2) = 22.5,
# of the population 18.373; SDmax(3) = √(2/9)·100 = 47.140, so agreement 100·(1 − 18.373/47.140) = 61.026;
# side: each less the mean of the others, 82 − 57.5, 75 − 61, 40 − 78.5
TOTAL: dict[str, Any] = {
    "n": 3,
    "strength": 65.667,
    "weakest": {"value": 40.0, "members": ["ana"]},
    "gap": 42.0,
    "gap_z": 4.2,  # of a reference SD of 10 for line totals, ours
    "dispersion": 18.373,
    "agreement_index": 61.026,
    "side": {"eva": 24.5, "tom": 14.0, "ana": -38.5},
    "subgroups": {"groups": [["ana"], ["eva", "tom"]], "difference": 38.5, "reliable": None},
    "polarity": None,
    "polarity_z": None,
    "discrepancies": [{"of": "parents", "minus": "youths", "value": 38.5}],
}


async def _three(client: httpx.AsyncClient) -> dict[str, Any]:
    told = {"members": members("eva", "tom", "ana", "oma"), "subsystems": {"parents": ["eva", "tom"]}}
    told["members"]["oma"]["expected"] = False
    assert (await client.put("/v1/cases/fam-42", json=told)).status_code == 201
    for who, total in (("eva", 82.0), ("tom", 75.0)):
        assert (await client.post("/v1/ratings", json=rating(who, total))).status_code == 201
    answered = await client.post("/v1/ratings", json=rating("ana", 40.0))
    assert answered.status_code == 201
    body: dict[str, Any] = answered.json()
    return body


async def test_a_balance_is_the_worked_example(client: httpx.AsyncClient) -> None:
    (balance,) = (await _three(client))["balances"]
    assert balance["group"] == {
        "instrument_family": "srs",
        "instruments": ["srs"],
        "mixed": False,
        "rater_kind": "member",
        "rater": None,
        "phase": "post",
        "about": "therapist",
    }
    assert (balance["unit"], balance["reason"]) == ("percent", None)
    assert (balance["couple"], balance["convergence"]) == (None, None)
    coverage = {"raters": 3, "present": 3, "at_ceiling": 0, "joint_sessions": 1, "reference": "ours"}
    assert balance["coverage"] == coverage
    assert balance["dimensions"]["total"] == TOTAL
    assert balance["dimensions"]["bond"] == {**TOTAL, "gap_z": 3.0}  # of a line's SD of 14
    assert list(balance["dimensions"]) == ["total", "bond", "goals", "tasks", "overall"]


async def test_a_couples_form_has_the_two_by_two(client: httpx.AsyncClient) -> None:
    for who, scores in (("eva", {"self": 5.5, "other": 5.2}), ("tom", {"self": 4.0, "other": 5.8})):
        facts = rating(who, instrument="ctas_sf", answers=None, scores=scores)
        answered = await client.post("/v1/ratings", json=facts)
        assert answered.status_code == 201
    (balance,) = answered.json()["balances"]
    assert balance["couple"] == {  # 1 to 7: 5.5 is 75, 5.2 is 70, 4 is 50 and 5.8 is 80 percent
        "of": "eva",
        "minus": "tom",
        "value": 25.0,
        "perceived": {"eva": 5.0, "tom": -30.0},
        "accuracy": {"eva": 20.0, "tom": 5.0},
    }


async def test_a_therapist_who_rates_too_converges_or_does_not(client: httpx.AsyncClient) -> None:
    """After three scores of 80 a total stands at (x − 80) / 5: sigma = √(6·25/8), times √(4/3)."""
    for number, (ana, dr_7) in enumerate([(80, 80), (80, 80), (80, 80), (70, 85)], start=1):
        await client.post("/v1/ratings", json=rating("ana", ana, number))
        answered = await client.post("/v1/ratings", json=rating("dr-7", dr_7, number))
        assert answered.status_code == 201
        found = answered.json()["balances"][0]["convergence"]
        if number < 4:
            assert found == {"reason": "too-few-sessions", "dimensions": None}
    assert found["reason"] is None
    assert found["dimensions"]["total"] == {
        "members": {"ana": -2.0},
        "therapists": {"dr-7": {"rated": {"family": 1.0}, "difference": {"family": 3.0}, "corners": None}},
    }


async def test_levels_stand_beside_the_balances(client: httpx.AsyncClient) -> None:
    body = await _three(client)
    assert body["levels"] == [
        {
            "instrument_family": "srs",
            "rater_kind": "member",
            "phase": "post",
            "individual": {"ana": 40.0, "eva": 82.0, "tom": 75.0},
            "subsystems": {"parents": {"rated": {}, "member_mean": 78.5}, "youths": {"rated": {}, "member_mean": 40.0}},
            "family": {},
            "within": {},
            "consensus": {},
        }
    ]
    assert body["missing_raters"] == []  # Oma belongs to the family, not to the room


async def test_several_observers_have_a_consensus_beside_their_own_marks(client: httpx.AsyncClient) -> None:
    for observer, safety in (("o1", -1), ("o2", 1), ("o3", 2)):
        facts = rating("o1", instrument="softa_o", about="member/ana", answers={"safety": safety})
        facts["rater"]["id"] = observer
        answered = await client.post("/v1/ratings", json=facts)
        assert answered.status_code == 201
    body = answered.json()
    (levels,) = body["levels"]
    assert levels["consensus"]["safety"] == {  # the two closest of -1, 1 and 2: (1 + 2) / 2, (1.5 + 3) / 6 of the range
        "member/ana": {
            "raw": 1.5,
            "percent": 75.0,
            "observers": ["o1", "o2", "o3"],
            "way": "closest-two",
            "agreed": True,
        }
    }
    assert [balance["group"]["rater"] for balance in body["balances"]] == ["o1", "o2", "o3"]


async def test_one_rater_is_no_balance_yet(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42", json={"members": members("eva", "tom", "ana")})
    body = (await client.post("/v1/ratings", json=rating("ana", 40.0))).json()
    (balance,) = body["balances"]
    assert (balance["dimensions"], balance["coverage"]["joint_sessions"]) == (None, 0)
    assert balance["reason"] == "fewer-than-two-raters"
    assert body["missing_raters"] == ["member/eva", "member/tom"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0625, 0.062),  # half goes to the even neighbour; sixteenths are exact in binary
        (0.1875, 0.188),
        (-0.0001, 0.0),  # no negative zero
        (65.66666666, 65.667),
        (3, 3),
        ({"a": [1.23456, (2.0,)], "b": None}, {"a": [1.235, [2.0]], "b": None}),
        ("7.12345", "7.12345"),
        (True, True),
    ],
)
def test_numbers_go_out_with_three_decimals(value: Any, shown: Any) -> None:
    assert rounded(value) == shown
    assert str(rounded(value)) == str(shown)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_never_leaves(number: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        rounded({"a": [number]})
