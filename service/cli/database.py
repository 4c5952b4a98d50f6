"""`triagent db`: the schema of the database in the settings."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service.cli.output import console
from service.settings import load_settings

if TYPE_CHECKING:
    from service.store.database import Database

# SQLAlchemy and Alembic take longer to import than most commands to run.
# ruff: noqa: PLC0415

Answer = TypeVar("Answer")

app = typer.Typer(no_args_is_help=True, help="The database's schema; `up`, `api` and `worker` upgrade it themselves.")
Version = Annotated[str, typer.Argument(help="A version of `triagent db history`.")]


@app.command()
def upgrade(to: Version = "head") -> None:
    """Bring the schema forward."""
    from service.store import schema

    console.print(f"schema is at {_with_database(lambda database: _moved(database, schema.upgrade, to))}")


@app.command()
def downgrade(to: Version, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Take the schema back; what only newer versions can hold is lost."""
    if not yes:
        typer.confirm(f"take the schema back to {to}?", abort=True)
    from service.store import schema

    console.print(f"schema is at {_with_database(lambda database: _moved(database, schema.downgrade, to))}")


@app.command()
def current() -> None:
    """Say which version is applied."""
    from service.store import schema

    console.print(_with_database(schema.current) or "none")


@app.command()
def history() -> None:
    """List the versions, oldest first, and which is applied."""
    from service.store import schema

    applied = _with_database(schema.current)
    for version in schema.history():
        mark = "  ← applied" if version.id == applied else ""
        console.print(f"{version.id}  {version.title}{mark}", markup=False)


async def _moved(database: "Database", move: Callable[["Database", str], Awaitable[None]], to: str) -> str:
    from service.store import schema

    await move(database, to)
    return await schema.current(database) or "none"


def _with_database(work: Callable[["Database"], Awaitable[Answer]]) -> Answer:
    from service.store.database import Database

    async def run() -> Answer:
        database = Database(load_settings().database.url.get_secret_value())
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
