"""First schema: inbox, facts and projections, backlog, artifacts, tokens, audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.String(27)
TABLES = (
    "incident_alerts",
    "facts",
    "incidents",
    "inbox",
    "alert_identities",
    "patterns",
    "backlog",
    "artifacts",
    "tokens",
    "audit_logs",
    "audit_head",
)


def upgrade() -> None:
    """Create everything."""
    _create_inbox()
    _create_incidents()
    _create_facts()
    _create_backlog()
    _create_tokens()
    _create_audit()


def downgrade() -> None:
    """Drop everything."""
    for table in TABLES:
        op.drop_table(table)


def _create_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("group_id", sa.String(16), nullable=False),
        sa.Column("alerts", sa.JSON(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("traceparent", sa.String(55)),
        sa.Column("batch_id", sa.String(32)),
        sa.Column("claimer", sa.String(32)),
        sa.Column("claimed_at", TIME),
        sa.Column("delivered_at", TIME),
        sa.Column("set_aside_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
    )
    op.create_index("ix_inbox_undelivered", "inbox", ["delivered_at", "id"])
    op.create_table(
        "alert_identities",
        sa.Column("identity", sa.String(64), nullable=False),
        sa.Column("group_id", sa.String(16), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("identity", name="pk_alert_identities"),
    )
    op.create_index("ix_alert_identities_seen_at", "alert_identities", ["seen_at"])


def _create_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("namespace", sa.Text()),
        sa.Column("service", sa.Text()),
        sa.Column("severity", sa.String(32), nullable=False),
        sa.Column("cause", sa.Text()),
        sa.Column("object", sa.Text()),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("closed_at", TIME),
        sa.Column("awaiting_since", TIME),
        sa.Column("awaited", sa.Float(), nullable=False),
        sa.Column("facts", sa.Integer(), nullable=False),
        sa.Column("doc", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_status", "incidents", ["status", "opened_at"])
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"])
    op.create_index("ix_incidents_cause", "incidents", ["cause", "object"])
    op.create_table(
        "incident_alerts",
        sa.Column("incident_id", sa.String(128), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["incident_id"], ["incidents.id"], name="fk_incident_alerts_incident_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("incident_id", "fingerprint", name="pk_incident_alerts"),
    )
    op.create_index("ix_incident_alerts_fingerprint", "incident_alerts", ["fingerprint"])


def _create_facts() -> None:
    op.create_table(
        "facts",
        sa.Column("id", sa.String(256), nullable=False),
        sa.Column("incident_id", sa.String(128), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("doc", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"], name="fk_facts_incident_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_facts"),
    )
    op.create_index("uq_facts_incident_id", "facts", ["incident_id", "number"], unique=True)


def _create_backlog() -> None:
    op.create_table(
        "patterns",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("doc", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_patterns"),
    )
    op.create_table(
        "backlog",
        sa.Column("incident_id", sa.String(128), nullable=False),
        sa.Column("closed_at", TIME, nullable=False),
        sa.Column("doc", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", name="pk_backlog"),
    )
    op.create_index("ix_backlog_closed_at", "backlog", ["closed_at"])
    op.create_table(
        "artifacts",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("stored_at", TIME, nullable=False),
        sa.Column("gzip", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_artifacts"),
    )
    op.create_index("ix_artifacts_stored_at", "artifacts", ["stored_at"])


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("last_used_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("digest", name="uq_tokens_digest"),
    )
    op.create_index("ix_tokens_name", "tokens", ["name"])
    active = sa.text("active")
    op.create_index(
        "uq_tokens_active_name", "tokens", ["name"], unique=True, sqlite_where=active, postgresql_where=active
    )


def _create_audit() -> None:
    op.create_table(
        "audit_logs",
        sa.Column("number", SERIAL, autoincrement=False, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("action", sa.String(128), nullable=False),
        sa.Column("target", sa.String(128), nullable=False),
        sa.Column("result", sa.String(64), nullable=False),
        sa.Column("ip", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_logs"),
    )
    op.create_index("ix_audit_logs_at", "audit_logs", ["at"])
    op.create_index("ix_audit_logs_actor", "audit_logs", ["actor", "number"])
    op.create_index("ix_audit_logs_target", "audit_logs", ["target", "number"])
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.bulk_insert(head, [{"id": 1, "number": 0, "digest": "0" * 64}])
