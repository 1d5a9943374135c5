import httpx
import pytest

pytestmark = pytest.mark.anyio

@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/cases", "HEAD, GET"),
        ("/v1/cases/fam-42", "HEAD, GET, PUT, PATCH"),
        ("/v1/ratings", "HEAD, GET, POST"),
        ("/v1/batch", "POST"),
        ("/livez", "HEAD, GET"),
    ],
)
async def test_an_address_names_its_methods(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    for method in ("OPTIONS", "TRACE", "DELETE"):
        answered = await client.request(method, path)
        assert (answered.status_code, answered.json()["code"]) == (405, "method-not-allowed")
        assert answered.headers["allow"] == allowed
