"""`python -m lab.shop`: run the shop until SIGTERM or SIGINT."""

import argparse
import asyncio
import contextlib
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from lab.shop.addresses import Ports
from lab.shop.server import follow_the_wall, serving
from lab.shop.shop import Shop


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.shop",
        description="The demo shop. Prints one line of JSON with its addresses when it is ready.",
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="where the kubeconfig and certificate go")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same traffic and names")
    for name in Ports.model_fields:
        parser.add_argument(f"--{name}-port", type=int, default=0, help=f"port of the {name} API (default: any free)")
    return parser.parse_args()


async def run(options: argparse.Namespace) -> None:
    """Serve the shop until a signal comes."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    ports = Ports(**{name: getattr(options, f"{name}_port") for name in Ports.model_fields})
    shop = Shop(options.seed, datetime.now(UTC))
    async with serving(shop, options.data_dir.absolute(), ports) as addresses:
        ticking = asyncio.create_task(follow_the_wall(shop))
        ticking.add_done_callback(lambda _: stopped.set())
        sys.stdout.write(addresses.model_dump_json() + "\n")
        sys.stdout.flush()
        await stopped.wait()
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking


if __name__ == "__main__":
    asyncio.run(run(arguments()))
