"""Add front-end tokens; revision b61f4d09e2a7, after c4a9e2715b08."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision: str = "b61f4d09e2a7"
down_revision: str | None = "c4a9e2715b08"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables

ID, MOMENT = sa.Uuid(), sa.DateTime(timezone=True)
CODE = sa.Text(collation="C")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "tokens",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("token_id", ID, nullable=False),
        sa.Column("key_id", CODE, nullable=False),
        sa.Column("person", CODE, nullable=False),
        sa.Column("role", CODE, nullable=False),
        sa.Column("therapists", ARRAY(CODE), nullable=False),
        sa.Column("scopes", ARRAY(CODE), nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "key_id"], ["keys.organization_id", "keys.key_id"], name="fk_tokens_keys"
        ),
        sa.PrimaryKeyConstraint("organization_id", "token_id", name="pk_tokens"),
    )
    op.create_index("ix_tokens_expires", "tokens", ["organization_id", "expires_at"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("tokens")
