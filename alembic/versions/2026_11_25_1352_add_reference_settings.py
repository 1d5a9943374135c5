"""Add what organizations set the references of their forms to; revision c41e7a9d52f8, after 8d2f60b1c7a4."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "c41e7a9d52f8"
down_revision: str | None = "8d2f60b1c7a4"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables

ID, MOMENT = sa.Uuid(), sa.DateTime(timezone=True)
CODE = sa.Text(collation="C")
DOCUMENT = JSONB()


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "reference_settings",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("instrument", CODE, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("entries", DOCUMENT, nullable=False),
        sa.Column("key_id", CODE, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="fk_reference_settings_organizations"
        ),
        sa.PrimaryKeyConstraint("organization_id", "number", name="pk_reference_settings"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("reference_settings")
