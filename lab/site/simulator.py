"""The site's traffic: the shop's customers on the call graph of a real cluster."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from lab.shop.clock import Clock
from lab.shop.metrics.api import measured
from lab.shop.metrics.requests import RequestMetrics
from lab.shop.server import LONGEST_CATCH_UP
from lab.shop.shop import TICK
from lab.shop.tempo.traces import TraceStore
from lab.shop.traffic.conditions import Conditions
from lab.shop.traffic.customers import Customers
from lab.shop.traffic.network import Network
from lab.shop.traffic.saturation import Saturation
from lab.shop.traffic.walk import Walker
from lab.site.images import program_of
from lab.site.layout import ADDRESSES
from lab.site.mirror import Mirror
from lab.site.programs import PodPrograms


class Simulator(Collector):
    """Customers, what they meet, and what is measured of it."""

    def __init__(self, mirror: Mirror, seed: int):
        self.clock = Clock(datetime.now(UTC))
        self.conditions = Conditions()
        self.traces = TraceStore(random.Random(f"{seed}/sampling"))
        self.programs = PodPrograms(mirror, program_of, self.clock)
        self.saturation = Saturation(self.conditions)
        self._mirror = mirror
        self._metrics = RequestMetrics()
        self._network = Network(mirror, self.programs, random.Random(f"{seed}/balancing"))
        walker = Walker(
            network=self._network,
            saturation=self.saturation,
            conditions=self.conditions,
            metrics=self._metrics,
            traces=self.traces,
            clock=self.clock,
            rng=random.Random(f"{seed}/traffic"),
        )
        self._customers = Customers(walker, self.conditions, ADDRESSES)

    def collect(self) -> Iterator[Metric]:
        """All metric families of one scrape."""
        return measured(self._metrics, self._mirror, self.programs, self._network)

    async def run(self) -> None:
        """Follow the wall's clock until cancelled, once the mirror is complete."""
        await self._mirror.complete.wait()
        self.clock.jump(datetime.now(UTC))
        while True:
            await asyncio.sleep(TICK)
            behind = (datetime.now(UTC) - self.clock.now()).total_seconds()
            self.clock.jump(datetime.now(UTC))
            if 0 < behind <= LONGEST_CATCH_UP:
                self._step(behind)

    def _step(self, seconds: float) -> None:
        self.programs.step()
        self._customers.step(seconds)
        self.saturation.step(seconds, list(self.programs.processes()))
        self._metrics.forget_pods({pod.name for pod in self.programs.pods()})
