"""A suite of made-up cases in the RCAEval layout, from a seed."""

from collections.abc import Iterator
from itertools import count, islice, product
from random import Random

from evals.metrics.faults import KINDS, effect_of
from evals.metrics.layout import Case
from evals.metrics.simulation import TICK, Monitoring, Run
from evals.metrics.topology import Topology, grown

SIZES = (12, 27, 45, 64)
"""Services of the systems: a demo shop, and what train ticket systems and larger have."""
HALF = 600 // TICK
"""Ticks on either side of the injection: ten minutes, as the benchmark cuts its cases."""
WARM = 24
"""Ticks that are simulated and not kept, so that rates and lags have a past."""
LEAST_REQUESTS = 0.2
"""Requests a second from which a service counts as used: a fault in an idle one is nobody's incident."""
EPOCH = 1_700_000_000


def cases(number: int, seed: int) -> Iterator[Case]:
    """`number` cases, in turn of every kind of fault in every system; the same ones for the same seed."""
    systems = [_System(size, seed) for size in SIZES]
    turns = ((run, kind, system) for run in count(1) for kind, system in product(KINDS, systems))
    for run, kind, system in islice(turns, number):
        yield system.case(kind, run)


class _System:
    """One made-up system: its topology and monitoring stay the same over all its cases."""

    def __init__(self, size: int, seed: int) -> None:
        self._name = f"{seed}/{size}"
        self._size = size
        rng = Random(self._name)  # noqa: S311 - reproducible, not secret
        self._topology = grown(rng, size)
        self._monitoring = Monitoring(rng.choice((3, 6, 12)), rng.choice((1, 3)), by_callers=rng.random() < 0.5)
        self._rate = rng.uniform(20, 80)
        self._think = rng.uniform(0.5, 5.0)

    def case(self, kind: str, run: int) -> Case:
        """One fault of that kind in one of the services."""
        rng = Random(f"{self._name}/{kind}/{run}")  # noqa: S311 - as above
        used = [unit for unit in self._topology.units[1:] if not unit.store and self._used(self._topology, unit.name)]
        unit = rng.choice(used)
        length, start = WARM + 2 * HALF, WARM + HALF
        simulated = Run(
            rng=rng,
            topology=self._topology,
            monitoring=self._monitoring,
            effect=effect_of(kind, rng, unit, length, start),
            length=length,
            rate=self._rate,
            think=self._think,
        )
        times = tuple(EPOCH + TICK * tick for tick in range(length))
        return Case(
            service=unit.name,
            fault=kind,
            run=f"{self._size}-{run}",
            inject_time=times[start],
            times=times[WARM:],
            columns={name: tuple(values[WARM:]) for name, values in simulated.series()},
            calls=frozenset((edge.caller, edge.called) for edge in self._topology.edges),
        )

    def _used(self, topology: Topology, name: str) -> bool:
        return topology.visits[name] * self._rate >= LEAST_REQUESTS
