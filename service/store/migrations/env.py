"""What Alembic runs: the connection comes from `service.store.schema`, never from a file."""

from alembic import context
from sqlalchemy import Connection, text

from service.store.schema import VERSION_TABLE
from service.store.tables import metadata

MIGRATION_LOCK = 0x7472_6961
"""Key of PostgreSQL's advisory lock: processes that start together migrate one after the other."""


def _migrate(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
    context.run_migrations()


_migrate(context.config.attributes["connection"])
