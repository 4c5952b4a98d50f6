"""The endpoints controllers: which ready pods stand behind each Service."""

from dataclasses import dataclass

from pydantic import JsonValue

from lab.shop.cluster.events import reference
from lab.shop.cluster.kinds import ENDPOINT_SLICE, ENDPOINTS, POD, SERVICE, Kind
from lab.shop.cluster.objects import Manifest, StoredObject, owner_reference, text
from lab.shop.cluster.replica_sets import is_ready
from lab.shop.cluster.store import ObjectStore
from lab.shop.cluster.views import LabelSelector, PodSpec, ServicePort, ServiceSpec


@dataclass(frozen=True)
class _Backend:
    pod: StoredObject
    ready: bool


class EndpointsController:
    """Keeps the Endpoints and the EndpointSlice of every Service with a selector."""

    def __init__(self, store: ObjectStore):
        self._store = store

    def step(self) -> None:
        """Write what has changed."""
        for service in self._store.objects(SERVICE):
            spec = service.spec_as(ServiceSpec)
            if spec.selector:
                self._sync(service, spec)

    def _sync(self, service: StoredObject, spec: ServiceSpec) -> None:
        backends = self._backends(service, spec)
        self._write(ENDPOINTS, service, service.name, {"subsets": _subsets(spec, backends)})
        slice_fields: Manifest = {
            "addressType": "IPv4",
            "endpoints": [_endpoint(backend) for backend in backends],
            "ports": _ports(spec, [backend.pod for backend in backends]),
        }
        self._write(ENDPOINT_SLICE, service, f"{service.name}-{service.uid[:5]}", slice_fields)

    def _backends(self, service: StoredObject, spec: ServiceSpec) -> list[_Backend]:
        selector = LabelSelector.model_validate({"matchLabels": spec.selector})
        pods = [
            pod
            for pod in self._store.objects(POD, service.namespace)
            if text(pod.status, "podIP") and not pod.deleting and selector.matches(pod.labels)
        ]
        return [_Backend(pod, is_ready(pod)) for pod in pods]

    def _write(self, kind: Kind, service: StoredObject, name: str, fields: Manifest) -> None:
        found = self._store.find(kind, name, service.namespace)
        if found:
            self._store.set_fields(found, fields)
            return
        metadata: Manifest = {"name": name, "namespace": service.namespace, "labels": {**service.labels}}
        metadata["ownerReferences"] = [owner_reference(service)]
        if kind is ENDPOINT_SLICE:
            metadata["labels"] = {**service.labels, "kubernetes.io/service-name": service.name}
        self._store.create(kind, {"metadata": metadata, **fields})


def _subsets(spec: ServiceSpec, backends: list[_Backend]) -> JsonValue:
    if not backends:
        return []
    subset: Manifest = {}
    ready: list[JsonValue] = [_address(backend.pod) for backend in backends if backend.ready]
    if ready:
        subset["addresses"] = ready
    unready: list[JsonValue] = [_address(backend.pod) for backend in backends if not backend.ready]
    if unready:
        subset["notReadyAddresses"] = unready
    return [{**subset, "ports": _ports(spec, [backend.pod for backend in backends])}]


def _ports(spec: ServiceSpec, pods: list[StoredObject]) -> list[JsonValue]:
    ports: list[JsonValue] = []
    for port in spec.ports:
        number = next((found for pod in pods if (found := _target(port, pod)) is not None), None)
        if number is not None:
            ports.append({"name": port.name, "port": number, "protocol": "TCP"})
    return ports


def _target(port: ServicePort, pod: StoredObject) -> int | None:
    target = port.target_port if port.target_port is not None else port.port
    containers = pod.spec_as(PodSpec).containers
    return next((found for container in containers if (found := container.port(target)) is not None), None)


def _address(pod: StoredObject) -> Manifest:
    where: Manifest = {"ip": text(pod.status, "podIP"), "nodeName": text(pod.spec, "nodeName")}
    return {**where, "targetRef": _target_reference(pod)}


def _target_reference(pod: StoredObject) -> Manifest:
    return {key: value for key, value in reference(pod).items() if key in {"kind", "namespace", "name", "uid"}}


def _endpoint(backend: _Backend) -> Manifest:
    return {
        "addresses": [text(backend.pod.status, "podIP")],
        "conditions": {"ready": backend.ready, "serving": backend.ready, "terminating": False},
        "nodeName": text(backend.pod.spec, "nodeName"),
        "targetRef": _target_reference(backend.pod),
    }
