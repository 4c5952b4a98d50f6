"""The one entry: what every configured source says at one moment."""

import asyncio
from dataclasses import replace
from datetime import datetime

from agent.cluster.index import Cluster
from agent.collection.alerts import Complaints, read_alerts
from agent.collection.applications import Deliveries, read_applications
from agent.collection.logs import read_logs
from agent.collection.reads import SECONDS_FOR_ALL, Reads, look_at
from agent.collection.signals import read_signals
from agent.collection.sources import Sources
from agent.collection.traces import read_traces
from agent.collection.windows import windows
from agent.situation import NOWHERE, Signal, Situation
from domain.alerts import Alert
from tools.kubernetes.models import ObjectList
from tools.reading import Reading


async def collect(
    sources: Sources,
    namespace: str | None,
    *,
    at: datetime,
    service: str | None = None,
    alerts: tuple[Alert, ...] = (),
) -> Situation:
    """Objects, signals, alerts and deliveries first; then logs and traces of what is not well.

    `service` is one that somebody asks about: its logs and traces are read even if it looks well. `alerts` are those of
    the incident: the first one's start is its onset.
    """
    reads = Reads(at)
    onset = min((alert.starts_at for alert in alerts), default=None)
    objects, signals, complaints, deliveries = await asyncio.gather(
        _objects(sources, namespace, reads),
        read_signals(sources, namespace, windows(at, onset), reads),
        read_alerts(sources, namespace, alerts, reads),
        read_applications(sources, namespace, reads),
    )
    first = _with(Situation(now=at, namespace=namespace, onset=onset), objects, signals, complaints, deliveries)
    logs, traces = await asyncio.gather(
        read_logs(sources, first, service, reads), read_traces(sources, first, service, reads)
    )
    return replace(
        first,
        logs=logs,
        traces=traces,
        blindspots=tuple(reads.blindspots),
        unavailable=tuple(reads.unavailable),
    )


async def _objects(sources: Sources, namespace: str | None, reads: Reads) -> Reading[ObjectList] | None:
    if sources.kubernetes is None:
        reads.missing("kubernetes")
        return None
    read = sources.kubernetes.objects(namespace)
    reading = await reads.attempt("object", "kubernetes", "objects", read, seconds=SECONDS_FOR_ALL)
    for denied in reading.value.denied if reading else ():
        reads.failed("object", "kubernetes", denied.partition(":")[0], denied)
    return reading


def _with(
    situation: Situation,
    objects: Reading[ObjectList] | None,
    signals: dict[str, Signal],
    complaints: Complaints,
    deliveries: Deliveries,
) -> Situation:
    items = objects.value.items if objects else ()
    return replace(
        situation,
        cluster=Cluster(items),
        objects=look_at("object", "kubernetes", objects, f"{len(items)} objects") if objects else NOWHERE,
        events=look_at("event", "kubernetes", objects, "events", suffix=" events") if objects else NOWHERE,
        signals=signals,
        alerts=complaints.alerts,
        alerts_look=complaints.look,
        applications=deliveries.applications,
        manifests=deliveries.manifests,
    )
