"""Logs of the pods that are not well, of services that stand out, and of the others while somebody complains."""

import asyncio
from collections.abc import Iterator

from agent.analyzers.journal import SIDECARS
from agent.cluster.pods import Pod
from agent.collection.reads import Reads, look_at
from agent.collection.sources import Sources
from agent.situation import Log, LogKey, Situation
from domain.errors import NotFound, UpstreamRejected
from tools.kubernetes.read import KubernetesReader
from tools.reading import Reading

MOST_LOGS = 64
TAIL = 300
SECONDS_PER_LOG = 6.0
"""Logs come from many kubelets: one that hangs must not hold up the others."""
PODS_PER_WORKLOAD = 2
STANDING_OUT = 4
"""Services with the strongest anomalies whose logs are read."""


async def read_logs(sources: Sources, situation: Situation, service: str | None, reads: Reads) -> dict[LogKey, Log]:
    """The ends of the logs worth reading. A container without a log is no blindspot."""
    kubernetes = sources.kubernetes
    if kubernetes is None:
        return {}
    keys = list(dict.fromkeys(worth_reading(situation, service)))[:MOST_LOGS]
    found = await asyncio.gather(*(_read(kubernetes, key, reads) for key in keys))
    return {key: log for key, log in zip(keys, found, strict=True) if log is not None}


def worth_reading(situation: Situation, service: str | None) -> Iterator[LogKey]:
    """Containers by how much their logs may tell: crashed ones, pods not ready, services that stand out.

    During an incident, then those that look well: what a shared database refuses shows in its clients' logs only.
    """
    for ailing in situation.ailing:
        for pod in ailing.sick[:PODS_PER_WORKLOAD]:
            yield from _keys(pod)
    outstanding = [item.subject for item in situation.anomalies[:STANDING_OUT]]
    for name in (*([service] if service else []), *outstanding):
        workload = situation.workload_behind(name)
        pods = situation.cluster.pods_of(workload) if workload else ()
        for pod in pods[:PODS_PER_WORKLOAD]:
            yield from _keys(pod)
    for workload in situation.workloads if situation.onset else ():
        for pod in situation.cluster.pods_of(workload)[:1]:
            yield from (key for key in _keys(pod) if key.container not in SIDECARS)


def _keys(pod: Pod) -> Iterator[LogKey]:
    for status in pod.statuses:
        if status.restart_count and status.last_state.terminated:
            yield LogKey(pod.namespace, pod.name, status.name, previous=True)
        if status.state.running or status.last_exit or status.restart_count:
            # While it waits to be started again, the kubelet still has the log of the container that ended.
            yield LogKey(pod.namespace, pod.name, status.name)


async def _read(kubernetes: KubernetesReader, key: LogKey, reads: Reads) -> Log | None:
    read = _tail(kubernetes, key)
    question = f"log of {key.pod}/{key.container}"
    reading = await reads.attempt("log", "kubernetes", question, read, seconds=SECONDS_PER_LOG)
    if reading is None or not reading.value:
        return None
    which = "previous log" if key.previous else "log"
    look = look_at("log", "kubernetes", reading, f"{which} of {key.pod}/{key.container}")
    return Log(look, reading.value)


async def _tail(kubernetes: KubernetesReader, key: LogKey) -> Reading[str] | None:
    """None where there is no such log: the kubelet has already removed the container, or it never started."""
    try:
        return await kubernetes.logs(key.namespace, key.pod, key.container, tail=TAIL, previous=key.previous)
    except (NotFound, UpstreamRejected):
        return None
