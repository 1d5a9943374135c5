"""The text of a front-end token: `et_` and a signed JSON Web Token (RFC 7519) that names it.

The first of the operator's secret keys signs, each of them verifies. The signature keeps whatever is made up away from
the database; what a token may do, and whether it still may, stands there. The mark before it says that it is ours: no
text is ever tried as a token of one kind and of the other.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from service.db.front_tokens import FrontToken

PREFIX = "et_"
LONGEST_TEXT = 1024
ALGORITHM = "HS256"
ISSUER = "evenkeel"
PURPOSE = b"evenkeel:front-end token"  # signs with a key of its own, since the same secret also encrypts


@dataclass(frozen=True, slots=True)
class Named:
    """Which token a text names."""

    organization_id: UUID
    token_id: UUID


def signed(secret_keys: Sequence[bytes], organization_id: UUID, token: FrontToken) -> str:
    """Return the text of a token; there must be a key to sign with."""
    from joserfc import jwt  # loaded where tokens are used, which many services are not

    claims = {
        "iss": ISSUER,
        "org": organization_id.hex,
        "sub": token.person,
        "jti": token.token_id.hex,
        "exp": int(token.expires_at.timestamp()),
    }
    return PREFIX + jwt.encode({"alg": ALGORITHM}, claims, _signing(secret_keys[0]), algorithms=[ALGORITHM])


def read(secret_keys: Sequence[bytes], text: str, now: datetime) -> Named | None:
    """Return which token a text names; None if none of the keys has signed it, or its time is over."""
    if not text.startswith(PREFIX) or len(text) > LONGEST_TEXT:
        return None
    for secret_key in secret_keys:
        claims = _verified(secret_key, text.removeprefix(PREFIX))
        if claims is not None:
            return _named(claims, now)
    return None


def _verified(secret_key: bytes, text: str) -> dict[str, Any] | None:
    """Return the claims of a text that a key has signed."""
    from joserfc import jwt
    from joserfc.errors import JoseError

    try:
        return jwt.decode(text, _signing(secret_key), algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError):
        return None


def _named(claims: dict[str, Any], now: datetime) -> Named | None:
    if claims["iss"] != ISSUER or claims["exp"] <= now.timestamp():
        return None
    return Named(UUID(claims["org"]), UUID(claims["jti"]))


def _signing(secret_key: bytes) -> Any:
    from joserfc.jwk import OctKey

    return OctKey.import_key(hmac.digest(secret_key, PURPOSE, "sha256"))
