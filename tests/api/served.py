"""The API behind a real server, for clients that are not asynchronous."""

import asyncio
import threading
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from service.api import create_app
from service.store import schema
from service.store.database import Database
from tests.api.world import World, assemble

Answer = TypeVar("Answer")


@dataclass
class Served:
    """Where it listens, and the world behind it, whose coroutines run in the server's loop."""

    url: str
    world: World
    loop: asyncio.AbstractEventLoop

    def do(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Run `work` in the server's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)


@contextmanager
def serve(folder: Path) -> Generator[Served]:
    """Run until the block ends."""
    started: list[Served] = []
    ready, stop = threading.Event(), threading.Event()

    async def main() -> None:
        database = Database(f"sqlite:///{folder}/triagent.db")
        await schema.upgrade(database)
        world = assemble(database)
        config = uvicorn.Config(
            create_app(world.services), host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off"
        )
        server = uvicorn.Server(config)
        async with world.running():
            serving = asyncio.create_task(server.serve())
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            started.append(Served(f"http://127.0.0.1:{port}", world, asyncio.get_running_loop()))
            ready.set()
            await asyncio.to_thread(stop.wait)
            server.should_exit = True
            await serving
        await database.close()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    try:
        assert ready.wait(30)
        yield started[0]
    finally:
        stop.set()
        thread.join(30)
