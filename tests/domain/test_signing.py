import hmac
from base64 import b64decode, b64encode
from datetime import UTC, datetime

from service.domain.signing import SECRET_BYTES, secret_of, signed

# the example of Standard Webhooks' own libraries
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_of_the_standard() -> None:
    assert signed([SECRET], ID, AT, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_while_secrets_change_there_is_a_signature_by_each() -> None:
    other = secret_of(bytes(range(SECRET_BYTES)))
    both = signed([other, SECRET], ID, AT, BODY)["webhook-signature"].split(" ")
    assert both[1] == SIGNATURE
    content = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + BODY
    by_hand = hmac.digest(bytes(range(SECRET_BYTES)), content, "sha256")
    assert both[0] == f"v1,{b64encode(by_hand).decode()}"


def test_all_that_is_signed_changes_the_signature() -> None:
    later = datetime.fromtimestamp(1614265331, UTC)
    others = [signed([SECRET], ID + "x", AT, BODY), signed([SECRET], ID, later, BODY), signed([SECRET], ID, AT, b"{}")]
    found = {headers["webhook-signature"] for headers in others}
    assert len(found) == 3
    assert SIGNATURE not in found


def test_part_of_a_second_does_not_count() -> None:
    assert signed([SECRET], ID, AT.replace(microsecond=999_999), BODY)["webhook-signature"] == SIGNATURE


def test_a_secret_carries_its_bytes() -> None:
    assert secret_of(b"\x00" * 32) == "whsec_" + "A" * 43 + "="
    assert b64decode(secret_of(b"\xff" * 32).removeprefix("whsec_")) == b"\xff" * 32
