"""Whom a provider's token lets in, and all that lets nobody in."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from service.db.providers import Provider
from service.openid import LONGEST, LONGEST_TEXT, SKEW, Visitor, key_named, public_keys, verified
from tests.factories import NOW
from tests.openid_provider import AUDIENCE, ISSUER, MAKERS, signed

PROVIDER = Provider(
    issuer=ISSUER,
    audience=AUDIENCE,
    jwks_address="https://id.clinic.example/jwks",
    person_claim="therapist",
    therapists_claim="supervises",
    scopes=frozenset({"alerts:read"}),
)
KEYS: dict[str, Any] = {algorithm: make(algorithm) for algorithm, make in MAKERS.items()}
PUBLISHED = {"keys": [key.as_dict(private=False) for key in KEYS.values()]}
KNOWN = public_keys(PUBLISHED)
SECOND = timedelta(seconds=1)
ENDS = NOW + timedelta(minutes=5)


def stamp(at: datetime) -> int:
    return int(at.timestamp())


def claims(**changed: Any) -> dict[str, Any]:
    """Return sound claims with some changes; None leaves out."""
    usual = {"iss": ISSUER, "aud": AUDIENCE, "exp": stamp(ENDS), "sub": "4711", "therapist": "dr-7"}
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def let_in(text: str, now: datetime = NOW) -> Visitor | None:
    """Return whom a token lets in by the keys that are published."""
    named = key_named(text)
    if named is None or named[1] not in KNOWN:
        return None
    return verified(text, named[0], KNOWN[named[1]], PROVIDER, now)


@pytest.mark.parametrize("algorithm", KEYS)
def test_each_algorithm(algorithm: str) -> None:
    text = signed(KEYS[algorithm], algorithm, claims())
    assert key_named(text) == (algorithm, algorithm)
    assert let_in(text) == Visitor("dr-7", ("dr-7",), ENDS)


@pytest.mark.parametrize(
    ("changed", "therapists"),
    [
        ({"aud": ["other", AUDIENCE]}, ("dr-7",)),
        ({"supervises": ["dr-9", "dr-8", "dr-9"]}, ("dr-8", "dr-9")),
        ({"nbf": stamp(NOW + SKEW), "iat": stamp(NOW + SKEW)}, ("dr-7",)),
        ({"exp": stamp(NOW - SKEW + SECOND)}, ("dr-7",)),
        ({"exp": stamp(NOW + LONGEST)}, ("dr-7",)),
    ],
)
def test_claims_that_fit(changed: dict[str, Any], therapists: tuple[str, ...]) -> None:
    found = let_in(signed(KEYS["RS256"], "RS256", claims(**changed)))
    assert found is not None
    assert (found.person, found.therapists) == ("dr-7", therapists)


REFUSED: dict[str, dict[str, Any]] = {
    "no issuer": {"iss": None},
    "another issuer": {"iss": "https://id.elsewhere.example/"},
    "nearly the issuer": {"iss": ISSUER.rstrip("/")},
    "a list of issuers": {"iss": [ISSUER]},
    "no audience": {"aud": None},
    "another audience": {"aud": "other"},
    "other audiences": {"aud": ["other", "another"]},
    "an empty audience": {"aud": []},
    "no expiry": {"exp": None},
    "expired": {"exp": stamp(NOW - SKEW)},
    "an expiry as text": {"exp": str(stamp(ENDS))},
    "an expiry that never comes": {"exp": 10**400},
    "an expiry that is no number": {"exp": float("nan")},
    "an expiry that is true": {"exp": True},
    "an expiry too far off": {"exp": stamp(NOW + LONGEST + 2 * SKEW)},
    "not yet": {"nbf": stamp(NOW + SKEW + SECOND)},
    "issued in the future": {"iat": stamp(NOW + SKEW + SECOND)},
    "nobody": {"therapist": None},
    "somebody with a number": {"therapist": 7},
    "several": {"therapist": ["dr-7"]},
    "a name and not an id": {"therapist": "Dr Seven"},
    "a long id": {"therapist": "d" * 65},
    "an empty id": {"therapist": ""},
    "a list of nobody": {"supervises": []},
    "no list": {"supervises": "dr-8"},
    "a list with a number": {"supervises": ["dr-8", 9]},
    "a long list": {"supervises": [f"dr-{number}" for number in range(201)]},
}


@pytest.mark.parametrize("kind", REFUSED)
def test_claims_that_do_not_fit(kind: str) -> None:
    assert let_in(signed(KEYS["RS256"], "RS256", claims(**REFUSED[kind]))) is None


def test_it_is_over_when_its_expiry_is_past_by_more_than_clocks_differ() -> None:
    visitor = Visitor("dr-7", ("dr-7",), ENDS)
    assert visitor.valid(ENDS + SKEW - SECOND)
    assert not visitor.valid(ENDS + SKEW)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def with_secret(header: dict[str, Any], secret: bytes) -> str:
    body = f"{part(header)}.{part(claims())}"
    return f"{body}." + base64.urlsafe_b64encode(hmac.digest(secret, body.encode(), "sha256")).decode().rstrip("=")


CRITICAL = {"alg": "RS256", "kid": "RS256", "crit": ["x"], "x": 1}


def forged() -> dict[str, str]:
    header, body, signature = signed(KEYS["RS256"], "RS256", claims()).split(".")
    stranger = RSAKey.generate_key(2048, {"kid": "RS256"})
    public = KEYS["RS256"].as_pem(private=False)
    return {
        "algorithm none": f"{part({'alg': 'none', 'kid': 'RS256'})}.{body}.",
        "algorithm nOnE": f"{part({'alg': 'nOnE', 'kid': 'RS256'})}.{body}.{signature}",
        "a secret that is the public key": with_secret({"alg": "HS256", "kid": "RS256"}, public),
        "a secret that is the public key as it is published": with_secret(
            {"alg": "HS256", "kid": "RS256"}, json.dumps(PUBLISHED["keys"][0]).encode()
        ),
        "no signature": f"{header}.{body}.",
        "other claims": f"{header}.{part(claims(therapist='dr-8'))}.{signature}",
        "another's key under the same id": signed(stranger, "RS256", claims()),
        "another's key in the header": signed(stranger, "RS256", claims(), jwk=stranger.as_dict(private=False)),
        "another algorithm of the same key": jwt.encode(
            {"alg": "PS256", "kid": "RS256"}, claims(), KEYS["RS256"], ["PS256"]
        ),
        "an algorithm of another key": signed(KEYS["ES256"], "ES256", claims(), kid="RS256"),
        "an unknown key": signed(KEYS["RS256"], "RS256", claims(), kid="other"),
        "a path for a key": signed(KEYS["RS256"], "RS256", claims(), kid="../../RS256"),
        "no key": signed(KEYS["RS256"], "RS256", claims(), kid=None),
        "a number for a key": f"{part({'alg': 'RS256', 'kid': 1})}.{body}.{signature}",
        "a long name of a key": f"{part({'alg': 'RS256', 'kid': 'k' * 201})}.{body}.{signature}",
        "an algorithm that is a list": f"{part({'alg': ['RS256'], 'kid': 'RS256'})}.{body}.{signature}",
        "an extension that must be understood": f"{part(CRITICAL)}.{body}.{signature}",
        "claims that are a list": f"{header}.{part([claims()])}.{signature}",
        "too long": f"{header}.{body}.{signature}" + "A" * LONGEST_TEXT,
        "two parts": f"{header}.{body}",
        "no base64": f"{header}.%.%",
        "not ASCII": f"{header}.{body}.ß",
        "nothing": "",
        "deep": f"{base64.urlsafe_b64encode(b'[' * 4000).decode()}.{body}.{signature}",
    }  # fmt: skip


FORGED = forged()


@pytest.mark.parametrize("kind", FORGED)
def test_what_is_forged(kind: str) -> None:
    assert let_in(FORGED[kind]) is None


class TestPublicKeys:
    def test_those_that_we_verify_with(self) -> None:
        assert set(KNOWN) == set(KEYS)
        assert not any(key.is_private for key in KNOWN.values())

    @pytest.mark.parametrize(
        "document", [None, [], "keys", {}, {"keys": None}, {"keys": {}}, {"keys": [None, 7, "k", []]}]
    )
    def test_what_is_no_list_of_keys(self, document: Any) -> None:
        assert public_keys(document) == {}

    @pytest.mark.parametrize(
        "item",
        [
            OctKey.generate_key(256, {"kid": "k"}).as_dict(private=True),
            ECKey.generate_key("P-384", {"kid": "k"}).as_dict(private=False),
            OKPKey.generate_key("X25519", {"kid": "k"}).as_dict(private=False),
            {**PUBLISHED["keys"][0], "kid": None},
            {**PUBLISHED["keys"][0], "kid": 7},
            {**PUBLISHED["keys"][0], "use": "enc"},
            {**PUBLISHED["keys"][0], "n": "AQAB"},  # a weak one
            {**PUBLISHED["keys"][0], "n": "_" * 1400},  # one that takes long
            {**PUBLISHED["keys"][0], "n": 7},
            {**PUBLISHED["keys"][0], "n": "ä"},
            {**PUBLISHED["keys"][0], "e": "!"},
            {**PUBLISHED["keys"][1], "x": "AA"},
            {"kty": ["RSA"], "kid": "k"},
        ],
    )
    def test_others_are_passed_over(self, item: dict[str, Any]) -> None:
        assert set(public_keys({"keys": [item, PUBLISHED["keys"][1]]})) == {"ES256"}

    def test_a_private_half_that_was_published_is_not_kept(self) -> None:
        assert not public_keys({"keys": [KEYS["RS256"].as_dict(private=True)]})["RS256"].is_private


def test_the_clock_of_the_tests() -> None:
    assert datetime.fromtimestamp(claims()["exp"], UTC) == ENDS
