"""Metric families of kube-state-metrics: the objects' state as numbers."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from lab.shop.cluster.kinds import DEPLOYMENT, POD, STATEFUL_SET
from lab.shop.cluster.objects import StoredObject, items, number, text
from lab.shop.cluster.ports import Objects, Programs
from lab.shop.cluster.processes import Process, Waiting
from lab.shop.cluster.quantity import quantity

Value: TypeAlias = Callable[[StoredObject], float]

_DEPLOYMENT_GAUGES: dict[str, Value] = {
    "kube_deployment_spec_replicas": lambda stored: number(stored.spec, "replicas"),
    "kube_deployment_status_replicas": lambda stored: number(stored.status, "replicas"),
    "kube_deployment_status_replicas_available": lambda stored: number(stored.status, "availableReplicas"),
    "kube_deployment_status_replicas_unavailable": lambda stored: number(stored.status, "unavailableReplicas"),
    "kube_deployment_status_replicas_updated": lambda stored: number(stored.status, "updatedReplicas"),
    "kube_deployment_status_observed_generation": lambda stored: number(stored.status, "observedGeneration"),
    "kube_deployment_metadata_generation": lambda stored: stored.generation,
    "kube_deployment_created": lambda stored: stored.created_at.timestamp(),
}
_STATEFUL_SET_GAUGES: dict[str, Value] = {
    "kube_statefulset_replicas": lambda stored: number(stored.spec, "replicas"),
    "kube_statefulset_status_replicas": lambda stored: number(stored.status, "replicas"),
    "kube_statefulset_status_replicas_ready": lambda stored: number(stored.status, "readyReplicas"),
    "kube_statefulset_status_replicas_available": lambda stored: number(stored.status, "availableReplicas"),
    "kube_statefulset_metadata_generation": lambda stored: stored.generation,
    "kube_statefulset_created": lambda stored: stored.created_at.timestamp(),
}


def object_families(store: Objects, programs: Programs) -> Iterator[Metric]:
    """Deployments, StatefulSets, pods and their containers.

    Source: https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
    """
    yield from _gauges(_DEPLOYMENT_GAUGES, "deployment", store.objects(DEPLOYMENT))
    yield from _gauges(_STATEFUL_SET_GAUGES, "statefulset", store.objects(STATEFUL_SET))
    yield from _pod_families(store.objects(POD))
    yield from _container_families(programs)


def _gauges(gauges: dict[str, Value], label: str, stored: Sequence[StoredObject]) -> Iterator[Metric]:
    for name, value in gauges.items():
        family = GaugeMetricFamily(name, f"From the {label}'s object.", labels=["namespace", label])
        for each in stored:
            family.add_metric([each.namespace, each.name], value(each))
        yield family


def _pod_families(pods: Sequence[StoredObject]) -> Iterator[Metric]:
    ready = GaugeMetricFamily("kube_pod_status_ready", "The pod's Ready.", labels=["namespace", "pod", "condition"])
    phase = GaugeMetricFamily("kube_pod_status_phase", "The pod's phase.", labels=["namespace", "pod", "phase"])
    owner = GaugeMetricFamily(
        "kube_pod_owner", "The pod's owner.", labels=["namespace", "pod", "owner_kind", "owner_name"]
    )
    for pod in pods:
        holds = any(
            entry.get("type") == "Ready" and entry.get("status") == "True" for entry in items(pod.status, "conditions")
        )
        for condition, value in (("true", holds), ("false", not holds), ("unknown", False)):
            ready.add_metric([pod.namespace, pod.name, condition], float(value))
        for name in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
            phase.add_metric([pod.namespace, pod.name, name], float(text(pod.status, "phase") == name))
        for reference in items(pod.metadata, "ownerReferences"):
            owner.add_metric([pod.namespace, pod.name, text(reference, "kind"), text(reference, "name")], 1.0)
    yield from (ready, phase, owner)


def _container_families(programs: Programs) -> Iterator[Metric]:
    labels = ["namespace", "pod", "container"]
    prefix = "kube_pod_container"
    restarts = CounterMetricFamily(f"{prefix}_status_restarts", "Restarts of the container.", labels=labels)
    waiting = GaugeMetricFamily(f"{prefix}_status_waiting_reason", "Why it waits.", labels=[*labels, "reason"])
    last = GaugeMetricFamily(
        f"{prefix}_status_last_terminated_reason", "Why it ended last.", labels=[*labels, "reason"]
    )
    bounds = {
        kind: GaugeMetricFamily(
            f"{prefix}_resource_{kind}", f"Resource {kind}.", labels=[*labels, "node", "resource", "unit"]
        )
        for kind in ("limits", "requests")
    }
    for pod in programs.pods():
        for process in pod.processes:
            where = [pod.namespace, pod.name, process.container.name]
            restarts.add_metric(where, process.restarts)
            if isinstance(process.state, Waiting):
                waiting.add_metric([*where, process.state.reason], 1.0)
            if process.last_termination:
                last.add_metric([*where, process.last_termination.reason], 1.0)
            _add_bounds(bounds, [*where, pod.node], process)
    yield from (restarts, waiting, last, *bounds.values())


def _add_bounds(bounds: dict[str, GaugeMetricFamily], where: list[str], process: Process) -> None:
    resources = process.container.resources
    units = {"cpu": "core", "memory": "byte"}
    for kind, amounts in (("limits", resources.limits), ("requests", resources.requests)):
        for resource, unit in units.items():
            if resource in amounts:
                bounds[kind].add_metric([*where, resource, unit], quantity(amounts[resource]))
