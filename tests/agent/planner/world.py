"""A small shop behind the readers' own methods: checkout was released with an image that does not exist."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from agent.analysis import Sources
from agent.investigation import Brief
from domain.alerts import Alert
from domain.errors import NotFound, UpstreamUnavailable
from domain.inventory import ApplicationEntry, Deployed, RolloutRevision, WorkloadEntry
from domain.learning import KnowledgeQuery, Match
from domain.model import sha256
from domain.objects import ObjectRef, WorkloadRef
from domain.plans import ApplicationPrecondition, WorkloadPrecondition
from domain.signals import SignalCatalogue
from knowledge.library import Knowledge, Lookup
from tools.alertmanager.models import ActiveAlert
from tools.alertmanager.read import AlertmanagerReader
from tools.argocd.models import ApplicationState, ResourceDiff
from tools.argocd.read import ArgoReader
from tools.artifacts import Artifacts, MemoryArtifacts
from tools.documents import JsonObject
from tools.kubernetes.models import Event, ObjectList, WorkloadState
from tools.kubernetes.read import KubernetesReader
from tools.prometheus.models import Rule, RuleAlert, Sample, Series
from tools.prometheus.read import PrometheusReader
from tools.reading import Reading
from tools.tempo.models import TraceHit, TraceSummary
from tools.tempo.read import TempoReader

AT = datetime(2026, 3, 4, 10, 40, tzinfo=UTC)
RELEASED = AT - timedelta(minutes=20)
NAMES = ("checkout", "payment-service", "catalog", "web")
CHECKOUT = WorkloadRef(namespace="shop", name="checkout")
GOOD, BAD = "registry.example/checkout:1.4.0", "registry.example/checkout:1.5.0"
PULL_ERROR = 'failed to resolve reference "registry.example/checkout:1.5.0": registry.example/checkout:1.5.0: not found'
SIGNALS = SignalCatalogue(
    signals={
        "request_rate": 'request_rate{namespace=~"$namespace",service=~"$service"}',
        "error_ratio": 'error_ratio{namespace=~"$namespace",service=~"$service"}',
        "latency_p95": 'latency_p95{namespace=~"$namespace",service=~"$service"}',
        "dependencies": 'dependencies{namespace=~"$namespace",service=~"$service"}',
    }
)


def reading(value: object, query: str, text: str = "raw") -> Reading[object]:
    return Reading(value, query, sha256(f"{query} {text}".encode()), AT)


@dataclass
class World:
    """The state behind all readers.

    `down` names systems that refuse connections, `delay` is how long each answer takes in seconds, `logs` is what
    checkout writes.
    """

    broken: bool = True
    down: set[str] = field(default_factory=set[str])
    delay: float = 0.0
    logs: str = "2026-03-04T10:39:00Z starting\n2026-03-04T10:39:01Z error: cannot reach payment-service"
    message: str = PULL_ERROR
    alerts: list[str] = field(default_factory=lambda: ["CheckoutErrors"])
    matches: tuple[Match, ...] = ()
    asked: list[str] = field(default_factory=list[str])
    artifacts: Artifacts = field(default_factory=MemoryArtifacts)

    async def check(self, system: str, query: str) -> None:
        self.asked.append(query)
        await asyncio.sleep(self.delay)
        if system in self.down:
            raise UpstreamUnavailable(system, "connection refused")

    @property
    def sources(self) -> Sources:
        return Sources(
            signals=SIGNALS,
            artifacts=self.artifacts,
            kubernetes=cast("KubernetesReader", FakeKubernetes(self)),
            prometheus=cast("PrometheusReader", FakePrometheus(self)),
            alertmanager=cast("AlertmanagerReader", FakeAlertmanager(self)),
            tempo=cast("TempoReader", FakeTempo(self)),
            argocd=cast("ArgoReader", FakeArgo(self)),
        )

    @property
    def knowledge(self) -> Knowledge:
        return cast("Knowledge", FakeKnowledge(self))


class FakeKubernetes:
    """Deployments with their ReplicaSets and pods; the newest checkout pod cannot pull its image."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def objects(self, namespace: str | None) -> Reading[object]:
        await self._world.check("kubernetes", "objects")
        items = tuple(item for name in NAMES for item in objects_of(name, self._world))
        return reading(ObjectList(items if namespace in {None, "shop"} else ()), f"objects of {namespace}")

    async def logs(self, namespace: str, pod: str, container: str | None = None, **options: object) -> Reading[object]:
        await self._world.check("kubernetes", f"logs {pod}")
        return reading(self._world.logs, f"logs of {namespace}/{pod}", self._world.logs)

    async def events(self, namespace: str, involved: ObjectRef | None = None) -> Reading[object]:
        await self._world.check("kubernetes", "events")
        pod = ObjectRef(kind="pod", name="checkout-2-a", namespace="shop")
        event = Event(
            involved=pod,
            type="Warning",
            reason="Failed",
            message=self._world.message,
            count=9,
            first_seen=RELEASED,
            last_seen=AT - timedelta(minutes=1),
        )
        return reading((event,) if self._world.broken else (), f"events {involved}")

    async def rollout_history(self, ref: WorkloadRef) -> Reading[object]:
        await self._world.check("kubernetes", f"history {ref}")
        return reading(_revisions(ref.name), f"history of {ref}")

    async def workload(self, ref: WorkloadRef) -> Reading[object]:
        await self._world.check("kubernetes", f"workload {ref}")
        if ref.name not in NAMES:
            raise NotFound(f"{ref} does not exist")
        short = self._world.broken and ref.name == "checkout"
        entry = WorkloadEntry(
            ref=ref, replicas=2, ready=1 if short else 2, revisions=_revisions(ref.name), current_revision=2
        )
        state = WorkloadState(
            entry=entry,
            precondition=WorkloadPrecondition(uid="u", generation=2, replicas=2, revision=2, images=(BAD,)),
            available=entry.ready,
            updated=1,
            observed_generation=2,
            rolled_out=not short,
            message="1 old replicas are pending termination" if short else "",
        )
        return reading(state, f"workload {ref}")


