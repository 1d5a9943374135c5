"""Add who lost an alert with its case, with the change that told them; revision 5e07c3a9d14b, after b61f4d09e2a7."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "5e07c3a9d14b"
down_revision: str | None = "b61f4d09e2a7"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.add_column("alerts", sa.Column("handed_over", JSONB(), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_column("alerts", "handed_over")
