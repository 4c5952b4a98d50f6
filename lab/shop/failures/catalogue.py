"""The failures by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from lab.shop.failures import outside, releases
from lab.shop.failures.levers import Levers

Undo: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class Failure:
    """One failure: a sentence for people, the service it hits unless told otherwise, and how it is brought about.

    `start` makes it happen to a service and gives back what ends it.
    """

    name: str
    sentence: str
    service: str
    start: Callable[[Levers, str], Undo]


FAILURES = {
    failure.name: failure
    for failure in (
        Failure(
            "bad-release",
            "A new release fails about a third of its requests; going back to the release before heals.",
            "checkout",
            releases.failing,
        ),
        Failure(
            "bad-release-slow",
            "A new release needs four times the CPU and half a second more; going back heals.",
            "catalog",
            releases.slow,
        ),
        Failure(
            "memory-leak",
            "A new release leaks memory until it is killed, again and again; going back heals, a restart buys time.",
            "cart",
            releases.leaking,
        ),
        Failure(
            "cpu-saturation",
            "A service gets three times its usual requests; more replicas heal, a restart does not.",
            "catalog",
            outside.surge,
        ),
        Failure(
            "stuck-saturation",
            "All replicas of a service wait for one lock with their CPUs spinning; more replicas do not help.",
            "inventory",
            outside.contention,
        ),
        Failure(
            "slow-dependency",
            "What a service uses outside the cluster answers slowly; nothing inside the cluster helps.",
            "inventory",
            outside.slow_backing,
        ),
        Failure(
            "wrong-address",
            "A configuration change points a service at a host that does not exist; going back heals.",
            "checkout",
            releases.misdirected,
        ),
        Failure(
            "bad-image-tag",
            "A new release names an image that was never pushed; old pods go on serving until it is taken back.",
            "payment",
            releases.unpullable,
        ),
    )
}
