"""The tables. Documents are JSON; what is searched by has a column. Times are UTC, in ISO 8601 of fixed width."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator

SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only for its own INTEGER."""


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC, as text that sorts by time: SQLite has no type for it, and both must behave the same."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """`2026-01-31T09:30:00.000000Z`."""
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if value else None

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """The same instant, with its zone."""
        return datetime.fromisoformat(value) if value else None


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("group_id", String(16), nullable=False),
    Column("alerts", JSON, nullable=False),
    Column("size", Integer, nullable=False, doc="bytes of the alerts as JSON"),
    Column("received_at", UtcTime, nullable=False),
    Column("traceparent", String(55)),
    Column("batch_id", String(32)),
    Column("claimer", String(32)),
    Column("claimed_at", UtcTime),
    Column("delivered_at", UtcTime),
    Column("set_aside_at", UtcTime, doc="since when nobody tries to deliver it any more"),
    Index("ix_inbox_undelivered", "delivered_at", "id"),
)

alert_identities = Table(
    "alert_identities",
    metadata,
    Column("identity", String(64), primary_key=True),
    Column("group_id", String(16), nullable=False),
    Column("seen_at", UtcTime, nullable=False, index=True),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("status", String(32), nullable=False),
    Column("namespace", Text),
    Column("service", Text),
    Column("severity", String(32), nullable=False),
    Column("cause", Text, doc="the first of the diagnosis"),
    Column("object", Text, doc="where that cause is: kind/name"),
    Column("opened_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    Column("awaiting_since", UtcTime, doc="since when a plan has been waiting for people"),
    Column("awaited", Float, nullable=False, doc="seconds spent waiting for people so far"),
    Column("facts", Integer, nullable=False, doc="how many facts the projection is folded from"),
    Column("doc", JSON, nullable=False),
    Index("ix_incidents_status", "status", "opened_at"),
    Index("ix_incidents_opened_at", "opened_at"),
    Index("ix_incidents_cause", "cause", "object"),
)

incident_alerts = Table(
    "incident_alerts",
    metadata,
    Column("incident_id", String(128), ForeignKey(incidents.c.id, ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", String(64), primary_key=True, index=True),
)

facts = Table(
    "facts",
    metadata,
    Column("id", String(256), primary_key=True),
    Column("incident_id", String(128), ForeignKey(incidents.c.id, ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False, doc="1, 2, 3 … within the incident"),
    Column("type", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("doc", JSON, nullable=False),
    Index("uq_facts_incident_id", "incident_id", "number", unique=True),
)

patterns = Table(
    "patterns",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("updated_at", UtcTime, nullable=False),
    Column("doc", JSON, nullable=False),
)

backlog = Table(
    "backlog",
    metadata,
    Column("incident_id", String(128), primary_key=True),
    Column("closed_at", UtcTime, nullable=False, index=True),
    Column("doc", JSON, nullable=False),
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False, doc="bytes before compression"),
    Column("stored_at", UtcTime, nullable=False, index=True),
    Column("gzip", LargeBinary, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", String(128), nullable=False, index=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scopes", JSON, nullable=False),
    Column("roles", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("expires_at", UtcTime),
    Column("last_used_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("active", Boolean, nullable=False),
)
Index(
    "uq_tokens_active_name",
    tokens.c.name,
    unique=True,
    sqlite_where=tokens.c.active,
    postgresql_where=tokens.c.active,
)

audit_logs = Table(
    "audit_logs",
    metadata,
    Column("number", SERIAL, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False, index=True),
    Column("actor", String(128), nullable=False),
    Column("action", String(128), nullable=False),
    Column("target", String(128), nullable=False),
    Column("result", String(64), nullable=False),
    Column("ip", String(64), nullable=False),
    Column("detail", Text, nullable=False),
    Column("count", Integer, nullable=False, doc="how many equal attempts this entry stands for"),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Index("ix_audit_logs_actor", "actor", "number"),
    Index("ix_audit_logs_target", "target", "number"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)
