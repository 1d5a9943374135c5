"""What is no JSON, not the kind that is taken in, too large, or badly sent: a 4xx, nothing stored, nothing repeated."""

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.api import bodies
from tests.poison import CANARY, FREE_TEXT, LINES, RATING, ROUTES, Target, poisonable, with_token
from tests.worlds import PATIENCE

KIB = 1024
DOCUMENTS = [name for name, route in ROUTES.items() if not route.is_line]


@pytest.fixture(scope="module")
def target(database_url: str) -> Iterator[Target]:
    with poisonable(database_url) as target:
        yield target


DIGITS = "9" * 5000
TOKENS = {
    "NaN": ("NaN", 400, "not-json"),
    "Infinity": ("Infinity", 400, "not-json"),
    "-Infinity": ("-Infinity", 400, "not-json"),
    "5000 digits": (DIGITS, 400, "not-json"),
    "Python": ("True", 400, "not-json"),
    "JavaScript": ("undefined", 400, "not-json"),
    "nothing": ("", 400, "not-json"),
    "leading zero": ("01", 400, "not-json"),
    "hexadecimal": ("0x10", 400, "not-json"),
    "single quotes": (f"'{CANARY}'", 400, "not-json"),
    "comment": (f"1 /* {CANARY} */", 400, "not-json"),
    "raw NUL": (f'"{CANARY}\x00"', 400, "not-json"),
    "raw tab": (f'"{CANARY}\t"', 400, "not-json"),
    "no UTF-8": (f'"{CANARY}\udcff"', 400, "not-json"),
    "surrogate in bytes": (f'"{CANARY}\udced\udca0\udc80"', 400, "not-json"),
    "bottomless": ("[" * 10_000 + "]" * 10_000, 400, "not-json"),
    "1e400": ("1e400", 422, "not-finite"),
    "-1e400": ("-1e400", 422, "not-finite"),
    "400 digits": ("9" * 400, 422, "out-of-range"),
    "2^53+1": ("9007199254740993", 422, "out-of-range"),
    "high surrogate": (f'"{CANARY}\\ud800"', 422, "bad-characters"),
    "low surrogate": (f'"\\udc00{CANARY}"', 422, "bad-characters"),
    "NUL": (f'"{CANARY}\\u0000"', 422, "bad-characters"),
}


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("name", ROUTES)
def test_tokens(target: Target, name: str, token: str) -> None:
    text, status, code = TOKENS[token]
    spot = ROUTES[name].spot
    refused = target.send(name, with_token(ROUTES[name].body, spot, text))
    expected = ("not-json", []) if status == 400 else ("invalid", [(spot, code)])
    assert (refused.status, refused.code, refused.faults) == (status, *expected)


@pytest.mark.parametrize("name", ROUTES)
def test_depth(target: Target, name: str) -> None:
    """Sixteen levels are judged by their content, one more is too deep at its place."""
    spot, body = ROUTES[name].spot, ROUTES[name].body
    above = spot.count("/")
    fits = target.send(name, with_token(body, spot, "[" * (16 - above) + "]" * (16 - above)))
    assert "too-deep" not in [code for _, code in fits.faults]
    deep = target.send(name, with_token(body, spot, "[" * (17 - above) + "]" * (17 - above)))
    assert (deep.status, deep.faults) == (422, [(spot + "/0" * (16 - above), "too-deep")])


@pytest.mark.parametrize("name", ROUTES)
def test_a_key_twice(target: Target, name: str) -> None:
    body = json.dumps(ROUTES[name].body)
    doubled = body[:-1] + "," + body[1:]
    refused = target.send(name, doubled)
    assert (refused.status, refused.code) == (422, "invalid")
    assert ("", "duplicate-key") in refused.faults


@pytest.mark.parametrize("name", ROUTES)
def test_a_key_twice_within(target: Target, name: str) -> None:
    """Also where both values are equal, at any depth."""
    route = ROUTES[name]
    refused = target.send(name, with_token(route.body, route.spot, f'{{"a": [{{"{CANARY}": 1, "{CANARY}": 1}}]}}'))
    assert (refused.status, refused.faults) == (422, [(f"{route.spot}/a/0", "duplicate-key")])


