"""What goes out: every model is in the contract, and every document has exactly the fields of its model.

That answers fit their models is checked on each answer of every test by the client of the fixtures.
"""

import httpx
import pytest

from service.api import models
from tests.api import contract
from tests.api.bodies import hostile, members, rating
from tests.api.contract import OPENAPI

pytestmark = pytest.mark.anyio

LEFT_OUT = {"dry_run"}  # where there is nothing to say
PUBLIC = sorted(name for name in vars(models) if name.endswith("Public"))


@pytest.mark.parametrize("name", PUBLIC)
def test_the_contract_describes_it(name: str) -> None:
    schema = OPENAPI["components"]["schemas"][name]
    assert set(schema["properties"]) == fields_of(name)
    assert set(schema["required"]) >= set(schema["properties"]) - LEFT_OUT


def fields_of(name: str) -> set[str]:
    """Return the names of a model's fields as they go out."""
    return {field.alias or own for own, field in getattr(models, name).model_fields.items()}


async def test_documents_have_all_fields_of_their_models(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42", json={"members": members("eva", "tom", "ana")})
    await client.put("/v1/cases/fam-42/sessions/s1", json=hostile())
    posted = (await client.post("/v1/ratings", json=rating("eva", 90.0))).json()
    alert = (await client.get(f"/v1/alerts/{posted['alerts'][0]['alert_id']}")).json()
    stored = (await client.get(f"/v1/ratings/{posted['rating_id']}")).json()
    for name, document in (("RatingPublic", posted), ("AlertPublic", alert), ("StoredRatingPublic", stored)):
        assert set(document) == fields_of(name) - LEFT_OUT


@pytest.mark.parametrize(
    ("status", "content", "fault"),
    [
        (200, {"items": []}, "next_cursor"),
        (200, {"items": [], "next_cursor": None, "more": 1}, "more"),
        (200, {"items": [{}], "next_cursor": None}, "alert_id"),
        (201, {"items": [], "next_cursor": None}, "not in the contract"),
        (404, {"code": "not-found"}, "application/json"),
    ],
)
async def test_the_check_of_answers_sees_what_does_not_fit(status: int, content: object, fault: str) -> None:
    request = httpx.Request("GET", "http://evenkeel.test/v1/alerts")
    with pytest.raises(AssertionError, match=fault):
        await contract.check(httpx.Response(status, json=content, request=request))
