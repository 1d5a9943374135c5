"""Add subscriptions to changes of alerts, and what is delivered to them; revision c4a9e2715b08, after c41b7e9d2f05."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision: str = "c4a9e2715b08"
down_revision: str | None = "c41b7e9d2f05"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables

ID, MOMENT, BYTES = sa.Uuid(), sa.DateTime(timezone=True), sa.LargeBinary()
CODE = sa.Text(collation="C")
CODES = ARRAY(CODE)
DOCUMENT = JSONB()
WAITING = sa.text("state = 'waiting'")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    # the default lets the version before this one write on
    op.add_column("organizations", sa.Column("subscribed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "subscriptions",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("subscription_id", CODE, nullable=False),
        sa.Column("channel", CODE, nullable=False),
        sa.Column("address", CODE, nullable=False),
        sa.Column("rules", CODES, nullable=True),
        sa.Column("severities", CODES, nullable=True),
        sa.Column("therapists", CODES, nullable=True),
        sa.Column("cases", CODES, nullable=True),
        sa.Column("events", CODES, nullable=True),
        sa.Column("secret", BYTES, nullable=False),
        sa.Column("former_secret", BYTES, nullable=True),
        sa.Column("former_until", MOMENT, nullable=True),
        sa.Column("state", CODE, nullable=False),
        sa.Column("state_reason", CODE, nullable=True),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="fk_subscriptions_organizations"
        ),
        sa.PrimaryKeyConstraint("organization_id", "subscription_id", name="pk_subscriptions"),
    )
    op.create_table(
        "deliveries",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("subscription_id", CODE, nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("event", CODE, nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("alert_id", ID, nullable=True),
        sa.Column("case_id", CODE, nullable=True),
        sa.Column("severity", CODE, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("state", CODE, nullable=False),
        sa.Column("state_reason", CODE, nullable=True),
        sa.Column("tried", sa.Integer(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.Column("attempts", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "subscription_id"],
            ["subscriptions.organization_id", "subscriptions.subscription_id"],
            name="fk_deliveries_subscriptions",
        ),
        sa.PrimaryKeyConstraint("organization_id", "subscription_id", "event_id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["organization_id", "due_at"], postgresql_where=WAITING)
    lane = ["organization_id", "subscription_id", "due_at"]
    op.create_index("ix_deliveries_lane", "deliveries", lane, postgresql_where=WAITING)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("deliveries")
    op.drop_table("subscriptions")
    op.drop_column("organizations", "subscribed")
