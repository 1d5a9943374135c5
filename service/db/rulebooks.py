"""What organizations set their rules to, as it is stored: settings are added, none is ever changed."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import any_, bindparam, func, literal_column, null, select, union_all, update
from sqlalchemy.dialects.postgresql import insert

from service.db.engine import Db
from service.db.rows import Row
from service.db.statements import ORGANIZATION, Statement, listed
from service.db.tables import CaseRow, OrganizationRow, ReferenceSettingRow, RuleSettingRow, table_of
from service.domain.plain import freeze
from service.domain.references import OwnReference
from service.domain.rulebook import EMPTY, Mode, ReferenceSetting, Rulebook, Setting

organizations, settings, cases = table_of(OrganizationRow), table_of(RuleSettingRow), table_of(CaseRow)
forms = table_of(ReferenceSettingRow)

REMEMBERED = 1000  # rulebooks of a process

_known: dict[tuple[UUID, int], Rulebook] = {}  # a number stands for all settings up to it, and these never change


def latest_number() -> Any:
    """Return the number of the organization's last setting, as a part of another statement; 0 where there is none."""
    newest = (
        select(func.max(table.c.number)).where(table.c.organization_id == ORGANIZATION) for table in (settings, forms)
    )
    return func.coalesce(func.greatest(*(number.scalar_subquery() for number in newest)), 0)


def _settings() -> Any:
    """Return a statement for the settings of rules and of forms alike, with what only rules have left empty."""
    of_rules = (settings.c.rule, settings.c.program, settings.c.version, settings.c.mode, settings.c.parameters)
    of_forms = (forms.c.instrument, null().label("program"), forms.c.version, null().label("mode"), forms.c.entries)
    parts = [
        select(literal_column(told).label("of_form"), table.c.number, *columns, table.c.key_id, table.c.at).where(
            table.c.organization_id == ORGANIZATION
        )
        for told, table, columns in (("false", settings, of_rules), ("true", forms, of_forms))
    ]
    return union_all(*parts).order_by("number")


SETTINGS = Statement(_settings())


async def rulebook(db: Db, number: int | None = None) -> Rulebook:
    """Return all settings of the organization; by the number of the last one it is mostly known already."""
    if number == 0:
        return EMPTY
    known = _known.get((db.organization_id, number)) if number is not None else None
    if known is not None:
        return known
    rows = await db.fetch(SETTINGS)
    if not rows:
        return EMPTY
    found = Rulebook(
        tuple(_setting_of(row) for row in rows if not row["of_form"]),
        tuple(_reference_setting_of(row) for row in rows if row["of_form"]),
    )
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

ADD_FORM = Statement(insert(forms), forms.c.keys())


async def write_references(db: Db, setting: ReferenceSetting) -> None:
    """Add what the references of a form are set to; the organization's row must be locked."""
    entries = [item.plain for item in setting.references]
    row = {"number": setting.number, "instrument": setting.instrument, "version": setting.version, "entries": entries}
    await db.run(ADD_FORM, [{**row, "key_id": setting.key_id, "at": setting.at}])


SUPERSEDE = Statement(
    update(cases)
    .where(
        cases.c.organization_id == ORGANIZATION,
        cases.c.case_id == any_(listed("case_ids")),
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


def _reference_setting_of(row: Row) -> ReferenceSetting:
    return ReferenceSetting(
        number=row["number"],
        instrument=row["rule"],
        version=row["version"],
        references=tuple(OwnReference(**entry) for entry in row["parameters"]),
        key_id=row["key_id"],
        at=row["at"],
    )
