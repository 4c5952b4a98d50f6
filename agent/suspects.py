"""Which service to look at first, from metrics alone: culprits before their victims.

A fault shows in three ways. What a service uses rises in that service alone. Latency and failures rise in it and in
all that wait for it, so a rise counts only as far as no rise of what is called explains it. And a fault on the way to
a service, such as a slow network, may show in its callers and not in itself, so what callers cannot explain falls back,
in part, on what they call. Who stands below most of the trouble is the likelier one.

The first idea is BARO's (Pham et al., FSE 2024: scale by the median and the interquartile range before); runs of points
instead of single ones, the calls, and time are what is added. `evals.metrics` compares the two.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from agent.anomalies import Anomaly
from agent.callgraph import CallGraph
from agent.looks import Statement, number, states

OWN = frozenset({"cpu_usage", "cpu_throttling", "saturation", "memory_usage", "restarts", "disk_io", "sockets"})
"""Signals of what a service itself uses: they rise where the fault is."""
FELT = ("latency_p50", "latency_p95", "error_ratio")
"""Signals that callers feel too."""
PROMPT = timedelta(minutes=1)
"""What rises later than this after the incident's onset counts less, half after twice as long: it may be an effect."""
OVER = 0.5
"""What remains of a rise that has come back by itself while the incident goes on."""
ON_THE_WAY = 0.5
"""What falls back on a service of that which its callers cannot explain."""
ALONE = 0.4
"""What counts of a service under which nothing of the trouble stands."""


class Suspect(NamedTuple):
    """A service and how much points at it; comparable within one list only. `anomaly` is its strongest rise, if any."""

    service: str
    weight: float
    anomaly: Anomaly | None

    @property
    def statement(self) -> Statement | None:
        """What rose most in the service itself."""
        if self.anomaly is None:
            return None
        before, now = self.anomaly.sightings
        return states(
            f"{self.anomaly.signal} of {self.service} rose from {number(before)} to {number(now)}", before, now
        )


Rises = Mapping[str, Mapping[str, Anomaly]]
"""What rose, by service and signal."""


def suspects(anomalies: Iterable[Anomaly], calls: CallGraph, onset: datetime | None) -> tuple[Suspect, ...]:
    """Services that something points at, most suspicious first. Without an onset, when things rose does not count."""
    rises: dict[str, dict[str, Anomaly]] = {}
    for anomaly in anomalies:
        if anomaly.rise > 0 and (anomaly.signal in OWN or anomaly.signal in FELT):
            rises.setdefault(anomaly.subject, {})[anomaly.signal] = anomaly
    trouble = _Trouble(rises, calls, onset)
    found = (Suspect(name, trouble.weight(name), trouble.strongest(name)) for name in trouble.services)
    return tuple(sorted((item for item in found if item.weight > 0), key=lambda item: (-item.weight, item.service)))


class _Trouble:
    """Everything that rose, weighed."""

    def __init__(self, rises: Rises, calls: CallGraph, onset: datetime | None) -> None:
        self._rises = rises
        self._calls = calls
        self._onset = onset
        self._felt = {name: self._most(name, FELT) for name in rises}
        self._unexplained = {name: self._left(name) for name in rises}

    @property
    def services(self) -> frozenset[str]:
        """All that rose or are called by something that did."""
        return frozenset(self._rises).union(*(self._calls.called_by(name) for name in self._rises))

    def weight(self, service: str) -> float:
        """How much points at `service`."""
        own = self._most(service, OWN)
        reasons = max(own, self._unexplained.get(service, 0.0), self._on_the_way(service))
        return reasons * (ALONE + (1 - ALONE) * self._share_above(service))

    def strongest(self, service: str) -> Anomaly | None:
        """The service's own strongest rise."""
        return max(self._rises.get(service, {}).values(), key=self._strength, default=None)

    def _strength(self, anomaly: Anomaly) -> float:
        late = anomaly.onset - self._onset - PROMPT if self._onset else timedelta(0)
        strength = math.log1p(anomaly.score) / (1 + max(late / PROMPT, 0.0))
        return strength if anomaly.ongoing else OVER * strength

    def _most(self, service: str, signals: Iterable[str]) -> float:
        rises = self._rises.get(service, {})
        return max((self._strength(rises[name]) for name in signals if name in rises), default=0.0)

    def _left(self, service: str) -> float:
        """The most that is felt at `service` and not explained by the same rise in what it calls."""
        rises = self._rises[service]
        below = self._calls.called_by(service)
        left = (
            self._strength(rises[signal]) * max(1 - self._rise(below, signal) / rises[signal].rise, 0.0)
            for signal in FELT
            if signal in rises
        )
        return max(left, default=0.0)

    def _rise(self, services: Iterable[str], signal: str) -> float:
        found = (self._rises.get(name, {}).get(signal) for name in services)
        return sum(anomaly.rise for anomaly in found if anomaly)

    def _on_the_way(self, service: str) -> float:
        """The mean of what its callers, all of them, feel and cannot explain."""
        callers = self._calls.calling(service)
        return ON_THE_WAY * sum(self._unexplained.get(name, 0.0) for name in callers) / len(callers) if callers else 0.0

    def _share_above(self, service: str) -> float:
        """The share of all that is felt which is felt at `service` or by those that depend on it."""
        total = sum(self._felt.values())
        above = self._calls.above(service) | {service}
        return sum(self._felt.get(name, 0.0) for name in above) / total if total else 0.0
