"""How busy every program is: what it is asked to do against what its CPU limit lets it do."""

import math
from collections import defaultdict

from lab.shop.cluster.processes import Process
from lab.shop.cluster.quantity import quantity
from lab.shop.topology import BASE_RATE, BASE_UTILISATION, BY_NAME, SERVICES, expected_rates
from lab.shop.traffic.conditions import Conditions

# Seconds over which arrivals are averaged: short enough to follow a surge, long enough not to follow chance.
AVERAGED_SECONDS = 2.0
# A program stops taking requests when its queue would make them wait longer than this.
LONGEST_WAIT = 0.9
LOCK_WAIT = 0.9
LOCK_REJECTED = 0.08
SHED_ABOVE = 0.97
THROTTLED_ABOVE = 0.7
PERIODS_A_SECOND = 10.0
IDLE = 0.02


def cpu_cost(service: str) -> float:
    """CPU seconds one request costs a service, such that it is `BASE_UTILISATION` busy at the base rate."""
    profile = BY_NAME[service]
    return BASE_UTILISATION * profile.replicas * quantity(profile.cpu) / _EXPECTED[service]


_EXPECTED = expected_rates(BASE_RATE)
_COSTS = {service.name: cpu_cost(service.name) for service in SERVICES}


class Saturation:
    """The utilisation of all programs, from the arrivals of the last seconds."""

    def __init__(self, conditions: Conditions):
        self._conditions = conditions
        self._arrived: dict[str, float] = defaultdict(float)
        self._rates: dict[str, float] = {}
        self._ready: dict[str, int] = {}

    def arrive(self, service: str, weight: int) -> None:
        """Count requests that reached a service."""
        self._arrived[service] += weight

    def step(self, seconds: float, processes: list[Process]) -> None:
        """Average the arrivals and charge the programs for the CPU they used."""
        blend = 1 - math.exp(-seconds / AVERAGED_SECONDS)
        for service in BY_NAME:
            now = self._arrived[service] / seconds
            self._rates[service] = self._rates.get(service, now) * (1 - blend) + now * blend
        self._arrived.clear()
        self._ready = defaultdict(int)
        for process in processes:
            self._ready[process.owner] += process.ready
        for process in processes:
            if process.running:
                self._charge(process, seconds)

    def _charge(self, process: Process, seconds: float) -> None:
        busy = self.utilisation(process)
        usage = process.usage
        usage.cpu_seconds += max(IDLE, min(1.0, busy)) * process.cpu_limit * seconds
        usage.periods += PERIODS_A_SECOND * seconds
        throttled = min(0.9, max(0.0, busy - THROTTLED_ABOVE) / (1 - THROTTLED_ABOVE))
        usage.throttled_periods += throttled * PERIODS_A_SECOND * seconds

    def rate(self, service: str) -> float:
        """Requests a second that reach a service."""
        return self._rates.get(service, 0.0)

    def utilisation(self, process: Process) -> float:
        """Asked-for CPU over the limit; above 1 the program cannot keep up."""
        if process.build is None or not process.ready:
            return 0.0
        if process.build.service in self._conditions.contended:
            return 1.0
        share = self.rate(process.owner) / max(1, self._ready.get(process.owner, 0))
        return share * _COSTS[process.build.service] * process.build.cpu_factor / process.cpu_limit

    def contended(self, process: Process) -> bool:
        """Whether the program waits for the shared lock."""
        return process.build is not None and process.build.service in self._conditions.contended

    def wait(self, process: Process, work: float) -> float:
        """Seconds a request waits before it is worked on: the queue of an M/M/1 server, cut off, or the lock."""
        if self.contended(process):
            return LOCK_WAIT
        busy = self.utilisation(process)
        return LONGEST_WAIT if busy >= 1 else min(LONGEST_WAIT, work * busy / (1 - busy))

    def rejected(self, process: Process) -> float:
        """The share of requests that are turned away with 503."""
        if self.contended(process):
            return LOCK_REJECTED
        busy = self.utilisation(process)
        return max(0.0, 1 - SHED_ABOVE / busy) if busy else 0.0