@pytest.mark.parametrize("name", ROUTES)
def test_unknown_fields(target: Target, name: str) -> None:
    body = ROUTES[name].body
    assert target.send(name, json.dumps({**body, "nickname": CANARY})).faults == [("/nickname", "unknown-field")]
    assert target.send(name, json.dumps({**body, FREE_TEXT: 1})).faults == [("", "unknown-field")]


WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "blank": lambda body: b"",
    "half": lambda body: body[: len(body) // 2],
    "trailing text": lambda body: body + CANARY.encode(),
    "twice": lambda body: body + body,
    "byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "gzip": lambda body: gzip.compress(body),
    "list": lambda body: b"[" + body + b"]",
    "null": lambda body: b"null",
    "true": lambda body: b"true",
    "number": lambda body: b"7",
    "string": lambda body: json.dumps(body.decode()).encode(),
}
NO_OBJECT = {"list", "null", "true", "number", "string"}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_whole_bodies(target: Target, name: str, kind: str) -> None:
    refused = target.send(name, WHOLE[kind](json.dumps(ROUTES[name].body).encode()))
    if kind in NO_OBJECT or kind == "blank":
        assert (refused.status, refused.code) == (422, "invalid")
        assert [pointer for pointer, _ in refused.faults] == [""]
    else:
        assert (refused.status, refused.code, refused.faults) == (400, "not-json", [])


@pytest.mark.parametrize("kind", sorted(set(WHOLE) - {"blank", "UTF-16", "gzip"}))  # those hold newlines, or nothing
def test_whole_lines(target: Target, kind: str) -> None:
    body = json.dumps(ROUTES["rating-line"].body).encode()
    refused = target.send("rating-line", WHOLE[kind](body))
    assert refused.status == (422 if kind in NO_OBJECT else 400)


@pytest.mark.parametrize("kind", ["UTF-16", "gzip"])
def test_whole_batches(target: Target, kind: str) -> None:
    """A batch in another encoding is refused line by line, whatever its bytes make of lines."""
    content = WHOLE[kind](json.dumps(ROUTES["rating-line"].body).encode())
    response = target.client.post("/v1/batch", content=content, headers={"Content-Type": LINES})
    target.check_quiet(response)
    *answers, end = [json.loads(text) for text in response.text.splitlines()]
    assert {(answer["status"], answer["problem"]["code"]) for answer in answers} == {(400, "not-json")}
    assert end == {"end": True, "created": 0, "same": 0, "changed": 0, "refused": len(answers)}
    target.check_nothing_stored()


@pytest.mark.parametrize("kind", ["nonsense", "", None, 7, ["rating"], CANARY])
def test_kinds_of_line(target: Target, kind: object) -> None:
    assert target.send("rating-line", json.dumps({**RATING, "type": kind})).faults == [("/type", "unknown-value")]


def test_a_line_without_a_kind(target: Target) -> None:
    assert target.send("rating-line", json.dumps(RATING)).faults == [("/type", "missing")]


# --- media types

UNFIT_HEADERS = {
    "none": {},
    "text": {"Content-Type": "text/plain"},
    "xml": {"Content-Type": "application/xml"},
    "form": {"Content-Type": "application/x-www-form-urlencoded"},
    "other JSON": {"Content-Type": "application/json-patch+json"},
    "UTF-16": {"Content-Type": "{}; charset=utf-16"},
    "Latin-1": {"Content-Type": '{}; charset="iso-8859-1"'},
    "other parameter": {"Content-Type": f"{{}}; {CANARY}=1"},
    "two": {"Content-Type": "{}, text/plain"},
    "gzip": {"Content-Type": "{}", "Content-Encoding": "gzip"},
    "deflate": {"Content-Type": "{}", "Content-Encoding": "deflate"},
}


@pytest.mark.parametrize("kind", UNFIT_HEADERS)
@pytest.mark.parametrize("name", ROUTES)
def test_media_types(target: Target, name: str, kind: str) -> None:
    route = ROUTES[name]
    headers = {field: value.format(route.media_type) for field, value in UNFIT_HEADERS[kind].items()}
    refused = target.send(name, json.dumps(route.body).encode(), headers)
    assert (refused.status, refused.code, refused.faults) == (415, "wrong-media-type", [])


# --- sizes

LARGEST = 64 * KIB


