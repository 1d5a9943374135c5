"""A push to a browser or phone by Web Push: encrypted for that one device, signed by the organization, saying nothing.

Source: RFC 8030 (the request), RFC 8188 and 8291 (how it is encrypted), RFC 8292 (who sends it). The libraries for it
come without a wheel or bring clients of their own; these are forty lines on primitives that are here anyway.
"""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import ECKey

from service.channels import Channel, Means, Message, Told, webhook
from service.domain.retrying import Attempt

KEPT_SECONDS = 24 * 3600  # by the push service, for a device that is off; after that the list tells all the same
SIGNED_FOR = timedelta(hours=12)  # RFC 8292: at most a day
RECORD = 4096  # bytes, of which a message has but one
GONE = (404, 410)  # RFC 8030 7.3: the device has unsubscribed
CURVE = ec.SECP256R1()


def compose(told: Told) -> Message:
    """Return what only the device can read, and the push service can tell who sent; `secrets` say where and how.

    A message that was not fetched yet is replaced by the next: one line about something new is enough.
    """
    device = json.loads(told.secrets[0])
    text = json.dumps({"type": "something-new", "text": told.subject}, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Encoding": "aes128gcm",
        "TTL": str(KEPT_SECONDS),
        "Topic": "evenkeel",
        "Urgency": "high" if told.urgent else "normal",
        "Authorization": authorization(device["signed_by"], device["endpoint"], told.at),
    }
    body = encrypted_for(text, bytes_of(device["p256dh"]), bytes_of(device["auth"]))
    return Message(address=device["endpoint"], headers=headers, body=body, at=told.at)


async def send(message: Message, means: Means) -> Attempt:
    """Post a message to the push service once and return what came of it."""
    return await webhook.send(message, means, gone=GONE)


CHANNEL = Channel("web-push", compose, send)


def encrypted_for(text: bytes, device: bytes, secret: bytes) -> bytes:
    """Return a text encrypted for a device, differently each time; raises ValueError for a key that is none."""
    return encrypted(text, device, secret, ec.generate_private_key(CURVE), os.urandom(16))


def encrypted(text: bytes, device: bytes, secret: bytes, private: ec.EllipticCurvePrivateKey, salt: bytes) -> bytes:
    """Return a text encrypted for a device's public key and secret, with a private key that is used this once.

    Raises ValueError for a key that is no point of the curve.
    """
    public = point(private.public_key())
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, device))
    keyed = _derived(shared, secret, b"WebPush: info\0" + device + public, 32)
    key = _derived(keyed, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(keyed, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + RECORD.to_bytes(4, "big") + bytes([len(public)]) + public
    return head + AESGCM(key).encrypt(nonce, text + b"\2", None)  # 2: the last record


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def authorization(signed_by: str, endpoint: str, at: datetime) -> str:
    """Return the header by which an organization's key vouches for a message to a push service."""
    parts, key = urlsplit(endpoint), ECKey.import_key(json.loads(signed_by))
    claims = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": int((at + SIGNED_FOR).timestamp())}
    token = jwt.encode({"typ": "JWT", "alg": "ES256"}, claims, key)
    return f"vapid t={token}, k={public_of(signed_by)}"


def new_key() -> str:
    """Return a new private key of an organization, as it is kept."""
    return json.dumps(ECKey.generate_key("P-256").as_dict(private=True))


def public_of(signed_by: str) -> str:
    """Return the public part of an organization's key as browsers take it: `applicationServerKey`."""
    jwk = json.loads(signed_by)
    return text_of(b"\4" + bytes_of(jwk["x"]) + bytes_of(jwk["y"]))


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a public key as a point of the curve, uncompressed."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def bytes_of(text: str) -> bytes:
    """Return what base64url without padding stands for; ValueError if it is none."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text_of(found: bytes) -> str:
    return urlsafe_b64encode(found).rstrip(b"=").decode()
