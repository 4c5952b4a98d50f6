"""Small Kubernetes objects and situations for the tests of the analyzers; a healthy system unless told otherwise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agent.cluster.index import Cluster
from agent.looks import Look
from agent.situation import Log, LogKey, Manifest, Signal, Situation
from tools.documents import JsonObject
from tools.prometheus.models import Series

NOW = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)
NAMESPACE = "store"
OBJECTS = Look("object", "kubernetes", "objects", "d1", NOW)
EVENTS = Look("event", "kubernetes", "events", "d1", NOW)
METRICS = Look("metric", "prometheus", "metrics", "d2", NOW)


def at(seconds_ago: float) -> str:
    return (NOW - timedelta(seconds=seconds_ago)).isoformat()


def container(name: str = "app", port: int = 8080, **fields: object) -> JsonObject:
    return {"name": name, "image": f"registry.example/{name}:1.0", "ports": [{"containerPort": port}], **fields}


def deployment(name: str, *, replicas: int = 1, ready: int | None = None, **spec: object) -> JsonObject:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container()], **spec}}
    running = replicas if ready is None else ready
    return {
        "kind": "Deployment",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "annotations": {"deployment.kubernetes.io/revision": "1"},
        },
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
        "status": {"replicas": replicas, "readyReplicas": running, "availableReplicas": running},
    }


def replica_set(name: str, revision: int = 1, *, made: float = 7 * 86_400, **spec: object) -> JsonObject:
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name}-{revision}",
            "namespace": NAMESPACE,
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "creationTimestamp": at(made),
            "ownerReferences": [{"kind": "Deployment", "name": name}],
        },
        "spec": {"replicas": 1, "template": {"spec": {"containers": [container()], **spec}}},
    }


def pod(name: str, *, ready: bool = True, status: object = None, revision: int = 1, **spec: object) -> JsonObject:
    """A pod of the deployment `name`. `status` is merged into its container's status."""
    given = status if isinstance(status, dict) else {}
    running = {"name": "app", "ready": ready, "restartCount": 0, "state": {"running": {"startedAt": at(3600)}}, **given}
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"{name}-{revision}-x7k2p",
            "namespace": NAMESPACE,
            "labels": {"app": name},
            "creationTimestamp": at(3600),
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{name}-{revision}"}],
        },
        "spec": {"containers": [container()], "nodeName": "n1", **spec},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [running],
        },
    }


def pending(name: str, message: str = "", **spec: object) -> JsonObject:
    """A pod without a node; `message` is the scheduler's."""
    waiting = pod(name, ready=False, **{"nodeName": "", **spec})
    verdict = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    waiting["status"] = {"phase": "Pending", "conditions": [verdict] if message else []}
    return waiting


def service(
    name: str, *, port: int = 80, target: int | str = 8080, selector: object = None, **fields: object
) -> JsonObject:
    return {
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "selector": selector or {"app": name},
            "clusterIP": f"10.0.0.{sum(map(ord, name)) % 250}",
            "ports": [{"port": port, "targetPort": target, **fields}],
        },
    }


def endpoints(name: str, ready: int = 1) -> JsonObject:
    return {
        "kind": "Endpoints",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "subsets": [{"addresses": [{"ip": f"10.1.0.{index}"} for index in range(ready)]}],
    }


def node(
    name: str, *, labels: object = None, taints: object = (), unschedulable: bool = False, **ready: str
) -> JsonObject:
    condition = {"type": "Ready", "status": "True", **ready}
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": list(taints), "unschedulable": unschedulable},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi"}, "conditions": [condition]},
    }


def event(kind: str, name: str, reason: str, message: str, ago: float = 30) -> JsonObject:
    return {
        "kind": "Event",
        "metadata": {"name": f"{name}.{reason}", "namespace": NAMESPACE},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": kind, "name": name, "namespace": NAMESPACE},
        "lastTimestamp": at(ago),
    }


def well(*names: str) -> tuple[JsonObject, ...]:
    """Healthy deployments, each with a revision, a pod, a Service and an endpoint; and two nodes."""
    found: list[JsonObject] = [node("n1"), node("n2")]
    for name in names:
        found += [deployment(name), replica_set(name), pod(name), service(name), endpoints(name)]
    return tuple(found)


def situation(*items: JsonObject, **fields: object) -> Situation:
    base = Situation(now=NOW, namespace=NAMESPACE, cluster=Cluster(items), objects=OBJECTS, events=EVENTS)
    return replace(base, **fields)


def log(name: str, *lines: str, previous: bool = False) -> dict[LogKey, Log]:
    key = LogKey(NAMESPACE, f"{name}-1-x7k2p", "app", previous)
    return {key: Log(Look("log", "kubernetes", f"log {name} {previous}", "d3", NOW), "\n".join(lines))}


def manifest(text: str) -> Manifest:
    return Manifest(Look("application", "argocd", "manifests", "d4", NOW), text)


def series(subject: str, values: list[float], *, step: float = 5, label: str = "service", **labels: str) -> Series:
    start = NOW.timestamp() - step * (len(values) - 1)
    points = tuple((start + step * index, value) for index, value in enumerate(values))
    return Series(labels={label: subject, **labels}, points=points)


def signals(**given: list[Series]) -> dict[str, Signal]:
    return {name: Signal(METRICS, tuple(found)) for name, found in given.items()}


def step(before: float, after: float, *, long: int = 30, since: int = 15) -> list[float]:
    """A signal that changes at once, `since` points before the end."""
    return [before] * (long - since) + [after] * since


def calls(*pairs: str) -> list[Series]:
    """`a>b`: a calls b."""
    named = (pair.split(">") for pair in pairs)
    return [Series(labels={"client": client, "server": server}, points=((0.0, 1.0),)) for client, server in named]
