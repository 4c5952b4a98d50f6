"""`python -m lab.site.traffic`: simulate the site's traffic until SIGTERM or SIGINT.

Prints one line of JSON with its addresses when everything is up.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from lab.shop.listener import Listener, listening
from lab.shop.metrics.api import metrics_application
from lab.shop.tempo.api import TempoApi
from lab.shop.tls import loopback_certificate
from lab.site.control import control_application
from lab.site.layout import NAMESPACES
from lab.site.mirror import Mirror, connected, follow
from lab.site.node_logs import NodeLogs
from lab.site.resource_metrics import ResourceMetrics
from lab.site.simulator import Simulator


class TrafficAddresses(BaseModel):
    """URLs of the simulator's APIs, and its process id.

    `resource_metrics` and `node_logs` are for the API server, which speaks TLS to both; without an openssl command
    they are plain HTTP and of no use to it.
    """

    model_config = ConfigDict(frozen=True)

    metrics: str
    tempo: str
    control: str
    resource_metrics: str
    node_logs: str
    pid: int


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m lab.site.traffic", description="Traffic of the shop's site.")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="may list and watch in the site's namespaces")
    parser.add_argument("--data-dir", type=Path, required=True, help="where the certificate goes")
    parser.add_argument("--metrics-port", type=int, default=0, help="port of /metrics (default: any free)")
    parser.add_argument("--node-port", type=int, default=0, help="port of the nodes' kubelet API (default: any free)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same customers")
    return parser.parse_args()


async def run(options: argparse.Namespace) -> None:
    """Serve until a signal comes or a part of it ends."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    mirror = Mirror(NAMESPACES)
    simulator = Simulator(mirror, options.seed)
    listeners, addresses = _apis(simulator, mirror, options)
    async with connected(options.kubeconfig) as client, listening(listeners):
        sys.stdout.write(addresses.model_dump_json() + "\n")
        sys.stdout.flush()
        await _until(stopped, follow(mirror, client), simulator.run())


def _apis(simulator: Simulator, mirror: Mirror, options: argparse.Namespace) -> tuple[list[Listener], TrafficAddresses]:
    folder: Path = options.data_dir.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    certificate = loopback_certificate(folder)
    listeners = {
        "metrics": Listener(metrics_application(simulator), options.metrics_port),
        "tempo": Listener(TempoApi(simulator.traces).application(), 0),
        "control": Listener(control_application(simulator), 0),
        "resource_metrics": Listener(ResourceMetrics(simulator, mirror).application(), 0, certificate),
        "node_logs": Listener(NodeLogs(simulator).application(), options.node_port, certificate),
    }
    urls = {name: listener.url for name, listener in listeners.items()}
    return list(listeners.values()), TrafficAddresses(**urls, pid=os.getpid())


async def _until(stopped: asyncio.Event, *parts: Coroutine[None, None, object]) -> None:
    """Run the parts until a signal comes; one that fails ends everything with its error."""
    tasks = [asyncio.create_task(part) for part in (stopped.wait(), *parts)]
    done, running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    for task in done:
        task.result()


if __name__ == "__main__":
    asyncio.run(run(arguments()))
