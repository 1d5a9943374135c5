"""The OpenID provider of an organization: whose tokens it takes as front-end tokens, and what they may do."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from service.db.engine import Db
from service.db.identity import OPERATOR
from service.db.statements import ORGANIZATION, Statement
from service.db.stores import write_audit
from service.db.tables import ProviderRow, table_of

providers = table_of(ProviderRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Who issues tokens, for whom, where its keys are, and in which claims it names people.

    `person_claim` is whom a token is of; whoever has a `therapists_claim` in it supervises those whom that names.
    """

    issuer: str
    audience: str
    jwks_address: str
    person_claim: str = "sub"
    therapists_claim: str | None = None
    scopes: frozenset[str] = frozenset()
    revision: int = 0


PROVIDER = Statement(select(providers).where(providers.c.organization_id == ORGANIZATION))


async def find_provider(db: Db) -> Provider | None:
    """Return the provider of the handle's organization."""
    rows = await db.fetch(PROVIDER)
    if not rows:
        return None
    fields = {name: rows[0][name] for name in Provider.__dataclass_fields__}
    return Provider(**{**fields, "scopes": frozenset(fields["scopes"])})


async def set_provider(db: Db, wanted: Provider, at: datetime) -> Provider:
    """Make a provider that of the organization, in place of the one before.

    The revision is made of the time, so that none ever comes again, not even after a removal.
    """
    made = replace(wanted, revision=int(at.timestamp() * 1000))
    values = {name: getattr(made, name) for name in Provider.__dataclass_fields__} | {"scopes": sorted(made.scopes)}
    statement = insert(providers).values(organization_id=db.organization_id, changed_at=at, **values)
    await db.execute(
        statement.on_conflict_do_update(index_elements=["organization_id"], set_={**values, "changed_at": at})
    )
    await write_audit(db, at, [(OPERATOR, "provider.set", f"organization/{db.organization_id}", None)])
    return made


async def remove_provider(db: Db, at: datetime) -> bool:
    """Let nobody in any more by a token of the provider; tell whether there was one."""
    gone = await db.execute(delete(providers).where(providers.c.organization_id == db.organization_id))
    if gone.rowcount:
        await write_audit(db, at, [(OPERATOR, "provider.removed", f"organization/{db.organization_id}", None)])
    return bool(gone.rowcount)
