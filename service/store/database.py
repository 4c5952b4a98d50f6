"""One database: its connections, transactions, and what its errors mean."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Generator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from domain.errors import CorruptStore, TriagentError, UpstreamUnavailable

WAL_RETRY = 0.02
BUSY_TIMEOUT = 10.0
"""Seconds a writer waits for another process that writes to the same SQLite file."""
POOL_SIZE = 8
READERS = 2
"""Threads that read SQLite beside the one that writes."""
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_WRITES = "triagent_writes"

Answer = TypeVar("Answer")
P = ParamSpec("P")
Work = Callable[[Connection], Answer]
"""A unit of work: everything that one transaction does, as one plain function."""


class Database:
    """Runs units of work, each in a transaction of its own, committed at its end.

    A unit is synchronous, so that a transaction never waits for the event loop between two statements: on SQLite, which
    has one writer at a time, every such wait would hold up all the others.
    """

    def __init__(self, url: str) -> None:
        self.url = _with_driver(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine: _Sqlite | _Postgres = _Sqlite(self.url) if self.is_sqlite else _Postgres(self.url)

    async def read(self, work: Work[Answer]) -> Answer:
        """The answer of `work` in a read transaction, which sees one state of everything.

        Raises `UpstreamUnavailable` or `CorruptStore`.
        """
        with _translated(self.url):
            return await self._engine.read(work)

    async def write(self, work: Work[Answer]) -> Answer:
        """The answer of `work` in a write transaction. Raises as `read` does."""
        with _translated(self.url):
            return await self._engine.write(work)

    @property
    def is_new(self) -> bool:
        """Whether it is a file that is not there yet; even reading would make it."""
        return self.is_sqlite and not Path(self.url.database or "").exists()

    async def ready(self) -> None:
        """Return if the database answers."""
        await self.read(lambda connection: connection.execute(text("SELECT 1")))

    async def close(self) -> None:
        """Finish what was begun and close every connection."""
        await self._engine.close()


class _Sqlite:
    """Threads of its own: one that writes, in the order of arrival, and a few that read."""

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT}, hide_parameters=True)
        event.listen(self._engine, "do_connect", _make_folder)
        event.listen(self._engine, "connect", _set_up_sqlite)
        event.listen(self._engine, "begin", _begin_sqlite)
        event.listen(self._engine, "handle_error", _name_corruption)
        self._writing_engine = self._engine.execution_options(**{_WRITES: True})
        self._writer = ThreadPoolExecutor(1, "sqlite-writer")
        self._readers = ThreadPoolExecutor(READERS, "sqlite-reader")

    async def read(self, work: Work[Answer]) -> Answer:
        return await _in(self._readers, _transaction, self._engine, work)

    async def write(self, work: Work[Answer]) -> Answer:
        return await _in(self._writer, _transaction, self._writing_engine, work)

    async def close(self) -> None:
        for pool in (self._writer, self._readers):
            await asyncio.to_thread(pool.shutdown)
        self._engine.dispose()


def _transaction(engine: Engine, work: Work[Answer]) -> Answer:
    with engine.begin() as connection:
        return work(connection)


async def _in(pool: Executor, function: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
    """Run it in the pool, in the caller's context, so that its spans belong to the caller's trace."""
    call = partial(copy_context().run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(pool, call)


class _Postgres:
    def __init__(self, url: URL) -> None:
        self._engine = create_async_engine(url, pool_size=POOL_SIZE, pool_pre_ping=True, hide_parameters=True)
        # As SQLite's: what others commit meanwhile is not seen by halves.
        self._reading_engine = self._engine.execution_options(isolation_level="REPEATABLE READ")

    async def read(self, work: Work[Answer]) -> Answer:
        return await self._run(self._reading_engine, work)

    async def write(self, work: Work[Answer]) -> Answer:
        return await self._run(self._engine, work)

    async def _run(self, engine: AsyncEngine, work: Work[Answer]) -> Answer:
        async with engine.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()


def _with_driver(url: str) -> URL:
    parsed = make_url(url)
    backend = parsed.drivername.partition("+")[0]
    return parsed.set(drivername=_DRIVERS[backend])


def _make_folder(_dialect: Any, _record: object, arguments: list[str], _options: dict[str, Any]) -> None:
    Path(arguments[0]).parent.mkdir(parents=True, exist_ok=True)


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


@contextmanager
def _translated(url: URL) -> Generator[None]:
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
