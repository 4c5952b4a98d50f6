"""The kinds that are read, and where the API server keeps them."""

import re
from dataclasses import dataclass

from domain.errors import InvalidQuery
from domain.objects import WorkloadKind

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.:]{0,251}[a-z0-9])?")
# Names of some kinds (roles) may hold colons too.


@dataclass(frozen=True)
class Kind:
    """A resource type. `plural` is its name in URLs; of those that are `named_only` only metadata is asked for."""

    kind: str
    api_version: str
    plural: str
    named_only: bool = False

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of the collection (of all namespaces if None), or of one object.

        Raises `InvalidQuery` for what cannot be a Kubernetes name, so that no text leads to another path.
        """
        root = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        scope = f"/namespaces/{_checked(namespace)}" if namespace is not None else ""
        return f"{root}{scope}/{self.plural}" + (f"/{_checked(name)}" if name is not None else "")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or ".." in name:
        raise InvalidQuery(f"{name[:80]!r} is not a Kubernetes name")
    return name


POD = Kind("Pod", "v1", "pods")
EVENT = Kind("Event", "v1", "events")
NAMESPACE = Kind("Namespace", "v1", "namespaces")
DEPLOYMENT = Kind("Deployment", "apps/v1", "deployments")
REPLICA_SET = Kind("ReplicaSet", "apps/v1", "replicasets")
STATEFUL_SET = Kind("StatefulSet", "apps/v1", "statefulsets")
DAEMON_SET = Kind("DaemonSet", "apps/v1", "daemonsets")
CONTROLLER_REVISION = Kind("ControllerRevision", "apps/v1", "controllerrevisions")
AUTOSCALER = Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers")
LEASE = Kind("Lease", "coordination.k8s.io/v1", "leases")

WORKLOADS: dict[WorkloadKind, Kind] = {
    "deployment": DEPLOYMENT,
    "statefulset": STATEFUL_SET,
    "daemonset": DAEMON_SET,
}

NAMESPACED = (
    POD,
    DEPLOYMENT,
    REPLICA_SET,
    STATEFUL_SET,
    DAEMON_SET,
    Kind("Service", "v1", "services"),
    Kind("Endpoints", "v1", "endpoints"),
    Kind("EndpointSlice", "discovery.k8s.io/v1", "endpointslices"),
    EVENT,
    Kind("ConfigMap", "v1", "configmaps"),
    Kind("Secret", "v1", "secrets", named_only=True),
    Kind("ServiceAccount", "v1", "serviceaccounts"),
    Kind("ResourceQuota", "v1", "resourcequotas"),
    Kind("LimitRange", "v1", "limitranges"),
    Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims"),
    Kind("Job", "batch/v1", "jobs"),
    Kind("CronJob", "batch/v1", "cronjobs"),
    AUTOSCALER,
    Kind("Ingress", "networking.k8s.io/v1", "ingresses"),
    Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies"),
    Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets"),
    Kind("Certificate", "cert-manager.io/v1", "certificates"),
    Kind("VirtualService", "networking.istio.io/v1beta1", "virtualservices"),
    Kind("HTTPRoute", "gateway.networking.k8s.io/v1", "httproutes"),
)

CLUSTER_SCOPED = (
    Kind("Node", "v1", "nodes"),
    Kind("PersistentVolume", "v1", "persistentvolumes"),
    Kind("StorageClass", "storage.k8s.io/v1", "storageclasses"),
)