def padded(name: str, size: int) -> bytes:
    """Return an unfit body of exactly a size in bytes."""
    content = json.dumps({**ROUTES[name].body, "nickname": 1}).encode()
    return content + b" " * (size - len(content))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_sizes(target: Target, name: str) -> None:
    """64 KiB are read and judged, one byte more is not; so too when nobody announces the length."""
    assert target.send(name, padded(name, LARGEST)).faults == [("/nickname", "unknown-field")]
    too_large = padded(name, LARGEST + 1)
    assert (found := target.send(name, too_large)).status == 413
    assert found.code == "too-large"
    assert target.send(name, (too_large[at : at + 8 * KIB] for at in range(0, len(too_large), 8 * KIB))).status == 413


@pytest.mark.parametrize("name", [name for name, route in ROUTES.items() if route.is_line])
def test_sizes_of_lines(target: Target, name: str) -> None:
    assert target.send(name, padded(name, LARGEST)).status == 422
    assert (found := target.send(name, padded(name, LARGEST + 1))).status == 413
    assert found.code == "too-large"
    assert target.send(name, padded(name, 9 * LARGEST) + b"\n").status == 413


def test_the_size_of_a_batch(target: Target) -> None:
    """32 MiB are read and judged, one byte more is not, counted while it comes; its lines would all have fit."""
    line = padded("rating-line", LARGEST - 1) + b"\n"
    response = target.client.post("/v1/batch", content=line * 512, headers={"Content-Type": LINES})
    assert json.loads(response.text.splitlines()[-1])["refused"] == 512
    for too_large in (line * 512 + b"\n", (line for _ in range(513))):
        refused = target.send("rating-line", too_large)
        assert (refused.status, refused.code) == (413, "too-large")


# --- transport


@contextmanager
def connected(target: Target) -> Iterator[socket.socket]:
    place = urlsplit(target.process.address)
    with socket.create_connection((place.hostname, place.port), timeout=PATIENCE) as connection:
        yield connection


def head(target: Target, *fields: str) -> bytes:
    key = target.client.headers["authorization"]
    told = ("POST /v1/ratings HTTP/1.1", "Host: here", f"Authorization: {key}", "Content-Type: application/json")
    return "\r\n".join([*told, *fields, "", ""]).encode()


def all_of(connection: socket.socket) -> bytes:
    """Return what a server says until it closes; a reset ends it too."""
    said = b""
    try:
        while chunk := connection.recv(64 * KIB):
            said += chunk
    except ConnectionResetError:
        pass
    return said


def storable(target: Target) -> bytes:
    return json.dumps({**bodies.rating("eva"), "record_id": CANARY}).encode()


def test_a_length_that_is_too_short(target: Target) -> None:
    """What lies beyond the length is no request either."""
    body = storable(target)
    with connected(target) as connection:
        connection.sendall(head(target, f"Content-Length: {len(body) - 20}") + body)
        connection.shutdown(socket.SHUT_WR)
        said = all_of(connection)
    assert said.startswith(b"HTTP/1.1 400")
    assert CANARY.encode() not in said
    target.check_nothing_stored()


def test_a_length_that_is_too_long(target: Target) -> None:
    """A body that breaks off is none, even where what came is whole JSON."""
    body = storable(target)
    with connected(target) as connection:
        connection.sendall(head(target, f"Content-Length: {len(body) + 20}") + body)
        connection.shutdown(socket.SHUT_WR)
        assert all_of(connection) == b""
    target.check_nothing_stored()


LYING = {
    "negative": ["Content-Length: -1"],
    "word": ["Content-Length: many"],
    "two": ["Content-Length: 5", "Content-Length: 500"],
    "both ways": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "no chunk": ["Transfer-Encoding: chunked"],
    "NUL in a header": ["X-Note: a\x00b", "Content-Length: 5"],
}


@pytest.mark.parametrize("kind", LYING)
def test_lengths_that_are_none(target: Target, kind: str) -> None:
    with connected(target) as connection:
        connection.sendall(head(target, *LYING[kind]) + storable(target))
        connection.shutdown(socket.SHUT_WR)
        said = all_of(connection)
    assert said.startswith(b"HTTP/1.1 400")
    assert CANARY.encode() not in said
    target.check_nothing_stored()
