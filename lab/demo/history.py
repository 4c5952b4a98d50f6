"""The shop's recent past as OpenMetrics, so that a Prometheus that has just been started knows what normal is.

`python -m lab.demo.history`: the same shop (same seed, so the same pods) is simulated for some minutes up to now and
read as often as a scrape would. Its own process, since it keeps a core busy for a second for each simulated minute.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from prometheus_client.core import Metric

from lab.shop.metrics.api import ShopCollector
from lab.shop.shop import Shop

SCRAPE_S = 5.0


def record(
    out: Annotated[Path, typer.Option(help="The OpenMetrics file to write.")],
    instance: Annotated[str, typer.Option(help="host:port under which Prometheus will scrape the shop.")],
    minutes: Annotated[float, typer.Option(help="How far back it goes.")] = 8.0,
    seed: Annotated[int, typer.Option(help="The seed of the shop that is going to run.")] = 1,
) -> None:
    """Write the samples of the shop's last minutes, each with its time."""
    shop = Shop(seed, datetime.now(UTC) - timedelta(minutes=minutes))
    collector = ShopCollector(shop)
    with out.open("w") as file:
        for _ in range(int(minutes * 60 / SCRAPE_S)):
            shop.step(SCRAPE_S)
            for family in collector.collect():
                file.writelines(_lines(family, instance, shop.clock.now().timestamp()))
        file.write("# EOF\n")


def _lines(family: Metric, instance: str, timestamp: float) -> Iterator[str]:
    for sample in family.samples:
        labels = {**sample.labels, "job": "shop", "instance": instance}
        # JSON escapes backslash, quote and newline as OpenMetrics does.
        pairs = ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in labels.items())
        yield f"{sample.name}{{{pairs}}} {sample.value} {timestamp:.3f}\n"


if __name__ == "__main__":
    typer.run(record)
