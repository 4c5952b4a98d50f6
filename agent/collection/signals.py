"""The golden signals of every service and node, from the site's catalogue."""

import asyncio
from dataclasses import dataclass

from agent.collection.reads import Reads, look_at
from agent.collection.sources import Sources
from agent.collection.windows import Window
from agent.situation import Signal
from domain.errors import InvalidQuery
from domain.signals import ANY, SignalCatalogue
from tools.prometheus.models import Series
from tools.prometheus.read import PrometheusReader
from tools.reading import Reading

PROBE = "request_rate"
"""The signal by which the rate window is chosen: nearly every site has it."""
NOT_SERIES = frozenset({"active_alerts"})
"""Alertmanager is asked for these."""


async def read_signals(
    sources: Sources, namespace: str | None, candidates: tuple[Window, ...], reads: Reads
) -> dict[str, Signal]:
    """Every signal of the catalogue that has series, by name, over the finest of the windows that yields points."""
    if sources.prometheus is None:
        reads.missing("prometheus")
        return {}
    asker = _Asker(sources.prometheus, sources.signals, namespace or ANY, reads)
    window = await asker.usable(candidates)
    if window is None:
        return {}
    names = [name for name in sorted(sources.signals.signals) if name not in NOT_SERIES]
    found = await asyncio.gather(*(asker.signal(name, window) for name in names))
    return {name: signal for name, signal in zip(names, found, strict=True) if signal is not None and signal.series}


@dataclass(frozen=True)
class _Asker:
    """Asks one Prometheus for signals."""

    prometheus: PrometheusReader
    catalogue: SignalCatalogue
    namespace: str
    reads: Reads

    async def usable(self, candidates: tuple[Window, ...]) -> Window | None:
        """The first window that yields points; the last if none does; None if Prometheus does not answer."""
        if PROBE not in self.catalogue:
            return candidates[-1]
        readings = await asyncio.gather(*(self._read(PROBE, window) for window in candidates))
        if all(reading is None for reading in readings):
            return None
        pairs = zip(candidates, readings, strict=True)
        return next((window for window, reading in pairs if reading and _dense(reading)), candidates[-1])

    async def signal(self, name: str, window: Window) -> Signal | None:
        """One signal of everything in the namespace."""
        reading = await self._read(name, window)
        if reading is None:
            return None
        return Signal(look_at("metric", "prometheus", reading, f"{name} of {len(reading.value)} series"), reading.value)

    async def _read(self, name: str, window: Window) -> Reading[tuple[Series, ...]] | None:
        try:
            query = self.catalogue.render(name, namespace=self.namespace, window=window.promql)
        except InvalidQuery as exc:
            self.reads.failed("metric", "prometheus", f"signal {name}", str(exc))
            return None
        read = self.prometheus.range(query, window.start, window.end, window.step)
        return await self.reads.attempt("metric", "prometheus", f"signal {name}", read)


def _dense(reading: Reading[tuple[Series, ...]]) -> bool:
    """Whether the series have few holes: a rate needs two scrapes in its window."""
    lengths = [len(series.points) for series in reading.value]
    return bool(lengths) and max(lengths) >= 5
