import pytest
from sqlmodel import SQLModel

from service.db.handling_tables import EpisodeRow, HandlingRow, RepairRow
from service.db.tables import table_of


@pytest.mark.parametrize(
    ("row", "made_id"), [(HandlingRow, "handling_id"), (RepairRow, "repair_id"), (EpisodeRow, "episode_id")]
)
def test_each_is_found_by_what_it_is_about_and_the_id_that_its_client_made(row: type[SQLModel], made_id: str) -> None:
    about, made = table_of(row).primary_key.columns.keys()[1:]
    assert (about, made) in (("alert_id", made_id), ("case_id", made_id))
    assert {"body", "received_at"} <= set(table_of(row).c.keys())
