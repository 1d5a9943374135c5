"""Add when a planned session became overdue, and when to look; revision c5a81e0f7d29, after 8d2f40b6c7e1."""

import sqlalchemy as sa
from alembic import op

revision: str = "c5a81e0f7d29"
down_revision: str | None = "8d2f40b6c7e1"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for name in ("overdue_at", "look_at"):
        op.add_column("sessions", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_sessions_look",
        "sessions",
        ["organization_id", "look_at"],
        postgresql_where=sa.text("look_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_index("ix_sessions_look", "sessions")
    for name in ("look_at", "overdue_at"):
        op.drop_column("sessions", name)
