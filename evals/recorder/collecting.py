"""One moment of the live systems, as a recording."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import yaml

from agent.cluster.index import Cluster
from agent.collection.sources import Sources
from domain.alerts import AlertGroup
from domain.errors import Misconfigured, NotFound, UpstreamError
from evals.cases import SCHEMA
from evals.recorder.metrics import recorded_metrics
from evals.recorder.scrubbing import scrubbed
from evals.recordings import Recording
from tools.documents import JsonObject, objects_at, strings_at, text_at
from tools.kubernetes.read import KubernetesReader

TAIL = 2000
"""Lines of each log: several times what an investigation reads."""
LOGS_IN_PARALLEL = 8


@dataclass(frozen=True)
class Recorded:
    """The recording, and in words what is not in it though it was asked for."""

    recording: Recording
    missing: tuple[str, ...]


async def recorded(sources: Sources, incident_id: str, group: AlertGroup) -> Recorded:
    """What the systems say now of the incident with these alerts, without secrets.

    Raises `Misconfigured` without a namespace or a cluster; other systems that fail are named in `missing`.
    """
    if group.namespace is None or sources.kubernetes is None:
        raise Misconfigured("an incident is recorded from a cluster, and by the namespace that its alerts name")
    at, missing = datetime.now(UTC), list[str]()
    read = await sources.kubernetes.objects(group.namespace)
    missing += read.value.denied
    applications, manifests = await _deliveries(sources, group.namespace, missing)
    metrics = await _metrics(sources, group, at, missing)
    header: JsonObject = {"schema": SCHEMA, "id": incident_id, "system": group.namespace, "namespace": group.namespace}
    recording = Recording(
        header={**header, "taken_at": at.isoformat(), "question": group.title},
        webhook=_webhook(group),
        items=read.value.items,
        logs=await _logs(sources.kubernetes, group.namespace, Cluster(read.value.items)),
        manifests=manifests,
        metrics=metrics,
        active_alerts=await _alerts(sources, group.namespace, missing),
        extra={"applications.json": json.dumps(applications).encode()} if applications else {},
    )
    return Recorded(scrubbed(recording), tuple(missing))


def _webhook(group: AlertGroup) -> JsonObject:
    alerts = [alert.model_dump(mode="json", by_alias=True, exclude_none=True) for alert in group.alerts]
    status = "firing" if group.firing else "resolved"
    return {"version": "4", "groupKey": group.group_id, "status": status, "receiver": "triagent", "alerts": [*alerts]}


async def _logs(kubernetes: KubernetesReader, namespace: str, cluster: Cluster) -> dict[str, str]:
    """The end of every container's log in the namespace; those that have none are left out."""
    slots = asyncio.Semaphore(LOGS_IN_PARALLEL)

    async def log(pod: str, container: str, previous: bool) -> tuple[str, str]:
        name = f"{namespace}/{pod}/{container}" + ("/previous" if previous else "")
        try:
            async with slots:
                found = await kubernetes.logs(namespace, pod, container, tail=TAIL, previous=previous)
        except (NotFound, UpstreamError):
            return name, ""
        return name, found.value

    found = await asyncio.gather(*(log(*which) for which in _containers(namespace, cluster)))
    return {name: text for name, text in found if text}


def _containers(namespace: str, cluster: Cluster) -> Iterator[tuple[str, str, bool]]:
    for pod in cluster.pods:
        for status in pod.statuses if pod.namespace == namespace else ():
            yield pod.name, status.name, False
            if status.restart_count:
                yield pod.name, status.name, True


async def _deliveries(sources: Sources, namespace: str, missing: list[str]) -> tuple[list[JsonObject], dict[str, str]]:
    """Argo CD's applications into the namespace as its API gives them, and what Git wants of them as YAML."""
    argocd = sources.argocd
    if argocd is None:
        return [], {}
    try:
        reading = await argocd.applications(namespace)
        names = [state.entry.name for state in reading.value]
        found = await asyncio.gather(*(argocd.manifests(name) for name in names))
    except (UpstreamError, NotFound) as exc:
        missing.append(f"applications: {exc}")
        return [], {}
    listed = objects_at(json.loads(await sources.artifacts.get(reading.digest)), "items")
    manifests = {name: _yaml(each.value) for name, each in zip(names, found, strict=True)}
    return [item for item in listed if text_at(item, "metadata", "name") in manifests], manifests


def _yaml(documents: Sequence[JsonObject]) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True)


async def _metrics(sources: Sources, group: AlertGroup, at: datetime, missing: list[str]) -> str:
    if sources.prometheus is None or group.namespace is None:
        return "# EOF\n"
    text, problems = await recorded_metrics(
        sources.prometheus, sources.signals, group.namespace, at, min(group.started_at, at)
    )
    missing += problems
    return text


async def _alerts(sources: Sources, namespace: str, missing: list[str]) -> tuple[JsonObject, ...]:
    """What Alertmanager holds of the namespace and of no namespace, as its API gives it."""
    if sources.alertmanager is None:
        return ()
    try:
        reading = await sources.alertmanager.alerts()
    except UpstreamError as exc:
        missing.append(f"alerts: {exc}")
        return ()
    held: JsonObject = {"items": json.loads(await sources.artifacts.get(reading.digest))}
    alerts = objects_at(held, "items")
    return tuple(alert for alert in alerts if strings_at(alert, "labels").get("namespace", namespace) == namespace)