def _revisions(name: str) -> tuple[RolloutRevision, ...]:
    first = RolloutRevision(number=1, images=(GOOD,), created_at=RELEASED - timedelta(days=2))
    return (first, RolloutRevision(number=2, images=(BAD,), created_at=RELEASED)) if name == "checkout" else (first,)


def objects_of(name: str, world: World) -> Sequence[JsonObject]:
    """One Deployment with everything below it, as `kubectl get -o json` gives it."""
    releases = 2 if name == "checkout" else 1
    sick = name == "checkout" and world.broken
    deployment = _object("apps/v1", "Deployment", name, created=RELEASED - timedelta(days=2))
    deployment["metadata"]["annotations"] = {  # type: ignore[index]
        "deployment.kubernetes.io/revision": str(releases),
        "argocd.argoproj.io/tracking-id": f"{name}:apps/Deployment:shop/{name}",
    }
    deployment["spec"] = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": _template(name, BAD)}
    ready = 1 if sick else 2
    deployment["status"] = {
        "replicas": 2,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "updatedReplicas": 1 if sick else 2,
        "observedGeneration": 2,
    }
    sets = [_replica_set(name, number, releases) for number in range(1, releases + 1)]
    pods = [_pod(name, releases if not sick else 1, "b"), _pod(name, releases, "a", sick=world.message if sick else "")]
    service = _object("v1", "Service", name)
    service["spec"] = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP"}]}
    events = [_event(world.message)] if sick else []
    return [deployment, *sets, *pods, service, *events]


