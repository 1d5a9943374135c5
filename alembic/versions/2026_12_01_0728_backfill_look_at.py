"""Backfill when to look at the sessions that still lie ahead; revision e83f06b2d417, after c5a81e0f7d29."""

from alembic import op

revision: str = "e83f06b2d417"
down_revision: str | None = "c5a81e0f7d29"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables

PLANNED = "CAST(facts ->> 'next_planned_at' AS timestamptz)"
SCHEDULED = "(facts ->> 'status' = 'scheduled' AND held_at > CURRENT_TIMESTAMP)"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute(f"UPDATE sessions SET look_at = {PLANNED} WHERE in_course AND {PLANNED} > CURRENT_TIMESTAMP")
    op.execute(f"UPDATE sessions SET look_at = held_at WHERE NOT in_course AND {SCHEDULED}")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.execute("UPDATE sessions SET look_at = NULL WHERE look_at IS NOT NULL")
