"""Create every table; revision 30a927ef175b, the first."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSON, JSONB

revision: str = "30a927ef175b"
down_revision: str | None = None
min_app_version = "0.1.0"  # the oldest version of the service that may run on these tables

ID, MOMENT = sa.Uuid(), sa.DateTime(timezone=True)
CODE = sa.Text(collation="C")  # ids sort by their bytes, whatever the database's language is
CODES = sa.ARRAY(CODE)
DOCUMENT = JSONB()
SEALED = JSON()  # kept as the text it came as: no query looks into it


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "organizations",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name="pk_organizations"),
    )
    op.create_table(
        "release",
        sa.Column("head", CODE, nullable=False),
        sa.Column("min_app_version", CODE, nullable=False),
        sa.PrimaryKeyConstraint("head", name="pk_release"),
    )
    op.create_table(
        "audit",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("audit_id", ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("key_id", CODE, nullable=False),
        sa.Column("action", CODE, nullable=False),
        sa.Column("thing", CODE, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.organization_id"], name="fk_audit_organizations"),
        sa.PrimaryKeyConstraint("organization_id", "audit_id", name="pk_audit"),
    )
    op.create_table(
        "cases",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("case_id", CODE, nullable=False),
        sa.Column("facts", DOCUMENT, nullable=False),
        sa.Column("announced", sa.Boolean(), nullable=False),
        sa.Column("held_sessions", sa.Integer(), nullable=False),
        sa.Column("last_session_id", CODE, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.organization_id"], name="fk_cases_organizations"),
        sa.PrimaryKeyConstraint("organization_id", "case_id", name="pk_cases"),
    )
    op.create_table(
        "keys",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("key_id", CODE, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", CODES, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organizations.organization_id"], name="fk_keys_organizations"),
        sa.PrimaryKeyConstraint("organization_id", "key_id", name="pk_keys"),
    )
    op.create_table(
        "alerts",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("alert_id", ID, nullable=False),
        sa.Column("case_id", CODE, nullable=False),
        sa.Column("rule", CODE, nullable=False),
        sa.Column("subject", CODES, nullable=False),
        sa.Column("severity", CODE, nullable=False),
        sa.Column("state", CODE, nullable=False),
        sa.Column("state_reason", CODE, nullable=True),
        sa.Column("concern", SEALED, nullable=False),
        sa.Column("sessions", CODES, nullable=False),
        sa.Column("therapists", CODES, nullable=False),
        sa.Column("origin", CODE, nullable=False),
        sa.Column("handling", CODE, nullable=False),
        sa.Column("handled", DOCUMENT, nullable=True),
        sa.Column("handling_revision", sa.Integer(), nullable=False),
        sa.Column("snoozed_until", MOMENT, nullable=True),
        sa.Column("snoozed_until_number", sa.Integer(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_id"], ["cases.organization_id", "cases.case_id"], name="fk_alerts_cases"
        ),
        sa.PrimaryKeyConstraint("organization_id", "alert_id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_case", "alerts", ["organization_id", "case_id", "alert_id"])
    op.create_index("ix_alerts_changes", "alerts", ["organization_id", "change_number"], unique=True)
    op.create_table(
        "sessions",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("case_id", CODE, nullable=False),
        sa.Column("session_id", CODE, nullable=False),
        sa.Column("facts", DOCUMENT, nullable=True),
        sa.Column("inherited", CODES, nullable=True),
        sa.Column("held_at", MOMENT, nullable=True),
        sa.Column("in_course", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_id"], ["cases.organization_id", "cases.case_id"], name="fk_sessions_cases"
        ),
        sa.PrimaryKeyConstraint("organization_id", "case_id", "session_id", name="pk_sessions"),
    )
    op.create_index(
        "ix_sessions_course",
        "sessions",
        ["organization_id", "case_id", "held_at", "session_id"],
        postgresql_where=sa.text("in_course"),
    )
    op.create_table(
        "carries",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("case_id", CODE, nullable=False),
        sa.Column("session_id", CODE, nullable=False),
        sa.Column("folded_with", CODE, nullable=False),
        sa.Column("carry", SEALED, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_id", "session_id"],
            ["sessions.organization_id", "sessions.case_id", "sessions.session_id"],
            name="fk_carries_sessions",
        ),
        sa.PrimaryKeyConstraint("organization_id", "case_id", "session_id", name="pk_carries"),
    )
    op.create_table(
        "handlings",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("alert_id", ID, nullable=False),
        sa.Column("handling_id", CODE, nullable=False),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "alert_id"], ["alerts.organization_id", "alerts.alert_id"], name="fk_handlings_alerts"
        ),
        sa.PrimaryKeyConstraint("organization_id", "alert_id", "handling_id", name="pk_handlings"),
    )
    op.create_table(
        "ratings",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("rating_id", ID, nullable=False),
        sa.Column("case_id", CODE, nullable=False),
        sa.Column("session_id", CODE, nullable=False),
        sa.Column("rater_kind", CODE, nullable=False),
        sa.Column("rater_id", CODE, nullable=False),
        sa.Column("about", CODE, nullable=False),
        sa.Column("instrument", CODE, nullable=False),
        sa.Column("phase", CODE, nullable=False),
        sa.Column("facts", DOCUMENT, nullable=False),
        sa.Column("scores", DOCUMENT, nullable=False),
        sa.Column("instrument_version", CODE, nullable=False),
        sa.Column("record_id", CODE, nullable=True),
        sa.Column("state", CODE, nullable=False),
        sa.Column("reason", CODE, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "case_id", "session_id"],
            ["sessions.organization_id", "sessions.case_id", "sessions.session_id"],
            name="fk_ratings_sessions",
        ),
        sa.PrimaryKeyConstraint("organization_id", "rating_id", name="pk_ratings"),
        sa.UniqueConstraint(
            "organization_id",
            "case_id",
            "session_id",
            "rater_kind",
            "rater_id",
            "about",
            "instrument",
            "phase",
            name="uq_ratings_natural_key",
        ),
    )
    op.create_index("ix_ratings_changed", "ratings", ["organization_id", "changed_at", "rating_id"])
    op.create_index(
        "uq_ratings_record_id",
        "ratings",
        ["organization_id", "case_id", "rater_kind", "rater_id", "record_id"],
        unique=True,
        postgresql_where=sa.text("record_id IS NOT NULL AND state = 'live'"),
    )
    op.create_table(
        "revisions",
        sa.Column("organization_id", ID, nullable=False),
        sa.Column("rating_id", ID, nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("facts", DOCUMENT, nullable=False),
        sa.Column("scores", DOCUMENT, nullable=False),
        sa.Column("state", CODE, nullable=False),
        sa.Column("reason", CODE, nullable=True),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "rating_id"],
            ["ratings.organization_id", "ratings.rating_id"],
            name="fk_revisions_ratings",
        ),
        sa.PrimaryKeyConstraint("organization_id", "rating_id", "revision", name="pk_revisions"),
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.drop_table("revisions")
    op.drop_table("ratings")
    op.drop_table("handlings")
    op.drop_table("carries")
    op.drop_table("sessions")
    op.drop_table("alerts")
    op.drop_table("keys")
    op.drop_table("cases")
    op.drop_table("audit")
    op.drop_table("release")
    op.drop_table("organizations")
