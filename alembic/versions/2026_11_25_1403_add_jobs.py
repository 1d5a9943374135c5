"""Add jobs and the chunks in which they are done; revision 3f6b1c84e92a, after c41e7a9d52f8."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "3f6b1c84e92a"
down_revision: str | None = "c41e7a9d52f8"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables

ID, MOMENT, NUMBER = sa.Uuid(), sa.DateTime(timezone=True), sa.Integer()
CODE = sa.Text(collation="C")
DOCUMENT = JSONB()


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "jobs",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("kind", CODE, nullable=False),
        sa.Column("job_id", CODE, nullable=False),
        sa.Column("asked", DOCUMENT, nullable=False),
        sa.Column("cases", NUMBER, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("cancelled_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.organization_id"], name="fk_jobs_organizations"),
        sa.PrimaryKeyConstraint("organization_id", "kind", "job_id", name="pk_jobs"),
    )
    op.create_table(
        "chunks",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("kind", CODE, nullable=False),
        sa.Column("job_id", CODE, nullable=False),
        sa.Column("place", NUMBER, nullable=False),
        sa.Column("first_case_id", CODE, nullable=False),
        sa.Column("last_case_id", CODE, nullable=False),
        sa.Column("cases", NUMBER, nullable=False),
        sa.Column("over_at", MOMENT, nullable=True),
        sa.Column("failed", CODE, nullable=True),
        sa.Column("alerts_changed", NUMBER, nullable=False),
        sa.Column("member_sessions", NUMBER, nullable=False),
        sa.Column("counts", DOCUMENT, nullable=True),
        sa.Column("differences", DOCUMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "kind", "job_id"],
            ["jobs.organization_id", "jobs.kind", "jobs.job_id"],
            name="fk_chunks_jobs",
        ),
        sa.PrimaryKeyConstraint("organization_id", "kind", "job_id", "place", name="pk_chunks"),
    )
    op.create_index(
        "ix_chunks_open",
        "chunks",
        ["organization_id", "kind", "job_id", "place"],
        postgresql_where=sa.text("over_at IS NULL"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("chunks")
    op.drop_table("jobs")
