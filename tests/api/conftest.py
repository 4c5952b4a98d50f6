from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api import create_app
from service.store import schema
from service.store.database import Database
from tests.api.served import Served, serve
from tests.api.world import BOOTSTRAP, World, assemble


class ApiWorld(World):
    """A world with a client that is admin."""

    client: httpx.AsyncClient


Build = Callable[..., Any]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path}/triagent.db")
    await schema.upgrade(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def build(database: Database) -> AsyncIterator[Build]:
    """Makes a running API with the settings of a test."""
    async with AsyncExitStack() as stack:

        async def built(**changes: Any) -> ApiWorld:
            world = assemble(database, **changes)
            await stack.enter_async_context(world.running())
            transport = httpx.ASGITransport(create_app(world.services), raise_app_exceptions=False)
            headers = {"Authorization": f"Bearer {BOOTSTRAP}"}
            made = ApiWorld(world.services, world.engine, world.drainer)
            client = httpx.AsyncClient(transport=transport, base_url="http://triagent", headers=headers)
            made.client = await stack.enter_async_context(client)
            return made

        yield built


@pytest.fixture
async def world(build: Build) -> ApiWorld:
    return await build()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The API on a real loopback port, in a thread of its own."""
    with serve(tmp_path) as running:
        yield running
