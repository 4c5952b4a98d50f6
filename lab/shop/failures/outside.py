"""Failures that no object of the cluster causes."""

from collections.abc import Callable

from lab.shop.failures.levers import Levers

SURGE = 3.0
BACKING_DELAY = 1.2


def surge(levers: Levers, service: str) -> Callable[[], None]:
    """Three times the usual requests, of a kind the service answers alone."""
    levers.conditions.surges[service] = SURGE
    return lambda: _forget(levers.conditions.surges, service)


def contention(levers: Levers, service: str) -> Callable[[], None]:
    """One lock for all replicas, with the CPUs spinning."""
    levers.conditions.contended.add(service)
    return lambda: levers.conditions.contended.discard(service)


def slow_backing(levers: Levers, service: str) -> Callable[[], None]:
    """A slow answer from the service's outside dependency."""
    levers.conditions.backing_delays[service] = BACKING_DELAY
    return lambda: _forget(levers.conditions.backing_delays, service)


def _forget(values: dict[str, float], service: str) -> None:
    values.pop(service, None)
