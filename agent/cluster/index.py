"""All objects of one read, parsed by kind when first asked for, with the joins that diagnosis makes over and over."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from pydantic import ValidationError

from agent.cluster.batch import CronJob, Job
from agent.cluster.certificates import Certificate
from agent.cluster.ingress import HTTPRoute, Ingress, VirtualService
from agent.cluster.nodes import Node, PersistentVolume, PersistentVolumeClaim, StorageClass
from agent.cluster.objects import (
    ConfigMap,
    Endpoints,
    EndpointSlice,
    Event,
    HorizontalPodAutoscaler,
    KubernetesObject,
    Lease,
    NetworkPolicy,
    ResourceQuota,
    Secret,
    Service,
    ServiceAccount,
)
from agent.cluster.pods import Pod
from agent.cluster.selection import contains
from agent.cluster.workloads import Workload
from tools.documents import JsonObject

T = TypeVar("T", bound=KubernetesObject)

WORKLOAD_KINDS = ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True)
class Cluster:
    """Kubernetes objects as `kubectl get -o json` gives them, of any kinds and namespaces."""

    items: tuple[JsonObject, ...] = ()

    @cached_property
    def _by_kind(self) -> dict[str, list[JsonObject]]:
        kinds: dict[str, list[JsonObject]] = {}
        for item in self.items:
            kinds.setdefault(str(item.get("kind", "")), []).append(item)
        return kinds

    def _parse(self, model: type[T], *kinds: str) -> tuple[T, ...]:
        """Objects of those kinds; one that does not parse is left out, the others still count."""
        found: list[T] = []
        for kind in kinds or (model.__name__,):
            for item in self._by_kind.get(kind, ()):
                try:
                    found.append(model.model_validate(item))
                except ValidationError:
                    continue
        return tuple(found)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Kinds of which at least one object was read."""
        return frozenset(self._by_kind)

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """Pods that still say something of the present."""
        return tuple(pod for pod in self._parse(Pod) if not pod.over)

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """Deployments, StatefulSets and DaemonSets."""
        return self._parse(Workload, *WORKLOAD_KINDS)

    @cached_property
    def replica_sets(self) -> tuple[Workload, ...]:
        """ReplicaSets: a Deployment's revisions."""
        return self._parse(Workload, "ReplicaSet")

    @cached_property
    def services(self) -> tuple[Service, ...]:
        """Services."""
        return self._parse(Service)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Nodes."""
        return self._parse(Node)

    @cached_property
    def leases(self) -> tuple[Lease, ...]:
        """Node leases."""
        return tuple(lease for lease in self._parse(Lease) if lease.namespace == "kube-node-lease")

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Events, oldest first."""
        return tuple(sorted(self._parse(Event), key=lambda event: event.at.timestamp() if event.at else 0.0))

    @cached_property
    def config_maps(self) -> tuple[ConfigMap, ...]:
        """ConfigMaps."""
        return self._parse(ConfigMap)

    @cached_property
    def secrets(self) -> tuple[Secret, ...]:
        """Secrets, names and keys."""
        return self._parse(Secret)

    @cached_property
    def service_accounts(self) -> tuple[ServiceAccount, ...]:
        """Service accounts."""
        return self._parse(ServiceAccount)

    @cached_property
    def quotas(self) -> tuple[ResourceQuota, ...]:
        """Resource quotas."""
        return self._parse(ResourceQuota)

    @cached_property
    def claims(self) -> tuple[PersistentVolumeClaim, ...]:
        """Persistent volume claims."""
        return self._parse(PersistentVolumeClaim)

    @cached_property
    def volumes(self) -> tuple[PersistentVolume, ...]:
        """Persistent volumes."""
        return self._parse(PersistentVolume)

    @cached_property
    def storage_classes(self) -> tuple[StorageClass, ...]:
        """Storage classes."""
        return self._parse(StorageClass)

    @cached_property
    def autoscalers(self) -> tuple[HorizontalPodAutoscaler, ...]:
        """Horizontal pod autoscalers."""
        return self._parse(HorizontalPodAutoscaler)

    @cached_property
    def network_policies(self) -> tuple[NetworkPolicy, ...]:
        """Network policies."""
        return self._parse(NetworkPolicy)

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """Jobs."""
        return self._parse(Job)

    @cached_property
    def cron_jobs(self) -> tuple[CronJob, ...]:
        """CronJobs."""
        return self._parse(CronJob)

    @cached_property
    def certificates(self) -> tuple[Certificate, ...]:
        """cert-manager's certificates."""
        return self._parse(Certificate)

    @cached_property
    def ingresses(self) -> tuple[Ingress, ...]:
        """Ingresses."""
        return self._parse(Ingress)

    @cached_property
    def virtual_services(self) -> tuple[VirtualService, ...]:
        """Istio's routes."""
        return self._parse(VirtualService)

    @cached_property
    def http_routes(self) -> tuple[HTTPRoute, ...]:
        """Routes of the Gateway API."""
        return self._parse(HTTPRoute)

    @cached_property
    def _ready_addresses(self) -> dict[tuple[str, str], int]:
        counts: dict[tuple[str, str], int] = {}
        for item in self._parse(Endpoints):
            counts[item.namespace, item.name] = item.ready
        for item in self._parse(EndpointSlice):
            key = (item.namespace, item.service)
            counts[key] = max(counts.get(key, 0), item.ready)
        return counts

    def ready_addresses(self, service: Service) -> int | None:
        """How many addresses get the Service's traffic; None if its endpoints were not read."""
        return self._ready_addresses.get((service.namespace, service.name))

    @cached_property
    def _pods_by_owner(self) -> dict[tuple[str, str], list[Pod]]:
        return _by_owner(self.pods)

    @cached_property
    def _replica_sets_by_owner(self) -> dict[tuple[str, str], list[Workload]]:
        return _by_owner(self.replica_sets)

    def revisions_of(self, workload: Workload) -> tuple[Workload, ...]:
        """A Deployment's ReplicaSets, oldest revision first."""
        named = self._replica_sets_by_owner.get((workload.namespace, workload.name), [])
        return tuple(sorted((item for item in named if item.is_of(workload)), key=lambda item: item.revision or 0))

    def pods_of(self, workload: Workload) -> tuple[Pod, ...]:
        """The workload's own pods, through its ReplicaSets where it has them."""
        return tuple(
            pod
            for owner in (workload, *self.revisions_of(workload))
            for pod in self._pods_by_owner.get((owner.namespace, owner.name), ())
            if pod.is_of(owner)
        )

    @cached_property
    def _workload_of_pod(self) -> dict[tuple[str, str], Workload]:
        return {(pod.namespace, pod.name): item for item in self.workloads for pod in self.pods_of(item)}

    def workload_of(self, pod: Pod) -> Workload | None:
        """The workload that owns the pod."""
        return self._workload_of_pod.get((pod.namespace, pod.name))

    def workload(self, namespace: str, name: str) -> Workload | None:
        """The workload of that name, whatever its kind."""
        return next((item for item in self.workloads if item.name == name and item.namespace == namespace), None)

    def service(self, namespace: str, name: str) -> Service | None:
        """The Service of that name."""
        return next((item for item in self.services if item.name == name and item.namespace == namespace), None)

    def node(self, name: str) -> Node | None:
        """The node of that name."""
        return next((item for item in self.nodes if item.name == name), None)

    def backends(self, service: Service) -> tuple[Workload, ...]:
        """Workloads whose pods the Service selects: by their template, else by labels that pods got later (a role)."""
        if not service.spec.selector:
            return ()
        by_template = tuple(
            item
            for item in self.workloads
            if item.namespace == service.namespace
            and contains(item.spec.template.metadata.labels, service.spec.selector)
        )
        return by_template or self._owners_of_selected(service)

    def _owners_of_selected(self, service: Service) -> tuple[Workload, ...]:
        selected = (
            pod
            for pod in self.pods
            if pod.namespace == service.namespace and contains(pod.metadata.labels, service.spec.selector)
        )
        owners = {owner.name: owner for pod in selected if (owner := self.workload_of(pod)) is not None}
        return tuple(owners.values())

    def events_of(self, *objects: KubernetesObject) -> tuple[Event, ...]:
        """Events about any of the objects, oldest first."""
        wanted = dict.fromkeys((item.kind, item.name) for item in objects)
        places = sorted(place for key in wanted for place in self._event_places.get(key, ()))
        return tuple(self.events[place] for place in places)

    @cached_property
    def _event_places(self) -> dict[tuple[str, str], list[int]]:
        """Where the events about an object, by kind and name, stand in `events`."""
        places: dict[tuple[str, str], list[int]] = {}
        for place, event in enumerate(self.events):
            places.setdefault((event.involved_object.kind, event.involved_object.name), []).append(place)
        return places


def names(objects: Iterable[KubernetesObject], namespace: str) -> frozenset[str]:
    """Names of those in `namespace`."""
    return frozenset(item.name for item in objects if item.namespace == namespace)


def _by_owner(items: Iterable[T]) -> dict[tuple[str, str], list[T]]:
    """By namespace and name of an owner, of whatever kind."""
    owned: dict[tuple[str, str], list[T]] = {}
    for item in items:
        for owner in item.metadata.owner_references:
            owned.setdefault((item.namespace, owner.name), []).append(item)
    return owned
