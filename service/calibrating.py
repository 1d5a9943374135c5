"""Setting the references of a form: in one transaction, under its organization's lock; repeating changes nothing."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import queries, stores
from service.db.engine import transaction
from service.db.rulebooks import rulebook_alone, write_references
from service.domain.commands import Refusal
from service.domain.referencing import ReferenceWish, referenced
from service.domain.rulebook import ReferenceSetting, Rulebook


@dataclass(frozen=True, slots=True)
class Referenced:
    """What became of a wish: all that is set by now, or why it was refused."""

    rulebook: Rulebook
    created: bool = False
    refusal: Refusal | None = None


async def set_references(
    engine: AsyncEngine, organization_id: UUID, wish: ReferenceWish, by_key: bool = True
) -> Referenced:
    """Set the references of a form; committed when this returns. Somebody at the command line needs no key.

    Raises InvalidReferences with every fault.
    """
    async with transaction(engine, organization_id) as db:
        book = await rulebook_alone(db)
        if by_key:
            _, keys, _ = await queries.touched_sessions(db, [], [wish.key_id], wish.at)
            if wish.key_id not in keys:
                return Referenced(book, refusal=Refusal("key-revoked"))
        match referenced(book, wish):
            case Refusal() as refusal:
                return Referenced(book, refusal=refusal)
            case ReferenceSetting() as setting:
                await write_references(db, setting)
                told = (setting.key_id, "references.set", f"instrument/{setting.instrument}", setting.version)
                await stores.write_audit(db, setting.at, [told])
                grown = Rulebook(book.settings, (*book.forms, setting))
                return Referenced(grown, created=setting.version == 1)
        return Referenced(book)
