"""Setting a rule: in one transaction, under the lock of its organization; repeating it changes nothing."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from service.db import queries, stores
from service.db.engine import Db, transaction
from service.db.rulebooks import rulebook_alone, write_setting
from service.domain.amending import Wish, amended
from service.domain.commands import Refusal
from service.domain.rulebook import Rulebook, Setting


@dataclass(frozen=True, slots=True)
class Tuned:
    """What became of a wish: all settings as they are by now, or why it was refused."""

    rulebook: Rulebook
    created: bool = False
    refusal: Refusal | None = None


async def tune(engine: AsyncEngine, organization_id: UUID, wish: Wish, by_key: bool = True) -> Tuned:
    """Set a rule; committed when this returns. Somebody at the command line needs no key.

    Raises InvalidParameters with every fault of the parameters.
    """
    async with transaction(engine, organization_id) as db:
        book = await rulebook_alone(db)
        if by_key:
            _, keys, _ = await queries.touched_sessions(db, [], [wish.key_id], wish.at)
            if wish.key_id not in keys:
                return Tuned(book, refusal=Refusal("key-revoked"))
        match amended(book, wish):
            case Refusal() as refusal:
                return Tuned(book, refusal=refusal)
            case Setting() as setting:
                await _store(db, setting)
                return Tuned(Rulebook((*book.settings, setting), book.forms), created=setting.version == 1)
        return Tuned(book)


async def _store(db: Db, setting: Setting) -> None:
    """Add a setting, and note who made it and where: ids only, as everywhere in the audit."""
    await write_setting(db, setting)
    place = "" if setting.program is None else f"/program/{setting.program}"
    thing = f"rule/{setting.rule}{place}"
    await stores.write_audit(db, setting.at, [(setting.key_id, "rule.set", thing, setting.version)])
