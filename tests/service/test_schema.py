"""The schema's versions, and databases that cannot be read."""

import asyncio
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from domain.errors import CorruptStore, Misconfigured, UpstreamUnavailable
from service.store import schema
from service.store.database import Database
from service.store.tables import metadata

ROOT = Path(__file__).parents[2]


async def test_migrations_make_what_the_code_expects(database: Database) -> None:
    """The migrated schema and the tables in the code do not differ."""

    def differences(connection: Connection) -> list[object]:
        options = {"version_table": schema.VERSION_TABLE, "compare_type": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    assert await database.read(differences) == []


async def test_forward_and_back(database: Database) -> None:
    """Every version can be left again, and come back to; doing it twice is nothing."""
    newest = schema.history()[-1].id
    assert await schema.current(database) == newest
    await schema.upgrade(database)
    await schema.downgrade(database, "base")
    assert await schema.current(database) is None
    left = await database.read(lambda connection: inspect(connection).get_table_names())
    assert left == [schema.VERSION_TABLE]
    await schema.upgrade(database)
    assert await schema.current(database) == newest


async def test_processes_may_start_together(database_url: str) -> None:
    """Several upgrades at once, as replicas do them, end with one schema and no error."""

    async def upgrade() -> int:
        command = (sys.executable, "-m", "service.cli", "db", "upgrade")
        environment = {"PATH": "/usr/bin:/bin", "TRIAGE_DATABASE__URL": database_url}
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
        return await process.wait()

    assert await asyncio.gather(*(upgrade() for _ in range(2))) == [0, 0]
    database = Database(database_url)
    assert await schema.current(database) == schema.history()[-1].id
    await database.close()


async def test_a_database_of_a_newer_triagent_is_refused(database: Database) -> None:
    """With the way out, instead of an error of SQL somewhere later."""
    newer = text("UPDATE schema_migrations SET version_num = '9999'")
    await database.write(lambda connection: connection.execute(newer))
    with pytest.raises(Misconfigured, match="newer triagent"):
        await schema.upgrade(database)


@pytest.mark.parametrize("damage", ["not a database", "overwritten in the middle"])
async def test_a_corrupt_file_is_named(tmp_path: Path, damage: str) -> None:
    """The error says which file, and what to do."""
    path = tmp_path / "triagent.db"
    if damage == "not a database":
        path.write_bytes(b"this is not a database" * 100)
    else:
        whole = Database(f"sqlite:///{path}")
        await schema.upgrade(whole)
        await whole.close()
        content = bytearray(path.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        path.write_bytes(content)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(CorruptStore, match=r"triagent\.db.*backup"):
        await schema.upgrade(database)
    await database.close()


async def test_an_unreachable_server_is_unavailable() -> None:
    """Not misconfigured: it may come back. The password is not in the message."""
    database = Database("postgresql://triagent:hunter2@127.0.0.1:9/triagent")
    with pytest.raises(UpstreamUnavailable, match=r"127\.0\.0\.1:9") as caught:
        await database.ready()
    assert "hunter2" not in str(caught.value)
    await database.close()
