"""What organizations set their rules to, as it is stored: settings are added, none is ever changed."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import any_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert

from service.db.columns import Code
from service.db.engine import Db
from service.db.rows import Row
from service.db.statements import ORGANIZATION, Statement
from service.db.tables import CaseRow, OrganizationRow, RuleSettingRow, table_of
from service.domain.plain import freeze
from service.domain.rulebook import EMPTY, Mode, Rulebook, Setting

organizations, settings, cases = table_of(OrganizationRow), table_of(RuleSettingRow), table_of(CaseRow)

REMEMBERED = 1000  # rulebooks of a process

_known: dict[tuple[UUID, int], Rulebook] = {}  # a number stands for all settings up to it, and these never change


def latest_number() -> Any:
    """Return the number of the organization's last setting, as a part of another statement; 0 where there is none."""
    newest = select(func.max(settings.c.number)).where(settings.c.organization_id == ORGANIZATION)
    return func.coalesce(newest.scalar_subquery(), 0)


SETTINGS = Statement(
    select(settings).where(settings.c.organization_id == ORGANIZATION).order_by(settings.c.number.asc())
)


async def rulebook(db: Db, number: int | None = None) -> Rulebook:
    """Return all settings of the organization; by the number of the last one it is mostly known already."""
    if number == 0:
        return EMPTY
    known = _known.get((db.organization_id, number)) if number is not None else None
    if known is not None:
        return known
    found = Rulebook(tuple(_setting_of(row) for row in await db.fetch(SETTINGS)))
    if not found.settings:
        return EMPTY
    if len(_known) >= REMEMBERED:
        _known.clear()
    return _known.setdefault((db.organization_id, found.number), found)


ALONE = Statement(
    select(organizations.c.organization_id)
    .where(organizations.c.organization_id == ORGANIZATION)
    .with_for_update(key_share=True)
)


async def rulebook_alone(db: Db) -> Rulebook:
    """Return all settings of the organization while nobody else can add one, until the transaction ends."""
    await db.fetch(ALONE)
    return await rulebook(db)


ADD = Statement(insert(settings), settings.c.keys())


async def write_setting(db: Db, setting: Setting) -> None:
    """Add a setting; the organization's row must be locked."""
    await db.run(ADD, [{name: freeze(getattr(setting, name)) for name in FIELDS} | {"at": setting.at}])


FIELDS = tuple(Setting.__dataclass_fields__)

SUPERSEDE = Statement(
    update(cases)
    .where(
        cases.c.organization_id == ORGANIZATION,
        cases.c.case_id == any_(bindparam("case_ids", type_=ARRAY(Code()))),
    )
    .values(rules_since=bindparam("number", type_=cases.c.rules_since.type))
)


async def judge_by(db: Db, case_ids: Collection[str], number: int) -> None:
    """Let no setting before a number judge some cases any more; they must be locked, and folded anew from the start."""
    await db.fetch(SUPERSEDE, case_ids=sorted(case_ids), number=number)


def _setting_of(row: Row) -> Setting:
    return Setting(
        number=row["number"],
        rule=row["rule"],
        program=row["program"],
        version=row["version"],
        mode=None if row["mode"] is None else Mode(row["mode"]),
        parameters=row["parameters"],
        key_id=row["key_id"],
        at=row["at"],
    )
