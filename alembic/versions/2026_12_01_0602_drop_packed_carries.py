"""Drop packed carries; revision 7d40b9c2e613, after 91c6f2b7d0e3.

A carry is computed and may be missing: those in the former shape go, and each course is folded anew when it is next
written to or read. The database packs them again: it does so for less than the service did.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "7d40b9c2e613"
down_revision: str | None = "91c6f2b7d0e3"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables; none was released before


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("TRUNCATE carries")
    op.alter_column("carries", "carry", type_=sa.JSON(), postgresql_using="'{}'::json")
    op.execute("ALTER TABLE carries ALTER COLUMN carry SET STORAGE EXTENDED")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("TRUNCATE carries")
    op.alter_column("carries", "carry", type_=sa.LargeBinary(), postgresql_using="''::bytea")
    op.execute("ALTER TABLE carries ALTER COLUMN carry SET STORAGE EXTERNAL")
