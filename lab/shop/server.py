"""The running shop: five loopback servers in one event loop, and the clock that follows the wall's."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from lab.shop.addresses import Addresses, Ports
from lab.shop.argocd.api import ArgoCdApi
from lab.shop.control import Control
from lab.shop.failures.board import FailureBoard
from lab.shop.failures.levers import Levers
from lab.shop.identities import Tokens
from lab.shop.kubernetes.api import KubernetesApi
from lab.shop.kubernetes.kubeconfig import write_kubeconfig
from lab.shop.metrics.api import metrics_application
from lab.shop.shop import TICK, Shop
from lab.shop.tempo.api import TempoApi
from lab.shop.tls import Certificate, loopback_certificate
from lab.shop.writes import WriteLog

HOST = "127.0.0.1"
# After a pause of the whole process (a suspended laptop) the shop skips what it slept through.
LONGEST_CATCH_UP = 5.0


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


class _Listener:
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
async def serving(shop: Shop, folder: Path, ports: Ports) -> AsyncGenerator[Addresses]:
    """Serve a shop's APIs while the block runs; whoever holds the shop moves its clock.

    Writes the kubeconfig and the API server's certificate to `folder`. Without an openssl command the Kubernetes API
    is plain HTTP, which client libraries take but kubectl does not send its token over.
    """
    stopping = asyncio.Event()
    addresses, listeners = _open(shop, folder, ports, stopping)
    async with asyncio.TaskGroup() as tasks:
        for listener in listeners:
            tasks.create_task(listener.serve())
        for listener in listeners:
            await listener.server.up.wait()
        try:
            yield addresses
        finally:
            stopping.set()
            for listener in listeners:
                listener.server.should_exit = True


def _open(shop: Shop, folder: Path, ports: Ports, stopping: asyncio.Event) -> tuple[Addresses, list[_Listener]]:
    """Bind every API's port and write the files that lead to them."""
    folder.mkdir(parents=True, exist_ok=True)
    log, cluster_tokens, argocd_tokens = WriteLog(), Tokens(), Tokens()
    board = FailureBoard(Levers(shop.releases, shop.registry, shop.conditions, shop.clock))
    certificate = loopback_certificate(folder)
    cluster = KubernetesApi(shop, cluster_tokens, log, stopping)
    kubernetes = _Listener(cluster.application(), ports.kubernetes, certificate)
    argocd = _Listener(ArgoCdApi(shop, argocd_tokens, log).application(), ports.argocd)
    tempo = _Listener(TempoApi(shop.traces).application(), ports.tempo)
    metrics = _Listener(metrics_application(shop), ports.metrics)
    control = _Listener(Control(shop, board, log).application(), ports.control)
    kubeconfig = folder / "kubeconfig"
    write_kubeconfig(kubeconfig, kubernetes.url, cluster_tokens, certificate)
    addresses = Addresses(
        kubernetes=kubernetes.url,
        argocd=argocd.url,
        tempo=tempo.url,
        metrics=metrics.url,
        control=control.url,
        kubeconfig=str(kubeconfig),
        argocd_read_token=argocd_tokens.read,
        argocd_write_token=argocd_tokens.write,
        pid=os.getpid(),
    )
    return addresses, [kubernetes, argocd, tempo, metrics, control]


async def follow_the_wall(shop: Shop) -> None:
    """Move the shop's clock with the wall's, tick by tick, until cancelled."""
    while True:
        await asyncio.sleep(TICK)
        behind = (datetime.now(UTC) - shop.clock.now()).total_seconds()
        if behind > LONGEST_CATCH_UP:
            shop.clock.advance(behind - TICK)
            behind = TICK
        if behind > 0:
            shop.step(behind)
