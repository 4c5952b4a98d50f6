"""A made-up system under load, tick by tick: traffic down the calls, time and failures back up, what is measured."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from evals.metrics.faults import Effect
from evals.metrics.noise import Values, correlated, demand, gapped, poisson, rated, scraped, wobble
from evals.metrics.topology import Edge, Topology, Unit

TICK = 5
"""Seconds between the values of a series."""
LEAST_CALLS = 0.5
"""A call that fewer of the requests make does not move their median."""
LEAST_TAIL_CALLS = 0.1
GAPS = 0.003
"""How often a series goes silent, a tick."""


@dataclass(frozen=True)
class Monitoring:
    """How one system is measured: the range of its rates and the distance of its scrapes in ticks.

    `by_callers`: a unit's latency is measured where calls to it are made, its network included, not where it answers.
    """

    window: int
    every: int
    by_callers: bool


@dataclass(frozen=True)
class Run:
    """One stretch of time in one system."""

    rng: Random
    topology: Topology
    monitoring: Monitoring
    effect: Effect
    length: int
    rate: float
    think: float
    """Seconds a customer pauses between two requests: who waits longer asks less often."""

    def series(self) -> Iterator[tuple[tuple[str, str], Values]]:
        """Every unit's metrics, as a metrics store shows them."""
        for unit in self.topology.units:
            if self.requests[unit.name][0] > 0:
                yield from self._measured(unit)

    @cached_property
    def own(self) -> dict[str, tuple[Values, Values]]:
        """Seconds of each unit's own work: median, and 90th percentile."""
        return {unit.name: self._own(unit) for unit in self.topology.units}

    def _own(self, unit: Unit) -> tuple[Values, Values]:
        slower = self._effect(unit).slower or [1.0] * self.length
        tail = self._effect(unit).tail or [1.0] * self.length
        medians = wobble(self.rng, self.length, unit.noise)
        tails = wobble(self.rng, self.length, 1.5 * unit.noise, tail=0.02)
        median = [unit.seconds * noise * factor for noise, factor in zip(medians, slower, strict=True)]
        return median, [
            value * unit.tail * noise * factor for value, noise, factor in zip(median, tails, tail, strict=True)
        ]

    @cached_property
    def times(self) -> dict[str, tuple[Values, Values]]:
        """Seconds until each unit answers, with all it waits for: median, and 90th percentile."""
        times: dict[str, tuple[Values, Values]] = {}
        for unit in reversed(self.topology.units):
            median, tail = (list(values) for values in self.own[unit.name])
            for edge in self.topology.outgoing[unit.name]:
                lag = self.rng.randint(0, 2)
                waits, tail_waits = self._network(edge)
                if edge.calls >= LEAST_CALLS:
                    _add(median, times[edge.called][0], edge.calls, lag)
                    _add(median, waits, edge.calls, lag)
                if edge.calls >= LEAST_TAIL_CALLS:
                    _add(tail, times[edge.called][1], min(edge.calls, 1.0) ** 0.5, lag)
                    _add(tail, tail_waits, max(edge.calls, 1.0), lag)
            times[unit.name] = median, tail
        return times

    def _network(self, edge: Edge) -> tuple[Values, Values]:
        """Seconds that the network adds to one call."""
        if self.effect.unit not in {edge.caller, edge.called} or not self.effect.wait:
            return [], []
        return self.effect.wait, self.effect.tail_wait

    @cached_property
    def failures(self) -> dict[str, Values]:
        """Share of each unit's requests that fail; a caller passes on half of what fails below it."""
        failures: dict[str, Values] = {}
        for unit in reversed(self.topology.units):
            own = self._effect(unit).failing or [0.0] * self.length
            shares = [unit.error_ratio + share for share in own]
            for edge in self.topology.outgoing[unit.name]:
                _add(shares, failures[edge.called], 0.5 * min(edge.calls, 1.0), 0)
            failures[unit.name] = [min(share, 1.0) for share in shares]
        return failures

    @cached_property
    def requests(self) -> dict[str, Values]:
        """Requests a second that reach each unit, repeated ones included."""
        entry = self.topology.units[0].name
        usual = self.times[entry][0][0]
        patience = [(self.think + usual) / (self.think + seconds) for seconds in self.times[entry][0]]
        wanted = demand(self.rng, self.length, TICK)
        traffic = [self.rate * share * factor for share, factor in zip(wanted, patience, strict=True)]
        requests: dict[str, Values] = {}
        for unit in self.topology.units:
            visits = self.topology.visits[unit.name]
            mix = correlated(self.rng, self.length, memory=0.95, sigma=0.08)
            again = self.failures[unit.name]
            requests[unit.name] = [
                visits * value * math.exp(noise) * (1 + share)
                for value, noise, share in zip(traffic, mix, again, strict=True)
            ]
        return requests

    def _measured(self, unit: Unit) -> Iterator[tuple[tuple[str, str], Values]]:
        counts = [poisson(self.rng, rate * TICK) for rate in self.requests[unit.name]]
        ratios = self.failures[unit.name]
        failed = [min(poisson(self.rng, count * share), count) for count, share in zip(counts, ratios, strict=True)]
        window, rng = self.monitoring.window, self.rng
        phase = rng.randrange(self.monitoring.every)
        gauges = {"mem": self._memory(unit), "socket": self._sockets(unit)}
        rates = {"cpu": self._cpu(unit, counts), "diskio": self._io(unit, counts)}
        if not unit.store:
            rates |= {"workload": [count / TICK for count in counts], "error": [count / TICK for count in failed]}
        shown = gauges | {name: rated(amounts, window) for name, amounts in rates.items()}
        if not unit.store:
            shown |= self._latencies(unit, counts)
        for metric, values in shown.items():
            yield (unit.name, metric), gapped(rng, scraped(values, self.monitoring.every, phase), GAPS)

    def _cpu(self, unit: Unit, counts: Sequence[float]) -> Values:
        noise = wobble(self.rng, self.length, 0.1)
        extra = self._effect(unit).cpu or [0.0] * self.length
        return [
            (unit.cpu_idle + unit.cpu_request * count / TICK) * factor + more * min(factor, 1.2)
            for count, factor, more in zip(counts, noise, extra, strict=True)
        ]

    def _memory(self, unit: Unit) -> Values:
        """A level that drifts, with the sawtooth of a garbage collector."""
        period, height = self.rng.randint(6, 60), self.rng.uniform(0.0, 0.06)
        drift = self.rng.gauss(0.0, 0.02) / self.length
        noise = correlated(self.rng, self.length, memory=0.8, sigma=0.01)
        extra = self._effect(unit).memory or [0.0] * self.length
        return [
            unit.memory * (1 + drift * tick + height * (tick % period) / period + step) + more
            for tick, (step, more) in enumerate(zip(noise, extra, strict=True))
        ]

    def _io(self, unit: Unit, counts: Sequence[float]) -> Values:
        """Bytes a second, with bursts of compactions, flushes and log rotations that have no bearing on anything."""
        noise = wobble(self.rng, self.length, 0.4, tail=0.03)
        values = [unit.io_request * count / TICK * factor for count, factor in zip(counts, noise, strict=True)]
        if self.rng.random() < (0.3 if unit.store else 0.05):
            begin, lasting = self.rng.randrange(self.length), self.rng.randint(2, 10)
            burst = 10 * max(values) + self.rng.lognormvariate(11.0, 1.0)
            values[begin : begin + lasting] = [value + burst for value in values[begin : begin + lasting]]
        extra = self._effect(unit).io or [0.0] * self.length
        return [value + more for value, more in zip(values, extra, strict=True)]

    def _sockets(self, unit: Unit) -> Values:
        """Open sockets: a pool, and one for each request in flight (Little's law)."""
        noise = correlated(self.rng, self.length, memory=0.9, sigma=1.0)
        extra = self._effect(unit).sockets or [0.0] * self.length
        flights = zip(self.requests[unit.name], self.times[unit.name][0], noise, extra, strict=True)
        return [round(unit.sockets + rate * seconds + step + more) for rate, seconds, step, more in flights]

    def _latencies(self, unit: Unit, counts: Sequence[float]) -> dict[str, Values]:
        """Quantiles over the window: the fewer requests, the more chance; none without any."""
        window = self.monitoring.window
        requests = [count * window for count in rated(counts, window)]
        network = self.effect if self.monitoring.by_callers and self.effect.unit == unit.name else None
        shown: dict[str, Values] = {}
        for metric, values, waits, spread in (
            ("latency-50", self.times[unit.name][0], network.wait if network else [], 0.6),
            ("latency-90", self.times[unit.name][1], network.tail_wait if network else [], 1.2),
        ):
            seen = list(values)
            _add(seen, waits, 1.0, 0)
            shown[metric] = [
                value * math.exp(self.rng.gauss(0.0, spread / math.sqrt(count + 1))) if count >= 1 else math.nan
                for value, count in zip(rated(seen, window), requests, strict=True)
            ]
        return shown

    def _effect(self, unit: Unit) -> Effect:
        return self.effect if self.effect.unit == unit.name else Effect(unit.name)


def _add(values: Values, others: Sequence[float], factor: float, lag: int) -> None:
    """Add `others`, `factor` times and `lag` ticks late, to `values`."""
    for tick in range(len(others)):
        values[tick] += factor * others[max(tick - lag, 0)]
