from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from service.store import schema
from service.store.database import Database
from tests.service.servers import postgres, postgres_binaries


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if postgres_binaries() is None:
        pytest.skip("PostgreSQL's server binaries are not on this machine")
    with postgres() as url:
        yield url


@pytest.fixture
async def postgres_database_url(postgres_url: str, request: pytest.FixtureRequest) -> str:
    name = f"t{abs(hash(request.node.nodeid))}"
    connection: asyncpg.Connection = await asyncpg.connect(f"{postgres_url}/postgres")
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    return f"{postgres_url}/{name}"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/triagent.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    name = "sqlite_url" if request.param == "sqlite" else "postgres_database_url"
    return request.getfixturevalue(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database, once on SQLite and once on PostgreSQL."""
    opened = Database(database_url)
    await schema.upgrade(opened)
    yield opened
    await opened.close()
