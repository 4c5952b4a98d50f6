"""What the objects of a namespace, or of a cluster, say about its workloads."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import ValidationError

from agent.cluster.index import Cluster
from agent.cluster.pods import Pod
from agent.cluster.workloads import Workload
from agent.inventories import TRACKING_ID
from agent.toolset.cited import CitedAnswer, cite, evidence_of
from agent.toolset.wording import clock
from domain.evidence import Claim, Observation
from domain.inventory import Inventory, WorkloadEntry
from domain.objects import WorkloadRef
from tools.kubernetes.models import ObjectList
from tools.reading import Reading

SHOWN = 60
SHORT = "workloads short of replicas"
CHANGED = "workloads rolled out"
HIDDEN = frozenset({"kube-system", "kube-public", "kube-node-lease"})


def listing(namespace: str | None, reading: Reading[ObjectList]) -> CitedAnswer:
    """Replicas, restarts and ailments of every workload, unhealthy ones first."""
    cluster = Cluster(reading.value.items)
    here = sorted(_workloads(cluster, namespace), key=lambda item: (_ready(item) >= item.desired, item.name))
    short = [item for item in here if _ready(item) < item.desired]
    observations = [Observation(key=SHORT, value=float(len(short)))]
    for item in here[:SHOWN]:
        name = _name(item, namespace)
        observations.append(Observation(key=f"{name} ready", value=float(_ready(item))))
        observations.append(Observation(key=f"{name} replicas", value=float(item.desired)))
        ailment = ailment_of(cluster.pods_of(item))
        if ailment:
            observations.append(Observation(key=f"{name} pods", value=ailment))
    place = f"namespace {namespace}" if namespace else "the cluster"
    summary = f"{len(here)} workloads in {place}, {len(short)} without all their replicas"
    evidence = evidence_of("object", "kubernetes", reading, summary=summary, observations=observations)
    claims = [
        cite(
            evidence,
            f"{_name(item, namespace)} has {_ready(item)} of {item.desired} replicas ready",
            f"{_name(item, namespace)} ready",
            f"{_name(item, namespace)} replicas",
        )
        for item in short[:5]
    ]
    healthy = [] if short or not here else [cite(evidence, f"every workload in {place} has all its replicas", SHORT)]
    return CitedAnswer.of(evidence, claims=claims or healthy, inventory=_inventory(here))


def changes(namespace: str | None, reading: Reading[ObjectList], since: datetime) -> CitedAnswer:
    """Workloads whose newest revision was made after `since`, the latest first."""
    cluster = Cluster(reading.value.items)
    made = [(_made(cluster, item), item) for item in _workloads(cluster, namespace)]
    recent = sorted(((at, item) for at, item in made if at and at >= since), key=lambda pair: pair[0], reverse=True)
    observations = [Observation(key=CHANGED, value=float(len(recent)))]
    observations.extend(
        Observation(
            key=f"{_name(item, namespace)} rolled out", value=f"revision {_newest(cluster, item)} {at.isoformat()}"
        )
        for at, item in recent[:SHOWN]
    )
    place = f"namespace {namespace}" if namespace else "the cluster"
    summary = f"{len(recent)} workloads in {place} were rolled out since {clock(since)}"
    evidence = evidence_of("object", "kubernetes", reading, summary=summary, observations=observations)
    claims: list[Claim] = [
        cite(
            evidence,
            f"{_name(item, namespace)} was rolled out at {clock(at)}, revision {_newest(cluster, item)}",
            f"{_name(item, namespace)} rolled out",
        )
        for at, item in recent[:6]
    ]
    nothing = cite(evidence, f"no workload in {place} was rolled out since {clock(since)}", CHANGED)
    return CitedAnswer.of(evidence, claims=claims or [nothing], inventory=_inventory([item for _, item in recent]))


def ailment_of(pods: Sequence[Pod]) -> str:
    """What `kubectl get pods` would show of the pods that are not ready, and all restarts."""
    states = [_state(pod) for pod in pods if not pod.ready]
    count = sum(map(restarts_of, pods))
    return ", ".join([*dict.fromkeys(states), *([f"{count} restarts"] if count else [])])


def restarts_of(pod: Pod) -> int:
    """Restarts of all its containers."""
    return sum(status.restart_count for status in pod.statuses)


def _state(pod: Pod) -> str:
    waiting = (status.state.waiting.reason for status in pod.statuses if status.state.waiting)
    return next((reason for reason in waiting if reason), pod.status.phase or "Unknown")


def _workloads(cluster: Cluster, namespace: str | None) -> list[Workload]:
    if namespace is None:
        return [item for item in cluster.workloads if item.namespace not in HIDDEN]
    return [item for item in cluster.workloads if item.namespace == namespace]


def _ready(item: Workload) -> int:
    return item.status.ready_replicas


def _name(item: Workload, namespace: str | None) -> str:
    return str(item) if namespace else f"{item.namespace} {item}"


def _made(cluster: Cluster, item: Workload) -> datetime | None:
    """When the newest revision's ReplicaSet was made; workloads that have none tell only when they were created."""
    revisions = cluster.revisions_of(item)
    return revisions[-1].metadata.creation_timestamp if revisions else item.metadata.creation_timestamp


def _newest(cluster: Cluster, item: Workload) -> int:
    revisions = cluster.revisions_of(item)
    return (revisions[-1].revision if revisions else None) or item.revision or 1


def _inventory(items: Sequence[Workload]) -> Inventory:
    return Inventory(workloads=tuple(entry for entry in map(_entry, items[:SHOWN]) if entry))


def _entry(item: Workload) -> WorkloadEntry | None:
    """The workload as an inventory entry; None for a name that is none (objects come from outside)."""
    try:
        ref = WorkloadRef.model_validate({"kind": item.kind.lower(), "namespace": item.namespace, "name": item.name})
    except ValidationError:
        return None
    application = item.metadata.annotations.get(TRACKING_ID, "").partition(":")[0] or None
    return WorkloadEntry(ref=ref, replicas=item.desired, ready=_ready(item), application=application)
