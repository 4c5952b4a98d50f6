"""One loopback HTTP server among several in an event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from lab.shop.tls import Certificate

HOST = "127.0.0.1"


class _Server(uvicorn.Server):
    """A uvicorn server that says when it is up and leaves the process's signals to the process."""

    def __init__(self, config: uvicorn.Config):
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class Listener:
    """One API on one bound socket."""

    def __init__(self, app: ASGIApp, port: int, certificate: Certificate | None = None):
        self._socket = socket.create_server((HOST, port))
        self._scheme = "https" if certificate else "http"
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate.certificate if certificate else None,
            ssl_keyfile=certificate.key if certificate else None,
        )
        self.server = _Server(config)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"{self._scheme}://{HOST}:{self._socket.getsockname()[1]}"

    async def serve(self) -> None:
        """Serve until told to stop."""
        await self.server.serve([self._socket])


@asynccontextmanager
async def listening(listeners: Sequence[Listener]) -> AsyncGenerator[None]:
    """Serve all of them while the block runs; it begins when they are up."""
    async with asyncio.TaskGroup() as tasks:
        for listener in listeners:
            tasks.create_task(listener.serve())
        for listener in listeners:
            await listener.server.up.wait()
        try:
            yield
        finally:
            for listener in listeners:
                listener.server.should_exit = True
