from service.db.rule_tables import ReferenceSettingRow, RuleSettingRow
from service.db.tables import table_of
from service.domain.rulebook import ReferenceSetting, Setting


def test_a_row_has_a_column_for_every_field_of_a_setting_and_is_found_by_its_number() -> None:
    table = table_of(RuleSettingRow)
    assert set(table.c.keys()) == {"organization_id", *Setting.__dataclass_fields__}
    assert table.primary_key.columns.keys() == ["organization_id", "number"]


def test_what_a_form_is_set_to_keeps_its_references_as_entries() -> None:
    table = table_of(ReferenceSettingRow)
    fields = {*ReferenceSetting.__dataclass_fields__, "entries"} - {"references"}
    assert set(table.c.keys()) == {"organization_id", *fields}
    assert table.primary_key.columns.keys() == ["organization_id", "number"]
