"""Tickets: what a browser shows in an address in place of the key or token that it cannot send as a header.

An address is written into logs on its way, so a ticket is good once, for half a minute. It is itself the key by which
the credentials that it stands for are encrypted: what lies in the database is of no use to anybody else.
"""

import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db.engine import transaction
from service.db.tickets import store_ticket, take_ticket

LASTS = timedelta(seconds=30)
SECRET_BYTES = 32
TICKET = re.compile(r"et_([0-9a-f]{32})_([0-9a-f]{64})")

Credentials = Mapping[str, str]  # header → its text


async def issue(
    engine: AsyncEngine, organization_id: UUID, credentials: Credentials, now: datetime
) -> tuple[str, datetime]:
    """Return a new ticket that stands for some credentials, and when it ends."""
    from cryptography.fernet import Fernet  # loaded where a ticket is asked for, which most processes are not

    secret, expires_at = secrets.token_bytes(SECRET_BYTES), now + LASTS
    kept = Fernet(urlsafe_b64encode(secret)).encrypt(json.dumps(dict(credentials)).encode())
    async with transaction(engine, organization_id) as db:
        await store_ticket(db, sha256(secret).digest(), kept, now, expires_at)
    return f"et_{organization_id.hex}_{secret.hex()}", expires_at


async def redeem(engine: AsyncEngine, ticket: str, now: datetime) -> Credentials | None:
    """Return what a ticket stands for, this once; None if it is none, is over, or somebody came with it before."""
    from cryptography.fernet import Fernet

    found = TICKET.fullmatch(ticket)
    if found is None:
        return None
    secret = bytes.fromhex(found[2])
    async with transaction(engine, UUID(found[1])) as db:
        kept = await take_ticket(db, sha256(secret).digest(), now)
    if kept is None:
        return None
    credentials: Credentials = json.loads(Fernet(urlsafe_b64encode(secret)).decrypt(kept))
    return credentials
