"""Add when an alert last asked for somebody by itself; revision 5a0e83d96b1f, after 5e07c3a9d14b."""

import sqlalchemy as sa
from alembic import op

revision: str = "5a0e83d96b1f"
down_revision: str | None = "5e07c3a9d14b"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.add_column("alerts", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_column("alerts", "asked_at")
