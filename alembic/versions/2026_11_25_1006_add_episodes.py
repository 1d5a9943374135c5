"""Add rupture episodes; revision b7f03a6c81de, after 5c1d9e7a40b2."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "b7f03a6c81de"
down_revision: str | None = "5c1d9e7a40b2"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables

ID, MOMENT = sa.Uuid(), sa.DateTime(timezone=True)
CODE = sa.Text(collation="C")
DOCUMENT = JSONB()


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "episodes",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("case_id", CODE, nullable=False),
        sa.Column("episode_id", CODE, nullable=False),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("replaced_by", CODE, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_id"], ["cases.organization_id", "cases.case_id"], name="fk_episodes_cases"
        ),
        sa.PrimaryKeyConstraint("organization_id", "case_id", "episode_id", name="pk_episodes"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("episodes")
