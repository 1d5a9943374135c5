"""A push to a real receiver, read by its device: the vector of the standard, and what a push service may check."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwt
from joserfc.jwk import ECKey

from service.channels import Means, Told, channels, web_push
from service.channels.web_push import _derived, bytes_of, point, text_of
from service.connecting import Connections
from service.egress import Egress
from tests.api.bodies import DEVICE as DEVICE_BODY
from tests.receivers import receiving, status

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HERE = Means(Connections(Egress(loopback=True)))

# RFC 8291, appendix A
TEXT = b"When I grow up, I want to be a watermelon"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
DEVICE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
DEVICE_PUBLIC, AUTH = DEVICE_BODY["keys"]["p256dh"], DEVICE_BODY["keys"]["auth"]
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl"
    "7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(bytes_of(text), "big"), ec.SECP256R1())


def read(body: bytes) -> bytes:
    """Return what the device of the vector reads, by the way back of RFC 8188 and 8291."""
    salt, size, sender = body[:16], body[20], body[21 : 21 + body[20]]
    shared = private(DEVICE).exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    keyed = _derived(shared, bytes_of(AUTH), b"WebPush: info\0" + bytes_of(DEVICE_PUBLIC) + sender, 32)
    key = _derived(keyed, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(keyed, salt, b"Content-Encoding: nonce\0", 12)
    return AESGCM(key).decrypt(nonce, body[21 + size :], None).removesuffix(b"\2")


def told(endpoint: str, signed_by: str, urgent: bool = False) -> Told:
    device = {"endpoint": endpoint, "p256dh": DEVICE_PUBLIC, "auth": AUTH, "signed_by": signed_by}
    return Told(
        message_id="msg_1", at=NOW, address="", secrets=(json.dumps(device),), subject="Etwas Neues.", urgent=urgent
    )


def test_it_is_a_channel() -> None:
    assert channels()["web-push"] is web_push.CHANNEL


def test_the_vector_of_the_standard() -> None:
    made = web_push.encrypted(TEXT, bytes_of(DEVICE_PUBLIC), bytes_of(AUTH), private(SENDER), bytes_of(SALT))
    assert text_of(made) == BODY
    assert read(made) == TEXT
    assert point(private(DEVICE).public_key()) == bytes_of(DEVICE_PUBLIC)


@pytest.mark.parametrize("urgent", [False, True])
async def test_what_a_push_service_and_a_device_get(urgent: bool) -> None:
    signed_by = web_push.new_key()
    async with receiving(status(201)) as receiver:
        message = web_push.compose(told(receiver.address, signed_by, urgent))
        attempt = await web_push.send(message, HERE)
    assert (attempt.delivered, attempt.gone) == (True, False)
    (got,) = receiver.received
    assert json.loads(read(got.body)) == {"type": "something-new", "text": "Etwas Neues."}
    assert (got.headers["content-encoding"], got.headers["ttl"], got.headers["topic"]) == (
        "aes128gcm",
        "86400",
        "evenkeel",
    )
    assert got.headers["urgency"] == ("high" if urgent else "normal")
    scheme, token, key = got.headers["authorization"].replace(",", "").split(" ")
    assert (scheme, key) == ("vapid", f"k={web_push.public_of(signed_by)}")
    x, y = bytes_of(key[2:])[1:33], bytes_of(key[2:])[33:]
    public = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": text_of(x), "y": text_of(y)})
    found = jwt.decode(token[2:], public, algorithms=["ES256"])
    ends = int((NOW + timedelta(hours=12)).timestamp())
    assert found.claims == {"aud": receiver.address.removesuffix("/evenkeel"), "exp": ends}


def test_no_two_messages_are_alike() -> None:
    one, other = (web_push.compose(told("https://push.example.org/a", web_push.new_key())).body for _ in range(2))
    assert one != other
    assert read(one) == read(other)


@pytest.mark.parametrize(
    ("code", "gone"), [(404, True), (410, True), (400, False), (413, False), (429, False), (503, False)]
)
async def test_who_is_gone(code: int, gone: bool) -> None:
    async with receiving(status(code)) as receiver:
        message = web_push.compose(told(receiver.address, web_push.new_key()))
        attempt = await web_push.send(message, HERE)
    assert (attempt.status, attempt.gone, attempt.delivered) == (code, gone, False)


async def test_the_guard_stands_before_every_push() -> None:
    async with receiving(status(201)) as receiver:
        message = web_push.compose(told(receiver.address, web_push.new_key()))
        assert (await web_push.send(message, Means(Connections(Egress())))).error == "not-https"
    assert receiver.received == []


@pytest.mark.parametrize("key", ["", "AAAA", text_of(b"\4" + b"\1" * 64)])
def test_a_key_that_is_no_point_is_none(key: str) -> None:
    with pytest.raises(ValueError):
        web_push.encrypted(TEXT, bytes_of(key), bytes_of(AUTH), private(SENDER), bytes_of(SALT))
