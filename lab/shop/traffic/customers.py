"""Who comes to the shop: customers at the front door, and crowds that know one service's address."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

from lab.shop.topology import BASE_RATE, BY_NAME, ENTRY, NAMESPACE, expected_rates
from lab.shop.traffic.conditions import Conditions
from lab.shop.traffic.walk import Walker

# Above these rates requests are not walked one by one: each walked one stands for several.
WALKED_A_SECOND = 48.0
CROWD_WALKED_A_SECOND = 16.0


class Customers:
    """The shop's visitors; operations are taken in turn by their share, so that rates are steady."""

    def __init__(self, walker: Walker, conditions: Conditions, addresses: Mapping[str, str]):
        """`addresses` are those of all services inside the cluster, by name."""
        self._walker = walker
        self._addresses = addresses
        self._conditions = conditions
        self._due: dict[str, float] = defaultdict(float)
        self._usual = expected_rates(BASE_RATE)

    def step(self, seconds: float) -> None:
        """Let `seconds` of visitors come."""
        rate = BASE_RATE * self._conditions.load
        weight = max(1, math.ceil(rate / WALKED_A_SECOND))
        entry = BY_NAME[ENTRY]
        address = self._addresses[ENTRY]
        for operation in entry.operations:
            for _ in self._arrivals(f"user {operation.name}", rate * operation.share * seconds / weight):
                self._walker.visit(address, NAMESPACE, operation.name, "user", weight)
        for service, factor in self._conditions.surges.items():
            self._crowd(service, self._usual[service] * (factor - 1) * self._conditions.load, seconds)

    def _crowd(self, service: str, rate: float, seconds: float) -> None:
        weight = max(1, math.ceil(rate / CROWD_WALKED_A_SECOND))
        profile = BY_NAME[service]
        address = self._addresses[service]
        for _ in self._arrivals(f"crowd {service}", rate * seconds / weight):
            self._walker.visit(address, NAMESPACE, profile.surge.name, "partner-api", weight)

    def _arrivals(self, stream: str, expected: float) -> Iterator[None]:
        """As many as are due, carrying the fraction over to the next tick."""
        self._due[stream] += expected
        while self._due[stream] >= 1.0:
            self._due[stream] -= 1.0
            yield
