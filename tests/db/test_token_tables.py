from dataclasses import fields

from service.db.front_tokens import FrontToken
from service.db.tables import TokenRow, table_of


def test_a_row_has_a_column_for_every_field_of_a_token_but_its_key_which_has_a_row_of_its_own() -> None:
    table = table_of(TokenRow)
    assert set(table.c.keys()) == {"organization_id", *(field.name for field in fields(FrontToken))} - {"key"}
    assert table.primary_key.columns.keys() == ["organization_id", "token_id"]