def _object(version: str, kind: str, name: str, *, created: datetime = RELEASED) -> JsonObject:
    metadata: JsonObject = {
        "name": name,
        "namespace": "shop",
        "uid": f"{kind}-{name}",
        "creationTimestamp": created.isoformat(),
        "labels": {"app": name.split("-1", maxsplit=1)[0].split("-2", maxsplit=1)[0]},
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _template(name: str, image: str) -> JsonObject:
    containers = [{"name": "app", "image": image, "ports": [{"containerPort": 8080}]}]
    return {"metadata": {"labels": {"app": name}}, "spec": {"containers": cast("list[object]", containers)}}  # type: ignore[dict-item]


def _replica_set(name: str, number: int, newest: int) -> JsonObject:
    created = RELEASED if number == 2 else RELEASED - timedelta(days=2)
    item = _object("apps/v1", "ReplicaSet", f"{name}-{number}", created=created)
    item["metadata"] |= {  # type: ignore[operator]
        "annotations": {"deployment.kubernetes.io/revision": str(number)},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": f"Deployment-{name}"}],
    }
    image = BAD if name == "checkout" and number == 2 else GOOD
    item["spec"] = {"replicas": 1 if newest > 1 else 2, "template": _template(name, image)}
    item["status"] = {"replicas": 1, "readyReplicas": 1 if number < newest or newest == 1 else 0}
    return item


def _pod(name: str, number: int, suffix: str, *, sick: str = "") -> JsonObject:
    pod = _object("v1", "Pod", f"{name}-{number}-{suffix}")
    pod["metadata"] |= {  # type: ignore[operator]
        "labels": {"app": name, "pod-template-hash": str(number)},
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": f"{name}-{number}",
                "uid": f"ReplicaSet-{name}-{number}",
            }
        ],
    }
    image = BAD if sick else GOOD
    pod["spec"] = {"nodeName": "node-1", "containers": [{"name": "app", "image": image}]}
    waiting: JsonObject = {"waiting": {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{BAD}"'}}
    running: JsonObject = {"running": {"startedAt": RELEASED.isoformat()}}
    pod["status"] = {
        "phase": "Pending" if sick else "Running",
        "conditions": [{"type": "Ready", "status": "False" if sick else "True"}],
        "containerStatuses": [
            {"name": "app", "image": image, "ready": not sick, "restartCount": 0, "state": waiting if sick else running}
        ],
    }
    return pod


def _event(message: str) -> JsonObject:
    event = _object("v1", "Event", "checkout-2-a.1")
    return event | {
        "involvedObject": {"kind": "Pod", "name": "checkout-2-a", "namespace": "shop"},
        "type": "Warning",
        "reason": "Failed",
        "message": message,
        "count": 9,
        "firstTimestamp": RELEASED.isoformat(),
        "lastTimestamp": (AT - timedelta(minutes=1)).isoformat(),
    }


class FakePrometheus:
    """Signals of checkout that rise after the release, and steady ones of the others."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def instant(self, query: str, at: datetime | None = None) -> Reading[object]:
        await self._world.check("prometheus", query)
        return reading((Sample(labels={"service": "checkout"}, value=3.0, at=AT),), query)

    async def range(self, query: str, start: datetime, end: datetime, *_: object) -> Reading[object]:
        await self._world.check("prometheus", query)
        if query.startswith("dependencies"):
            pairs = (("web", "checkout"), ("checkout", "payment-service"))
            return reading(
                tuple(Series(labels={"client": c, "server": s}, points=((end.timestamp(), 2.0),)) for c, s in pairs),
                query,
            )
        names = [name for name in NAMES if f'service=~"{name}"' in query or 'service=~".*"' in query]
        return reading(tuple(self._series(query, name, start, end) for name in names), query)

    def _series(self, query: str, name: str, start: datetime, end: datetime) -> Series:
        bad = self._world.broken and name == "checkout"
        before, after = {"error_ratio": (0.001, 0.41), "latency_p95": (0.08, 0.9)}.get(
            query.partition("{")[0], (20, 20)
        )
        moments = (start + timedelta(seconds=30 * i) for i in range(int((end - start).total_seconds() // 30) + 1))
        points = tuple((m.timestamp(), float(after if bad and m > RELEASED else before)) for m in moments)
        return Series(labels={"service": name}, points=points)

    async def rules(self) -> Reading[object]:
        await self._world.check("prometheus", "rules")
        rule = Rule(group="shop", name="CheckoutErrors", kind="alerting", query="error_ratio > 0.05", state="firing")
        return reading((rule,), "rules")

    async def alerts(self) -> Reading[object]:
        await self._world.check("prometheus", "alerts")
        alert = RuleAlert(
            labels={"alertname": "CheckoutErrors", "namespace": "shop"}, annotations={}, state="firing", active_at=AT
        )
        return reading((alert,), "alerts")


class FakeAlertmanager:
    """The alerts that fire."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def alerts(self, filter: tuple[str, ...] = ()) -> Reading[object]:  # noqa: A002 - the reader's own name
        await self._world.check("alertmanager", "alerts")
        return reading(
            tuple(
                ActiveAlert(
                    fingerprint=name,
                    labels={"alertname": name, "namespace": "shop", "service": "checkout", "severity": "critical"},
                    annotations={},
                    state="active",
                    starts_at=AT - timedelta(minutes=15),
                )
                for name in self._world.alerts
            ),
            "alerts",
        )


class FakeArgo:
    """The application of checkout, deployed twice."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def application(self, name: str) -> Reading[object]:
        await self._world.check("argocd", f"application {name}")
        if name != "checkout":
            raise NotFound(f"no application {name}")
        return reading(_application(), f"application {name}")

    async def applications(self, namespace: str | None = None) -> Reading[object]:
        await self._world.check("argocd", "applications")
        return reading((_application(),), "applications")

    async def diff(self, name: str) -> Reading[object]:
        await self._world.check("argocd", f"diff {name}")
        return reading((ResourceDiff(kind="Deployment", namespace="shop", name=name, diff=""),), f"diff {name}")

    async def manifests(self, name: str, revision: str | None = None) -> Reading[object]:
        await self._world.check("argocd", f"manifests {name}")
        return reading((), f"manifests {name}")


def _application() -> ApplicationState:
    history = (
        Deployed(history_id=1, revision="aaa1111", deployed_at=RELEASED - timedelta(days=2)),
        Deployed(history_id=2, revision="bbb2222", deployed_at=RELEASED),
    )
    entry = ApplicationEntry(
        name="checkout",
        namespace="shop",
        sync_status="Synced",
        health="Degraded",
        target_revision="main",
        history=history,
    )
    precondition = ApplicationPrecondition(
        uid="a", deployed_revision="bbb2222", last_history_id=2, target_revision="main", auto_sync=False
    )
    return ApplicationState(
        entry=entry,
        precondition=precondition,
        operation_phase="Succeeded",
        operation_message="",
        images=(BAD,),
        resources=(),
        destination_namespace="shop",
        conditions=(),
    )


class FakeTempo:
    """No traces."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def search(self, traceql: str, start: datetime, end: datetime, limit: int = 20) -> Reading[object]:
        await self._world.check("tempo", traceql)
        hits: tuple[TraceHit, ...] = ()
        return reading(hits, traceql)

    async def trace(self, trace_id: str) -> Reading[TraceSummary]:
        await self._world.check("tempo", trace_id)
        raise NotFound(f"no trace {trace_id}")


class FakeKnowledge:
    """Finds what the world was given."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def lookup(self, query: KnowledgeQuery) -> Lookup:
        await self._world.check("knowledge", query.text)
        return Lookup(matches=self._world.matches)


def alert(name: str = "CheckoutErrors", **annotations: str) -> Alert:
    return Alert.model_validate(
        {
            "status": "firing",
            "labels": {"alertname": name, "namespace": "shop", "service": "checkout", "severity": "critical"},
            "annotations": annotations or {"summary": "checkout answers with errors"},
            "startsAt": (AT - timedelta(minutes=15)).isoformat(),
        }
    )


def brief(*alerts: Alert) -> Brief:
    return Brief(
        incident_id="inc-1",
        title="CheckoutErrors on checkout",
        namespace="shop",
        service="checkout",
        alerts=alerts or (alert(),),
        at=AT,
    )
