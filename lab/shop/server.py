"""The running shop: five loopback servers in one event loop, and the clock that follows the wall's."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from lab.shop.addresses import Addresses, Ports
from lab.shop.argocd.api import ArgoCdApi
from lab.shop.control import Control
from lab.shop.failures.board import FailureBoard
from lab.shop.failures.levers import Levers
from lab.shop.identities import Tokens
from lab.shop.kubernetes.api import KubernetesApi
from lab.shop.kubernetes.kubeconfig import write_kubeconfig
from lab.shop.listener import Listener, listening
from lab.shop.metrics.api import ShopCollector, metrics_application
from lab.shop.shop import TICK, Shop
from lab.shop.tempo.api import TempoApi
from lab.shop.tls import loopback_certificate
from lab.shop.writes import WriteLog

# After a pause of the whole process (a suspended laptop) the shop skips what it slept through.
LONGEST_CATCH_UP = 5.0


@asynccontextmanager
async def serving(shop: Shop, folder: Path, ports: Ports) -> AsyncGenerator[Addresses]:
    """Serve a shop's APIs while the block runs; whoever holds the shop moves its clock.

    Writes the kubeconfig and the API server's certificate to `folder`. Without an openssl command the Kubernetes API
    is plain HTTP, which client libraries take but kubectl does not send its token over.
    """
    stopping = asyncio.Event()
    addresses, listeners = _open(shop, folder, ports, stopping)
    async with listening(listeners):
        try:
            yield addresses
        finally:
            stopping.set()


def _open(shop: Shop, folder: Path, ports: Ports, stopping: asyncio.Event) -> tuple[Addresses, list[Listener]]:
    """Bind every API's port and write the files that lead to them."""
    folder.mkdir(parents=True, exist_ok=True)
    log, cluster_tokens, argocd_tokens = WriteLog(), Tokens(), Tokens()
    board = FailureBoard(Levers(shop.releases, shop.registry, shop.conditions, shop.clock))
    certificate = loopback_certificate(folder)
    cluster = KubernetesApi(shop, cluster_tokens, log, stopping)
    kubernetes = Listener(cluster.application(), ports.kubernetes, certificate)
    argocd = Listener(ArgoCdApi(shop, argocd_tokens, log).application(), ports.argocd)
    tempo = Listener(TempoApi(shop.traces).application(), ports.tempo)
    metrics = Listener(metrics_application(ShopCollector(shop)), ports.metrics)
    control = Listener(Control(shop, board, log).application(), ports.control)
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
