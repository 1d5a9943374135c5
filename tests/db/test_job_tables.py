import pytest
from sqlalchemy import inspect

from service.db.engine import Db
from service.db.jobs import chunks, jobs

pytestmark = pytest.mark.anyio


async def test_what_is_open_is_found_by_an_index_of_nothing_else(db: Db) -> None:
    """The queue stays short however many jobs there were."""
    found = await db.connection.run_sync(lambda sync: inspect(sync).get_indexes("chunks"))
    (index,) = found
    assert index["column_names"] == ["organization_id", "kind", "job_id", "place"]
    assert index["dialect_options"]["postgresql_where"] == "(over_at IS NULL)"


def test_chunks_belong_to_a_job() -> None:
    (key,) = chunks.foreign_key_constraints
    assert key.referred_table is jobs
    assert [column.name for column in jobs.primary_key] == ["organization_id", "kind", "job_id"]
