"""What the outside world does to the shop: how many come, and what goes wrong behind the programs' backs."""

from dataclasses import dataclass, field


@dataclass
class Conditions:
    """Set by the lab; no object of the cluster can change any of it.

    `load` multiplies the customers; `surges` names services that get so many times their usual requests; `contended`
    services wait for one lock, however many replicas they have; `backing_delays` are seconds that a service's
    outside dependency takes longer.
    """

    load: float = 1.0
    surges: dict[str, float] = field(default_factory=dict[str, float])
    contended: set[str] = field(default_factory=set[str])
    backing_delays: dict[str, float] = field(default_factory=dict[str, float])
