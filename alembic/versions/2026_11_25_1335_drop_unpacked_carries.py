"""Drop unpacked carries; revision 3e8a51d07c94, after b7f03a6c81de.

A carry is computed and may be missing: those in the former shape go, and each course is folded anew when it is next
written to or read.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "3e8a51d07c94"
down_revision: str | None = "b7f03a6c81de"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables; none was released before


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("TRUNCATE carries")
    op.alter_column("carries", "carry", type_=sa.LargeBinary(), postgresql_using="''::bytea")
    op.execute("ALTER TABLE carries ALTER COLUMN carry SET STORAGE EXTERNAL")  # packed already


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("TRUNCATE carries")
    op.alter_column("carries", "carry", type_=sa.JSON(), postgresql_using="'{}'::json")
