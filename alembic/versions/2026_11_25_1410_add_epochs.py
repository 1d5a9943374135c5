"""Add epochs of change numbers, and the change that hid an alert; revision c41b7e9d2f05, after 3f6b1c84e92a."""

import sqlalchemy as sa
from alembic import op

revision: str = "c41b7e9d2f05"
down_revision: str | None = "3f6b1c84e92a"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    # the default lets the version before this one make organizations
    op.add_column("organizations", sa.Column("epoch", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("alerts", sa.Column("hidden_number", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_column("alerts", "hidden_number")
    op.drop_column("organizations", "epoch")
