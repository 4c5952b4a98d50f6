"""The schema's version: what there is, what is applied, and the way forward and back."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from domain.errors import Misconfigured
from service.store.database import Database

VERSION_TABLE = "schema_migrations"
_FOLDER = Path(__file__).parent / "migrations"


class Version(NamedTuple):
    """One version of the schema."""

    id: str
    title: str


async def upgrade(database: Database, to: str = "head") -> None:
    """Bring the schema to version `to`. Raises `Misconfigured` if the database knows a version that we do not."""
    await _run(database, lambda config: command.upgrade(config, to))


async def downgrade(database: Database, to: str) -> None:
    """Take the schema back to version `to` (`base`: nothing left). Raises `Misconfigured` for an unknown version."""
    await _run(database, lambda config: command.downgrade(config, to))


async def current(database: Database) -> str | None:
    """The applied version, None before the first. Makes no database where there is none."""
    return None if database.is_new else await database.read(_current)


def history() -> tuple[Version, ...]:
    """Every version, oldest first."""
    scripts = ScriptDirectory.from_config(_config()).walk_revisions()
    return tuple(Version(script.revision, script.doc) for script in scripts)[::-1]


async def _run(database: Database, migrate: Callable[[Config], None]) -> None:
    def with_connection(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        migrate(config)

    try:
        await database.write(with_connection)
    except CommandError as error:
        raise Misconfigured(
            f"database {database.url.render_as_string()}: {error}; was it made by a newer triagent? "
            "`triagent db history` lists the versions this one knows"
        ) from error


def _current(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
