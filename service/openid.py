"""Tokens of an organization's own OpenID provider (OpenID Connect Core 1.0, RFC 7519): whom one lets in, until when.

The algorithms are pinned to those with a public key (RFC 8725, 3.1): one signed with none, or with a secret that might
be that very public key, is no token. An expiry is required and bounded, since nobody can end such a token early.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from service.db.providers import Provider

if TYPE_CHECKING:
    from joserfc.jwk import Key
    from joserfc.jws import JWSRegistry

LONGEST_TEXT = 8192
LONGEST_KEY_ID = 200
SKEW = timedelta(seconds=60)  # by which the clocks of provider and service may differ
LONGEST = timedelta(hours=24)
MOST_THERAPISTS = 200
KINDS = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}  # algorithm → type, curve
RSA_BYTES = range(256, 1025)  # 2048 to 8192 bits: not too weak, and not too slow to verify
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whom a token lets in: who it is, whose cases they see, until when."""

    person: str
    therapists: tuple[str, ...]
    expires_at: datetime

    @property
    def ends_at(self) -> datetime:
        """Return when the token has expired, whatever the clocks differ by."""
        return self.expires_at + SKEW

    def valid(self, at: datetime) -> bool:
        """Tell whether the token has not ended."""
        return self.ends_at > at


def key_named(text: str) -> tuple[str, str] | None:
    """Return by which algorithm and key a token says that it is signed; None if we do not take it."""
    from joserfc.errors import JoseError
    from joserfc.jws import extract_compact

    if len(text) > LONGEST_TEXT or not text.isascii():
        return None
    try:
        header = extract_compact(text.encode(), registry=_pinned()).headers()
    except (JoseError, ValueError, RecursionError):
        return None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in KINDS or not isinstance(key_id, str):
        return None
    return (algorithm, key_id) if 0 < len(key_id) <= LONGEST_KEY_ID else None


def verified(text: str, algorithm: str, key: "Key", provider: Provider, now: datetime) -> Visitor | None:
    """Return whom a token lets in; None if the key has not signed it, or its claims are not what the provider's are."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    needed: Any = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.audience},
        "exp": {"essential": True},
    }
    registry = jwt.JWTClaimsRegistry(now=int(now.timestamp()), leeway=int(SKEW.total_seconds()), **needed)
    if (key.key_type, key.get("crv")) != KINDS[algorithm]:
        return None
    try:
        claims = jwt.decode(text, key, registry=_pinned()).claims
        registry.validate(claims)
    except (JoseError, ValueError, RecursionError):
        return None
    return _visitor(claims, provider, now)


def _visitor(claims: Mapping[str, Any], provider: Provider, now: datetime) -> Visitor | None:
    """Return whom the claims of a sound token name; None for one that lives too long, or names nobody as we do."""
    if claims["exp"] > (now + LONGEST + SKEW).timestamp():
        return None
    person: Any = claims.get(provider.person_claim)
    named: Any = claims.get(provider.therapists_claim) if provider.therapists_claim is not None else None
    therapists = [person] if named is None else named
    if not _is_id(person) or not isinstance(therapists, list) or not 0 < len(therapists) <= MOST_THERAPISTS:
        return None
    if not all(map(_is_id, therapists)):
        return None
    return Visitor(person, tuple(sorted(set(therapists))), datetime.fromtimestamp(claims["exp"], UTC))


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and ID.fullmatch(value) is not None


def public_keys(document: Any) -> dict[str, "Key"]:
    """Return the keys of a JWKS document (RFC 7517) that we verify with, by their ids; the others are passed over."""
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    kinds: dict[str, Any] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    found: dict[str, Key] = {}
    listed = document.get("keys") if isinstance(document, dict) else None
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and _fit(item):
            public = {name: item[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in item}
            try:
                found[item["kid"]] = kinds[item["kty"]].import_key(public)
            except (JoseError, ValueError, TypeError):
                continue
    return found


def _fit(item: Mapping[str, Any]) -> bool:
    """Tell whether a listed key signs, in a way that we take, and is neither weak nor huge."""
    key_id, kind = item.get("kid"), (item.get("kty"), item.get("crv"))
    if not isinstance(key_id, str) or item.get("use", "sig") != "sig" or kind not in KINDS.values():
        return False
    if kind[0] != "RSA":
        return True
    modulus = item.get("n")
    return isinstance(modulus, str) and len(urlsafe_b64decode(modulus.encode() + b"==").lstrip(b"\0")) in RSA_BYTES


@cache
def _pinned() -> "JWSRegistry":
    """Return the algorithms that there are for us. EdDSA goes by its old name, since providers call it so."""
    from joserfc.jws import JWSRegistry

    pinned = JWSRegistry(algorithms=list(KINDS))
    pinned.algorithms = {name: copy(JWSRegistry.algorithms[name]) for name in KINDS}
    pinned.algorithms["EdDSA"].security_warning = None
    return pinned
