"""Add what organizations set their rules to, and what shows its effect; revision 8d2f60b1c7a4, after 3e8a51d07c94."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "8d2f60b1c7a4"
down_revision: str | None = "3e8a51d07c94"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables

ID, MOMENT = sa.Uuid(), sa.DateTime(timezone=True)
CODE = sa.Text(collation="C")
DOCUMENT = JSONB()


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    # the defaults let the version before this one write on
    op.add_column("cases", sa.Column("rules_since", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("alerts", sa.Column("shadow", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "rule_settings",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("rule", CODE, nullable=False),
        sa.Column("program", CODE, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("mode", CODE, nullable=True),
        sa.Column("parameters", DOCUMENT, nullable=False),
        sa.Column("key_id", CODE, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="fk_rule_settings_organizations"
        ),
        sa.PrimaryKeyConstraint("organization_id", "number", name="pk_rule_settings"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("rule_settings")
    op.drop_column("alerts", "shadow")
    op.drop_column("cases", "rules_since")
