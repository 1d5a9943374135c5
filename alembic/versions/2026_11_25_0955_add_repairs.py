"""Add repairs, and to each alert the last one; revision 5c1d9e7a40b2, after 30a927ef175b."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "5c1d9e7a40b2"
down_revision: str | None = "30a927ef175b"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables

ID, MOMENT = sa.Uuid(), sa.DateTime(timezone=True)
CODE = sa.Text(collation="C")
DOCUMENT = JSONB()


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.add_column("alerts", sa.Column("last_repair", DOCUMENT, nullable=True))
    op.create_table(
        "repairs",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("alert_id", ID, nullable=False),
        sa.Column("repair_id", CODE, nullable=False),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "alert_id"], ["alerts.organization_id", "alerts.alert_id"], name="fk_repairs_alerts"
        ),
        sa.PrimaryKeyConstraint("organization_id", "alert_id", "repair_id", name="pk_repairs"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("repairs")
    op.drop_column("alerts", "last_repair")
