"""An application on a port, until it is cancelled."""

import asyncio

import structlog
import uvicorn
from fastapi import FastAPI

from domain.errors import Misconfigured

log = structlog.get_logger(__name__)

KEEP_ALIVE = 75
"""Seconds an idle connection stays open: longer than senders keep theirs, or they post into a closed one."""


async def listen(name: str, app: FastAPI, host: str, port: int) -> None:
    """Serve `app`; `name` is the settings group the port is of. Raises `Misconfigured` if nobody can listen there."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE,
    )
    server = uvicorn.Server(config)
    ready = asyncio.create_task(_announce(name, server))
    try:
        await server.serve()
    except SystemExit as error:  # uvicorn's own way to say it; the reason is in the log line before
        raise Misconfigured(
            f"TRIAGE_{name.upper()}__PORT: cannot listen on {host}:{port}; is another process there?"
        ) from error
    finally:
        ready.cancel()


async def _announce(name: str, server: uvicorn.Server) -> None:
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.05)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    log.info("http.serving", part=name, url=f"http://{host}:{port}")
