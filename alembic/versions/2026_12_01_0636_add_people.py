"""Add people who are told, how they want to be, and what was merged; revision 1f6c08d35ea9, after 7d40b9c2e613."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "1f6c08d35ea9"
down_revision: str | None = "7d40b9c2e613"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables; none was released before

CODE = sa.Text(collation="C")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    for name in ("person", "role", "language"):
        op.add_column("subscriptions", sa.Column(name, CODE, nullable=True))
    op.add_column("deliveries", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.add_column("organizations", sa.Column("push_key", sa.LargeBinary(), nullable=True))
    op.create_table(
        "delivery_settings",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("person", CODE, nullable=False),
        sa.Column("settings", JSONB(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="fk_delivery_settings_organizations"
        ),
        sa.PrimaryKeyConstraint("organization_id", "person", name="pk_delivery_settings"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("delivery_settings")
    op.drop_column("organizations", "push_key")
    op.drop_column("deliveries", "merged_into")
    # the version before this one would take people for systems, and tell them everything
    op.execute(
        "DELETE FROM deliveries USING subscriptions WHERE subscriptions.person IS NOT NULL"
        " AND subscriptions.organization_id = deliveries.organization_id"
        " AND subscriptions.subscription_id = deliveries.subscription_id"
    )
    op.execute("DELETE FROM subscriptions WHERE person IS NOT NULL")
    for name in ("language", "role", "person"):
        op.drop_column("subscriptions", name)
