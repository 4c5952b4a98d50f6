"""Patterns and closed incidents. Implements `knowledge.ports.Backlog`."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import Column, Connection, Table, delete, insert, select

from domain.learning import BacklogItem, Pattern
from service.store.database import Database
from service.store.tables import backlog, patterns


class BacklogStore:
    """The backlog in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def patterns(self) -> tuple[Pattern, ...]:
        """Every saved pattern, by id."""
        query = select(patterns.c.doc).order_by(patterns.c.id)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(Pattern.model_validate(row.doc) for row in rows)

    async def save_pattern(self, pattern: Pattern) -> None:
        """Insert or replace by id."""
        row = {"id": pattern.id, "updated_at": datetime.now(UTC), "doc": pattern.model_dump(mode="json")}
        await self._replace(patterns, patterns.c.id, row)

    async def items(self) -> tuple[BacklogItem, ...]:
        """Every closed incident, oldest first."""
        query = select(backlog.c.doc).order_by(backlog.c.closed_at)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return tuple(BacklogItem.model_validate(row.doc) for row in rows)

    async def item(self, incident_id: str) -> BacklogItem | None:
        """One closed incident; None where it was not saved."""
        query = select(backlog.c.doc).where(backlog.c.incident_id == incident_id)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return BacklogItem.model_validate(row.doc) if row else None

    async def save_item(self, item: BacklogItem) -> None:
        """Insert or replace by incident id."""
        row = {"incident_id": item.incident_id, "closed_at": item.closed_at, "doc": item.model_dump(mode="json")}
        await self._replace(backlog, backlog.c.incident_id, row)

    async def _replace(self, table: Table, key: Column[str], row: Mapping[str, object]) -> None:
        def replace(connection: Connection) -> None:
            connection.execute(delete(table).where(key == row[key.name]))
            connection.execute(insert(table).values(**row))

        await self._database.write(replace)
