"""Secrets that must be read again, encrypted at rest: the first of the operator's keys encrypts, each of them decrypts.

What lies in the database is of no use without the keys, which do not lie there. Each purpose and organization has a
key of its own, so that what was encrypted for one cannot be passed off as another's.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

WEBHOOKS = "webhook"  # the purpose of secrets by which messages are signed
PEOPLE = "person"  # of where a person is told


class NoKeys(Exception):
    """The operator gave no keys to encrypt with."""


class Unreadable(Exception):
    """None of the keys decrypts this."""


def encrypt(keys: Sequence[bytes], purpose: str, organization_id: UUID, secret: str) -> bytes:
    """Return a secret encrypted with the first key; raises NoKeys where there is none."""
    return _cipher(keys, purpose, organization_id).encrypt(secret.encode())


def decrypt(keys: Sequence[bytes], purpose: str, organization_id: UUID, token: bytes) -> str:
    """Return a secret that was encrypted with one of the keys; raises NoKeys or Unreadable."""
    from cryptography.fernet import InvalidToken

    try:
        return _cipher(keys, purpose, organization_id).decrypt(token).decode()
    except InvalidToken:
        raise Unreadable from None


def renewed(keys: Sequence[bytes], purpose: str, organization_id: UUID, token: bytes) -> bytes:
    """Return what one of the keys encrypted, encrypted with the first; raises NoKeys or Unreadable."""
    from cryptography.fernet import InvalidToken

    try:
        return _cipher(keys, purpose, organization_id).rotate(token)
    except InvalidToken:
        raise Unreadable from None


def _cipher(keys: Sequence[bytes], purpose: str, organization_id: UUID) -> "MultiFernet":
    from cryptography.fernet import Fernet, MultiFernet  # loaded where a secret is kept, which most processes do not

    if not keys:
        raise NoKeys
    label = f"evenkeel:{purpose}:{organization_id}".encode()
    return MultiFernet([Fernet(urlsafe_b64encode(hmac.digest(key, label, "sha256"))) for key in keys])
