"""What the site's repositories hold, and what stands in the cluster without one."""

import base64
from collections.abc import Sequence

from pydantic import JsonValue

from lab.cluster.argocd import application
from lab.shop.cluster.objects import Manifest, section, text
from lab.shop.manifests import Release, image_of, manifests_of
from lab.shop.topology import Service
from lab.site.layout import (
    ADDRESSES,
    AUTOSCALED,
    NAMESPACES,
    SECRETS,
    application_of,
    delivery_of,
    namespace_of,
    secret_of,
)
from lab.site.resource_metrics import GROUP, VERSION

CPU_TARGET = "300m"
"""Cores a pod should use on average; at the usual load an autoscaled service stays at its least replicas."""
METRICS_SERVICE = "resource-metrics"
_SYSTEM = "kube-system"


def release_of(service: Service, tag: str = "", cause: str = "") -> Release:
    """A sound release of a service: its current version unless told otherwise."""
    tag = tag or service.version
    return Release(service, image_of(service.name, tag), cause or f"Release {tag}", secret=secret_of(service))


def site_manifests(release: Release) -> list[Manifest]:
    """The manifests of one release, where the service lives; an autoscaled one leaves its replicas open."""
    service = release.service
    found = manifests_of(release, ADDRESSES, namespace_of(service))
    if service.name not in AUTOSCALED:
        return found
    return [*map(_without_replicas, found), _autoscaler(service)]


def _without_replicas(manifest: Manifest) -> Manifest:
    if manifest["kind"] != "Deployment":
        return manifest
    return {**manifest, "spec": {key: value for key, value in section(manifest, "spec").items() if key != "replicas"}}


def _autoscaler(service: Service) -> Manifest:
    least, most = AUTOSCALED[service.name]
    target: Manifest = {"type": "AverageValue", "averageValue": CPU_TARGET}
    at_once: Manifest = {"stabilizationWindowSeconds": 0, "policies": [_by_pods(4)]}
    metrics: list[JsonValue] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    spec: Manifest = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": service.kind, "name": service.name},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": metrics,
        "behavior": {"scaleUp": at_once, "scaleDown": at_once},
    }
    metadata: Manifest = {"name": service.name, "namespace": namespace_of(service)}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def _by_pods(count: int) -> Manifest:
    return {"type": "Pods", "value": count, "periodSeconds": 5}


def application_manifest(service: Service, repository: str) -> Manifest:
    """The Argo CD Application of a service."""
    delivery = delivery_of(service)
    policy: Manifest = {}
    if delivery in {"automatic", "self-healing"}:
        policy = {"automated": {"selfHeal": delivery == "self-healing", "prune": False}}
    return application(application_of(service) or "", repository, namespace_of(service), syncPolicy=policy)


def foundation(namespaces: Sequence[str] = NAMESPACES) -> list[Manifest]:
    """Namespaces, and the Secrets that somebody puts there by hand."""
    spaces: list[Manifest] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in namespaces
    ]
    return [*spaces, *(secret_manifest(name) for name in SECRETS)]


def secret_manifest(name: str) -> Manifest:
    """A Secret of the site; there is nothing secret in it."""
    placeholder = base64.b64encode(b"not-a-real-secret").decode()
    data: Manifest = {"DATABASE_USER": placeholder, "DATABASE_PASSWORD": placeholder}
    metadata: Manifest = {"name": name, "namespace": SECRETS[name]}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def metrics_service(port: int) -> list[Manifest]:
    """What makes the API server forward resource metrics to a port of this machine."""
    service: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": METRICS_SERVICE, "namespace": _SYSTEM},
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
    }
    spec: Manifest = {
        "group": GROUP,
        "version": VERSION,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": METRICS_SERVICE, "namespace": _SYSTEM, "port": port},
    }
    registration: Manifest = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{VERSION}.{GROUP}"},
        "spec": spec,
    }
    return [service, registration]


def workload_of(manifests: Sequence[Manifest]) -> Manifest:
    """The Deployment or StatefulSet among them."""
    return next(manifest for manifest in manifests if text(manifest, "kind") in {"Deployment", "StatefulSet"})
