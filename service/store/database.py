"""One database: its connections, transactions, and what its errors mean."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from domain.errors import CorruptStore, TriagentError, UpstreamUnavailable

WAL_RETRY = 0.02
BUSY_TIMEOUT = 10.0
"""Seconds a writer waits for another process that writes to the same SQLite file."""
POOL_SIZE = 8
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_WRITES = "triagent_writes"


class Database:
    """An engine with two ways in: `reading()` and `writing()`.

    SQLite has one writer at a time: writers of this process queue up in order here, and take the lock as they begin,
    so that none of them fails halfway.
    """

    def __init__(self, url: str) -> None:
        self.url = _with_driver(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = _engine(self.url, sqlite=self.is_sqlite)
        self._writers = self._engine.execution_options(**{_WRITES: True})
        self._lock = asyncio.Lock() if self.is_sqlite else None

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncConnection]:
        """A connection in a read transaction. Raises `UpstreamUnavailable` or `CorruptStore`."""
        async with _translated(self.url), self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """A connection in a write transaction, committed at the end. Raises as `reading` does."""
        async with self._lock or nullcontext(), _translated(self.url), self._writers.begin() as connection:
            yield connection

    async def ready(self) -> None:
        """Return if the database answers."""
        async with self.reading() as connection:
            await connection.exec_driver_sql("SELECT 1")

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def _with_driver(url: str) -> URL:
    parsed = make_url(url)
    backend = parsed.drivername.partition("+")[0]
    return parsed.set(drivername=_DRIVERS[backend])


def _engine(url: URL, *, sqlite: bool) -> AsyncEngine:
    if not sqlite:
        engine = create_async_engine(url, pool_size=POOL_SIZE, pool_pre_ping=True, hide_parameters=True)
    else:
        if url.database:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_async_engine(
            url, pool_size=POOL_SIZE, connect_args={"timeout": BUSY_TIMEOUT}, hide_parameters=True
        )
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    event.listen(engine.sync_engine, "handle_error", _name_corruption)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transactions start late and read-only; ours start where `_begin_sqlite` says.
    connection.isolation_level = None
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    # FULL: what was acknowledged must survive a power cut, too. Commits are shared, so that it costs little.
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    """The busy timeout does not cover this switch while another process makes it too, so wait for that here."""
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(WAL_RETRY)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _name_corruption(context: ExceptionContext) -> None:
    message = str(context.original_exception)
    if "file is not a database" in message or "disk image is malformed" in message:
        engine = context.engine
        path = engine.url.database if engine else "the database"
        raise CorruptStore(
            f"{path} is not a readable SQLite database ({message}). Stop triagent, move the file and its -wal and -shm "
            "away, and put a backup in its place; without one, `triagent db upgrade` makes an empty database."
        ) from context.original_exception


@asynccontextmanager
async def _translated(url: URL) -> AsyncGenerator[None]:
    try:
        yield
    except TriagentError:
        raise
    except (OperationalError, InterfaceError, TimeoutError, OSError) as error:
        raise UpstreamUnavailable("database", f"{url.render_as_string()}: {_reason(error)}") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise UpstreamUnavailable("database", f"{url.render_as_string()}: {_reason(error)}") from error
        raise


def _reason(error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return str(cause) or type(cause).__name__
