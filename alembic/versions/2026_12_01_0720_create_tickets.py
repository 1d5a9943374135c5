"""Create tickets, each good for one stream; revision 8d2f40b6c7e1, after 1f6c08d35ea9."""

import sqlalchemy as sa
from alembic import op

revision: str = "8d2f40b6c7e1"
down_revision: str | None = "1f6c08d35ea9"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables; none was released before


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "tickets",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("credentials", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="fk_tickets_organizations"
        ),
        sa.PrimaryKeyConstraint("organization_id", "digest", name="pk_tickets"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("tickets")
