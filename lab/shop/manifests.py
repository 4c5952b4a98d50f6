"""The manifests of a service: what its repository holds at one revision."""

import hashlib
import json
from dataclasses import dataclass, field

from pydantic import JsonValue

from lab.shop.cluster.objects import Manifest, section
from lab.shop.topology import BACKING_VARIABLE, NAMESPACE, Service, address_variable

REGISTRY = "registry.shop.example/shop"
TRACKING_ID = "argocd.argoproj.io/tracking-id"
INSTANCE = "app.kubernetes.io/instance"


@dataclass(frozen=True)
class Release:
    """One released state of a service: the image, and what its environment and ConfigMap add or override.

    `secret` names the Secret with its credentials, empty for none.
    """

    service: Service
    image: str
    cause: str
    env: dict[str, str] = field(default_factory=dict[str, str])
    config: dict[str, str] = field(default_factory=dict[str, str])
    secret: str = ""
    node_selector: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def version(self) -> str:
        """The image's tag."""
        return self.image.rpartition(":")[2]


def image_of(service: str, tag: str) -> str:
    """The image reference of a service's version."""
    return f"{REGISTRY}/{service}:{tag}"


def service_address(name: str, port: int, namespace: str = NAMESPACE) -> str:
    """The address under which a Service is found inside the cluster."""
    return f"{name}.{namespace}.svc.cluster.local:{port}"


def manifests_of(release: Release, addresses: dict[str, str], namespace: str = NAMESPACE) -> list[Manifest]:
    """ConfigMap, ServiceAccount, Service and workload; `addresses` are those of all services, by name."""
    service = release.service
    config: Manifest = {"REQUEST_TIMEOUT": "2s", "LOG_LEVEL": "info", "OTEL_SERVICE_NAME": service.name}
    config |= release.config
    found: list[Manifest] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(service, "config"), "data": config},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(service)},
        _service(service),
        _workload(release, config, addresses),
    ]
    return [_placed(manifest, namespace) for manifest in found]


def _placed(manifest: Manifest, namespace: str) -> Manifest:
    return {**manifest, "metadata": {**section(manifest, "metadata"), "namespace": namespace}}


def _metadata(service: Service, suffix: str = "") -> Manifest:
    name = f"{service.name}-{suffix}" if suffix else service.name
    return {"name": name, "namespace": NAMESPACE, "labels": {**_labels(service)}}


def _labels(service: Service) -> dict[str, str]:
    return {"app.kubernetes.io/name": service.name, "app.kubernetes.io/part-of": "shop"}


def tracked(service: Service, manifest: Manifest) -> Manifest:
    """Argo CD marks what it tracks with a label and an annotation; what it does not track has neither."""
    metadata = manifest["metadata"]
    if not service.tracked or not isinstance(metadata, dict):
        return manifest
    app, (group, _, _) = application_name(service.name), str(manifest["apiVersion"]).rpartition("/")
    tracking = f"{app}:{group}/{manifest['kind']}:{NAMESPACE}/{metadata['name']}"
    labels: Manifest = {**_labels(service), INSTANCE: app}
    return {**manifest, "metadata": {**metadata, "labels": labels, "annotations": {TRACKING_ID: tracking}}}


def application_name(service: str) -> str:
    """The Argo CD application that deploys a service."""
    return f"shop-{service}"


def _service(service: Service) -> Manifest:
    port: Manifest = {"name": "http" if service.port == 8080 else "redis", "port": service.port}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(service),
        "spec": {
            "type": "ClusterIP",
            "selector": {"app.kubernetes.io/name": service.name},
            "ports": [{**port, "targetPort": port["name"], "protocol": "TCP"}],
        },
    }


def _workload(release: Release, config: Manifest, addresses: dict[str, str]) -> Manifest:
    service = release.service
    checksum = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    labels: Manifest = {**_labels(service), "app.kubernetes.io/version": release.version}
    pod: Manifest = {
        "serviceAccountName": service.name,
        "containers": [_container(release, addresses)],
        "terminationGracePeriodSeconds": 30,
    }
    if release.node_selector:
        pod["nodeSelector"] = {**release.node_selector}
    spec: Manifest = {
        "replicas": service.replicas,
        "selector": {"matchLabels": {"app.kubernetes.io/name": service.name}},
        "template": {"metadata": {"labels": labels, "annotations": {"checksum/config": checksum}}, "spec": pod},
    }
    manifest: Manifest = {"apiVersion": "apps/v1", "kind": service.kind, "metadata": _metadata(service)}
    return {**manifest, "spec": {**spec, **_rollout(service)}}


def _rollout(service: Service) -> Manifest:
    if service.kind == "StatefulSet":
        return {"serviceName": service.name, "updateStrategy": {"type": "RollingUpdate"}}
    bounds: Manifest = {"maxSurge": 0 if service.max_unavailable else 1, "maxUnavailable": service.max_unavailable}
    rolling: Manifest = {"type": "RollingUpdate", "rollingUpdate": bounds}
    return {"strategy": rolling, "revisionHistoryLimit": 5, "progressDeadlineSeconds": 30}


def _container(release: Release, addresses: dict[str, str]) -> Manifest:
    service = release.service
    env = {address_variable(name): addresses[name] for name in service.dependencies}
    env |= {BACKING_VARIABLE: service.backing.address} | release.env
    variables: list[JsonValue] = [{"name": name, "value": value} for name, value in env.items()]
    sources: list[JsonValue] = [{"configMapRef": {"name": f"{service.name}-config"}}]
    if release.secret:
        sources.append({"secretRef": {"name": release.secret}})
    name = "http" if service.port == 8080 else "redis"
    return {
        "name": service.name,
        "image": release.image,
        "ports": [{"name": name, "containerPort": service.port, "protocol": "TCP"}],
        "env": variables,
        "envFrom": sources,
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": service.cpu, "memory": service.memory},
        },
        **_probes(service),
    }


def _probes(service: Service) -> Manifest:
    if service.port != 8080:
        ping: Manifest = {"exec": {"command": ["redis-cli", "ping"]}, "periodSeconds": 2}
        return {"readinessProbe": ping}
    get: Manifest = {"path": "/healthz", "port": "http"}
    return {
        "readinessProbe": {"httpGet": get, "initialDelaySeconds": 1, "periodSeconds": 2},
        "livenessProbe": {"httpGet": get, "initialDelaySeconds": 5, "periodSeconds": 5, "failureThreshold": 3},
    }
