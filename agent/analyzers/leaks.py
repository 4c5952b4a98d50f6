"""Memory that only grows: a leak before it meets its limit, and what led to a kill afterwards."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from agent.analyzers.distress import distress_of
from agent.analyzers.suspicion import LIKELY, POSSIBLE, STRONG, Suspicion
from agent.cluster.quantities import quantity
from agent.cluster.workloads import Workload
from agent.looks import Statement, number, states
from agent.situation import Signal, Situation, reference
from tools.prometheus.models import Points, Series

PARTS = 6
"""A leak grows in every part of its window; caches and warm-up do so in the first ones only."""
LEAST_POINTS = 12
LEAST_GROWTH = 0.25
"""Share of where it began by which memory must have grown."""
LEAST_BYTES = 16 * 2.0**20
STILL_GROWING = 0.5
"""The last third must grow by this much of the average rate: what levels off is no leak."""
NEAR = 0.8
"""Share of the limit from which a growing process is about to be killed."""
RESTARTED = 0.3
"""A fall by this share is a new process, not garbage collection of a leaking one."""
AS_THE_LOAD = 0.5
"""Traffic that grew by this share of memory's growth explains it."""


class Growth(NamedTuple):
    """Bytes at both ends of steady growth."""

    before: float
    now: float

    @property
    def share(self) -> float:
        """By how much of where it began it grew."""
        return (self.now - self.before) / max(self.before, 1.0)


def leaks(situation: Situation) -> Iterator[Suspicion]:
    """Workloads whose memory grows steadily without their load, and that are near their limit, killed or in trouble."""
    signal = situation.signals.get("memory_usage")
    for series in signal.series if signal else ():
        workload = situation.workload_behind(series.labels.get("service", ""))
        growth = steady_growth(_since_restart(series.points))
        if signal and workload and growth and not _loaded(situation, series, growth):
            yield from _leak(situation, signal, series, workload, growth)


def _leak(
    situation: Situation, signal: Signal, series: Series, workload: Workload, growth: Growth
) -> Iterator[Suspicion]:
    name = series.labels["service"]
    began, now = (
        signal.look.sees(f"{name} memory_usage at first", growth.before, "bytes"),
        signal.look.sees(f"{name} memory_usage at last", growth.now, "bytes"),
    )
    grew = states(f"memory of {name} grew steadily from {number(began)} to {number(now)} bytes", began, now)
    near = _near_limit(situation, workload, growth)
    killed = any(
        status.last_exit and status.last_exit.reason == "OOMKilled"
        for pod in situation.cluster.pods_of(workload)
        for status in pod.statuses
    )
    distress = distress_of(situation, workload)
    sure = LIKELY if killed else STRONG if near else POSSIBLE if distress.statements else 0.0
    yield Suspicion("memory_leak", reference(workload), sure, (grew, *near, *distress.statements))


def steady_growth(points: Points) -> Growth | None:
    """Growth through every part of the window that does not level off; None for anything else."""
    if len(points) < LEAST_POINTS:
        return None
    levels = [median(value for _, value in part) for part in _parts(points)]
    growth = Growth(levels[0], levels[-1])
    rises = [after - before for before, after in pairwise(levels)]
    average = (growth.now - growth.before) / len(rises)
    steady = all(rise > 0 for rise in rises) and sum(rises[-2:]) / 2 >= STILL_GROWING * average
    large = growth.share >= LEAST_GROWTH and growth.now - growth.before >= LEAST_BYTES
    return growth if steady and large else None


def _parts(points: Points) -> Sequence[Points]:
    return [points[len(points) * part // PARTS : len(points) * (part + 1) // PARTS] for part in range(PARTS)]


def _since_restart(points: Points) -> Points:
    """The points of the running process; of the one before where it has hardly begun."""
    falls = [index for index in range(1, len(points)) if points[index][1] < (1 - RESTARTED) * points[index - 1][1]]
    bounds = [0, *falls, len(points)]
    segments = [points[start:end] for start, end in pairwise(bounds)]
    return next((segment for segment in reversed(segments) if len(segment) >= LEAST_POINTS), points)


def _loaded(situation: Situation, series: Series, growth: Growth) -> bool:
    """Whether the load grew as well."""
    load = situation.anomaly(series.labels["service"], "request_rate")
    return load is not None and load.rise >= AS_THE_LOAD * growth.share * max(load.before, 1e-9)


def _near_limit(situation: Situation, workload: Workload, growth: Growth) -> tuple[Statement, ...]:
    limits = [item.resources.limits.get("memory", "") for item in workload.template.containers]
    amounts = [quantity(limit) if limit else None for limit in limits]
    total = sum(amount for amount in amounts if amount)
    if not all(amounts) or not total or growth.now < NEAR * total:
        return ()
    seen = situation.objects.sees(f"{workload} limits.memory", " + ".join(limits))
    return (states(f"the memory limit of {workload} is {seen.value}", seen),)
