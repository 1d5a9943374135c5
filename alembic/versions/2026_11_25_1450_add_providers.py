"""Add the OpenID providers of organizations; revision 91c6f2b7d0e3, after 5a0e83d96b1f."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision: str = "91c6f2b7d0e3"
down_revision: str | None = "5a0e83d96b1f"
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables

CODE = sa.Text(collation="C")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "providers",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", CODE, nullable=False),
        sa.Column("audience", CODE, nullable=False),
        sa.Column("jwks_address", CODE, nullable=False),
        sa.Column("person_claim", CODE, nullable=False),
        sa.Column("therapists_claim", CODE, nullable=True),
        sa.Column("scopes", ARRAY(CODE), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="fk_providers_organizations"
        ),
        sa.PrimaryKeyConstraint("organization_id", name="pk_providers"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("providers")
