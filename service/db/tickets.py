"""Tickets as they are stored: by what they hash to, until they are taken; each is taken once."""

from datetime import datetime

from sqlalchemy import delete, insert

from service.db.engine import Db
from service.db.tables import TicketRow, table_of

tickets = table_of(TicketRow)


async def store_ticket(db: Db, digest: bytes, credentials: bytes, now: datetime, expires_at: datetime) -> None:
    """Keep a ticket, and forget those that nobody came with in time."""
    past = (tickets.c.organization_id == db.organization_id, tickets.c.expires_at <= now)
    await db.execute(delete(tickets).where(*past))
    values = {"digest": digest, "credentials": credentials, "expires_at": expires_at}
    await db.execute(insert(tickets).values(organization_id=db.organization_id, **values))


async def take_ticket(db: Db, digest: bytes, now: datetime) -> bytes | None:
    """Return what a ticket stands for, and let it be no more; None if it is not there, or its time is over."""
    mine = (tickets.c.organization_id == db.organization_id, tickets.c.digest == digest)
    row = (await db.execute(delete(tickets).where(*mine).returning(tickets))).one_or_none()
    return None if row is None or row.expires_at <= now else row.credentials
