"""What is read as one of our tokens, and all that is not."""

import base64
import hmac
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from service.api.signed_tokens import LONGEST_TEXT, PURPOSE, Named, read, signed
from tests.db.test_front_tokens import ENDS, token
from tests.factories import NOW

OLD, NEW = bytes(range(32)), bytes(range(32, 72))
OURS = uuid4()
TOKEN = token()
NAMED = Named(OURS, TOKEN.token_id)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def parts() -> list[str]:
    return signed([OLD], OURS, TOKEN).removeprefix("et_").split(".")


def claims() -> dict[str, Any]:
    return dict(jwt.decode(".".join(parts()), OctKey.import_key(hmac.digest(OLD, PURPOSE, "sha256"))).claims)


def test_it_names_its_token_and_carries_no_more_than_whose_it_is() -> None:
    text = signed([OLD], OURS, TOKEN)
    assert text.startswith("et_ey")
    assert read([OLD], text, NOW) == NAMED
    assert claims() == {
        "iss": "evenkeel",
        "org": OURS.hex,
        "sub": "sup-1",
        "jti": TOKEN.token_id.hex,
        "exp": int(ENDS.timestamp()),
    }


def test_the_first_key_signs_and_every_one_verifies() -> None:
    before, after = signed([OLD], OURS, TOKEN), signed([NEW, OLD], OURS, TOKEN)
    assert read([NEW, OLD], before, NOW) == read([NEW, OLD], after, NOW) == NAMED
    assert read([NEW], after, NOW) == NAMED
    assert read([OLD], after, NOW) is None
    assert read([NEW], before, NOW) is None  # the old one was taken out
    assert read([], before, NOW) is None


@pytest.mark.parametrize(("seconds", "expected"), [(-1, NAMED), (0, None), (1, None)])
def test_its_time_is_over_to_the_second(seconds: int, expected: Named | None) -> None:
    assert read([OLD], signed([OLD], OURS, TOKEN), ENDS + timedelta(seconds=seconds)) == expected


def _with_key(header: dict[str, Any], key: bytes, **changed: Any) -> str:
    body = f"{part(header)}.{part({**claims(), **changed})}"
    return f"et_{body}." + base64.urlsafe_b64encode(hmac.digest(key, body.encode(), "sha256")).decode().rstrip("=")


SIGNING = hmac.digest(OLD, PURPOSE, "sha256")


def test_what_is_signed_by_hand_is_read_too() -> None:
    """The refusals below do not fail for want of skill."""
    assert read([OLD], _with_key({"alg": "HS256"}, SIGNING), NOW) == NAMED


def _forged() -> dict[str, str]:
    header, body, signature = parts()
    none = part({"alg": "none", "typ": "JWT"})
    other = part({**claims(), "jti": uuid4().hex})
    return {
        "without its mark": f"{header}.{body}.{signature}",
        "with another mark": f"ek_{header}.{body}.{signature}",
        "no signature": f"et_{header}.{body}.",
        "algorithm none": f"et_{none}.{body}.",
        "algorithm none with a signature": f"et_{none}.{body}.{signature}",
        "algorithm nOnE": f"et_{part({'alg': 'nOnE'})}.{body}.",
        "another token": f"et_{header}.{other}.{signature}",
        "another issuer": _with_key({"alg": "HS256"}, SIGNING, iss="elsewhere"),
        "the secret key itself": _with_key({"alg": "HS256"}, OLD),
        "a stronger algorithm": _with_key({"alg": "HS512"}, SIGNING),
        "no algorithm": _with_key({"typ": "JWT"}, SIGNING),
        "a key in the header": _with_key(
            {"alg": "HS256", "jwk": {"kty": "oct", "k": base64.urlsafe_b64encode(NEW).decode().rstrip("=")}}, NEW
        ),
        "too long": f"et_{header}.{body}.{signature}" + "A" * LONGEST_TEXT,
        "two parts": f"et_{header}.{body}",
        "four parts": f"et_{header}.{body}.{signature}.{signature}",
        "no base64": "et_%.%.%",
        "not ASCII": f"et_{header}.{body}.ß",
        "nothing": "et_",
        "a surrogate": "et_\udce4.a.b",
    }


@pytest.mark.parametrize("kind", list(_forged()))
def test_what_is_not_ours(kind: str) -> None:
    assert read([OLD, NEW], _forged()[kind], NOW) is None
