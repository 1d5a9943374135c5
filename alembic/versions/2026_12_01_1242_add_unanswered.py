"""Add an index of the critical alerts that nobody has handled; revision 3b9d17c84e60, after e83f06b2d417."""

import sqlalchemy as sa
from alembic import op

revision: str = "3b9d17c84e60"
down_revision: str | None = "e83f06b2d417"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_index(
        "ix_alerts_unanswered",
        "alerts",
        ["organization_id"],
        postgresql_where=sa.text(
            "severity = 'critical' AND handling = 'new' AND state IN ('open', 'recovering')"
            " AND origin = 'live' AND NOT shadow"
        ),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_index("ix_alerts_unanswered", "alerts")
