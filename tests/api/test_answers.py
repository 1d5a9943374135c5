"""How answers leave."""

from service.api.answers import READING, WRITING, answer, content_of
from service.api.errors import TITLES


def test_json_is_compact_and_utf_8() -> None:
    assert content_of({"a": [1, 2.5, None, True], "b": "Ä🙂"}) == '{"a":[1,2.5,null,true],"b":"Ä🙂"}'.encode()


def test_an_answer() -> None:
    made = answer({"a": 1}, 201, {"ETag": '"1"'})
    assert (made.status_code, made.body, made.headers["etag"]) == (201, b'{"a":1}', '"1"')
    assert made.headers["content-type"] == "application/json"


def test_calls_name_only_refusals_that_exist() -> None:
    assert set(READING) < set(WRITING)
    assert set(WRITING) <= {status for status, _ in TITLES.values()}
