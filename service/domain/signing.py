"""How a receiver knows that a message is from us, unchanged and recent: the signatures of Standard Webhooks 1.0."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32  # the standard takes 24 to 64


def secret_of(random: bytes) -> str:
    """Return random bytes as the secret that a receiver is given."""
    return PREFIX + b64encode(random).decode()


def signed(secrets: Iterable[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of a message: while a secret is exchanged for another, one signature by each.

    Formula:  v1,base64(HMAC-SHA256(secret, id . unix seconds . body))
    Range:    one signature for each secret, separated by spaces
    Missing:  none; a message without a secret is not sent
    Source:   Standard Webhooks 1.0, symmetric signatures
    """
    seconds = str(int(at.timestamp()))
    content = b".".join((message_id.encode(), seconds.encode(), body))
    signatures = (hmac.digest(b64decode(secret.removeprefix(PREFIX)), content, "sha256") for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{b64encode(found).decode()}" for found in signatures),
    }
